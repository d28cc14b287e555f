//! Which route a path is, and what it needs.

use http::Method;

use crate::octopus::capability::Capability;
use crate::octopus::catalogue::{API, OUTSIDE, Row, START};
use crate::octopus::{Route, is_anonymous};

fn route(method: &str, path: &str) -> Route {
    Route::of(&method.parse().unwrap(), path)
}

fn needed(method: &str, path: &str) -> &'static str {
    route(method, path).needs.map_or("nobody", Capability::as_str)
}

/// A path that fits the row; placeholders and `**` become words that stand in no other row.
fn sample(row: &Row, space: &str) -> String {
    let template = row.template.replace("/api/{space}", &format!("/api{space}"));
    let segments = template.split('/').map(|segment| match segment {
        "**" => "zzz/zzz",
        _ if segment.starts_with('{') => "Zzz-1",
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The methods of a row.
fn methods(row: &Row) -> Vec<Method> {
    let all = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    all.into_iter().filter(|method| row.methods.have(method)).collect()
}

#[test]
fn every_row_is_reached_in_every_spelling_by_each_of_its_methods() {
    for row in API.iter().chain(OUTSIDE) {
        let is_of_spaces = row.is_of_spaces;
        let has_tail = !row.kind.starts_with('{');
        let spellings: &[&str] = match (is_of_spaces, has_tail) {
            (true, true) => &["/Spaces-1", "/sPACES-22", "/spaces/web", "/spaces/Spaces-1", ""],
            (true, false) => &["/Spaces-1", "/spaces/web"],
            (false, _) => &[""],
        };
        for space in spellings {
            let path = sample(row, space);
            let escaped = path.replace('a', "%61").replace('s', "%53");
            for method in methods(row) {
                for path in [&path, &path.to_uppercase(), &escaped, &format!("{path}/")] {
                    let found =
                        Route::of(&method, path).row.map(|found| (found.methods, found.pattern));
                    assert_eq!(found, Some((row.methods, row.pattern)), "{method} {path}");
                }
            }
        }
        assert!(!methods(row).is_empty(), "{}", row.pattern);
    }
}

#[test]
fn kinds_are_in_order() {
    assert!(API.is_sorted_by_key(|row| row.kind));
}

#[test]
fn what_a_word_of_the_table_says_is_lower_case() {
    for row in API.iter().chain(OUTSIDE) {
        let template = row.template;
        assert_eq!(template, template.to_ascii_lowercase(), "Octopus ignores case");
    }
}

#[test]
fn reads_need_read_and_what_is_brought_is_a_read() {
    for row in API.iter().chain(OUTSIDE) {
        let is_brought = row.brought_by.iter().next().is_some();
        let is_read = methods(row).iter().all(Method::is_safe);
        assert!(!is_brought || is_read, "{}", row.pattern);
        assert!(row.needs != Some(Capability::Read) || is_read, "{}", row.pattern);
        let is_implied =
            row.brought_by.has(Capability::Read) || row.brought_by.has(Capability::Everything);
        assert!(!is_implied || row.brought_by == START, "{}", row.pattern);
    }
}

#[test]
fn the_log_has_the_template_without_space_and_query() {
    for path in [
        "/api/Spaces-1/releases/create/v1",
        "/api/spaces/default/releases/create/v1",
        "/api/releases/create/v1",
        "/API/SPACES-22/Releases/Create/V1",
    ] {
        assert_eq!(route("POST", path).template, "/api/{space}/releases/create/v1", "{path}");
    }
    assert_eq!(route("GET", "/api/tasks").template, "/api/{space}/tasks");
    assert_eq!(route("GET", "/api/spaces/all").template, "/api/spaces/all");
    assert_eq!(route("GET", "/api/Spaces-1").template, "/api/{space}");
    assert_eq!(route("GET", "/api/").template, "/api");
    assert_eq!(route("GET", "/anything").template, "other");
    let git = "/api/Spaces-1/projects/Projects-1/refs%2ftags%2fv3/deploymentprocesses";
    let template = "/api/{space}/projects/{project}/{gitref}/deploymentprocesses";
    assert_eq!(route("PUT", git).template, template);
}

/// Capability, then calls that need it.
const CALLS: &[(&str, &str)] = &[
    ("read", "GET /api|HEAD /|OPTIONS /api|GET /api/Spaces-1|GET /api/spaces|GET /api/spaces/web"),
    ("read", "GET /api/users/me|GET /api/users|GET /api/teams|GET /api/userroles/UserRoles-1"),
    ("read", "GET /api/Spaces-1/tasks|GET /api/tasks/ServerTasks-1/raw|GET /api/events?asCsv=true"),
    ("read", "GET /api/Spaces-1/artifacts/Artifacts-1/content|GET /api/dashboard|GET /llms.txt"),
    ("read", "GET /api/Spaces-1/packages/packages-web.1.0/raw|GET /api/Spaces-1/variables/x"),
    ("read", "HEAD /api/Spaces-1/projects|OPTIONS /api/Spaces-1/releases/create/v1"),
    ("push-packages", "POST /api/Spaces-1/packages/raw|POST /api/packages/raw/validate"),
    ("push-packages", "POST /api/spaces/web/packages/Acme.Web/1.0/delta"),
    (
        "push-packages",
        "PUT /api/Spaces-1/nuget/packages|PUT /nuget/packages|PUT /web/nuget/packages",
    ),
    ("push-build-information", "POST /api/Spaces-1/build-information|POST /api/package-metadata"),
    ("create-releases", "POST /api/Spaces-1/releases/create/v1|POST /api/Spaces-1/releases"),
    ("create-releases", "POST /api/releases/Releases-1/snapshot-variables"),
    (
        "deploy",
        "POST /api/Spaces-1/deployments/create/untenanted/v1|POST /api/Spaces-1/deployments",
    ),
    ("deploy", "POST /api/deployments/create/tenanted/v1"),
    ("run-runbooks", "POST /api/Spaces-1/runbook-runs/create/v1|POST /api/spaces/web/runbookRuns"),
    ("run-runbooks", "POST /api/runbook-runs/git/create/v1"),
    ("run-runbooks", "POST /api/Spaces-1/projects/Projects-1/main/runbooks/backup/run/v1"),
    ("manage-targets", "POST /api/Spaces-1/machines|PUT /api/Spaces-1/machines/Machines-1"),
    (
        "manage-targets",
        "DELETE /api/machines/Machines-1|GET /api/Spaces-1/machines/discover?host=x",
    ),
    ("manage-targets", "GET /api/workers/discover|POST /api/workers|DELETE /api/workers/Workers-1"),
    ("cancel-tasks", "POST /api/Spaces-1/tasks/ServerTasks-1/cancel|POST /api/tasks/x/cancel"),
    ("mcp", "POST /mcp|GET /mcp|DELETE /mcp|POST /MCP/"),
    ("everything", "POST /api/Spaces-1/tasks/rerun/ServerTasks-1|POST /api/Spaces-1/tasks"),
    ("everything", "POST /api/Spaces-1/deployments/override|PUT /api/releases/Releases-1"),
    ("everything", "POST /api/Spaces-1/interruptions/Interruptions-1/submit"),
    ("everything", "DELETE /api/Spaces-1/projects/Projects-1|POST /api/Spaces-1/channels"),
    ("everything", "GET /api/Spaces-1/certificates/Certificates-1/export|GET /api/accounts/A-1/pk"),
    ("everything", "GET /api/Spaces-1/subscriptions/Subscriptions-1"),
    (
        "everything",
        "GET /api/Spaces-1/projects/import-export/import-files|POST /api/Spaces-1/feeds",
    ),
    ("administer", "GET /api/configuration/authentication/values|GET /api/serverconfiguration"),
    ("administer", "GET /api/smtpconfiguration|GET /api/upgradeconfiguration|POST /api/api-keys"),
    ("administer", "POST /api/service-accounts|GET /api/novelties/x/oidc-identities/y"),
    ("create-releases", "POST /api/Spaces-1/channels/rule-test"),
    ("run-runbooks", "POST /api/Spaces-1/runbooks/Runbooks-1/run/v1"),
    ("run-runbooks", "POST /api/Spaces-1/projects/Projects-1/runbooks/Runbooks-1/run/v1"),
    ("read", "GET /api/Spaces-1/dashboardconfiguration|GET /api/Spaces-1/insights/reports"),
    ("read", "GET /api/platformhub/main/processtemplates"),
    ("everything", "PUT /api/Spaces-1/dashboardconfiguration|POST /api/Spaces-1/insights/reports"),
    ("everything", "GET /api/serverstatus/system-report|GET /api/licenses/licenses-current"),
    ("everything", "PATCH /api/Spaces-1/machines/Machines-1|PATCH /api/Spaces-1/environments/E-1"),
    ("everything", "GET /api/Spaces-1/novelties|POST /api/Spaces-1/novelties/x|GET /elsewhere"),
    ("administer", "POST /api/users/Users-1/apikeys|GET /api/users/Users-1/apikeys/v1"),
    ("administer", "POST /api/Users/Users-1/%61piKeys|POST /api/users/Users-1/apikeys/"),
    ("administer", "POST /api/Spaces-1/users/Users-1/apikeys|GET /api/users/Users-1/apiKey%C5%BF"),
    ("administer", "POST /api/spaces/default/users/Users-1/apikeys|POST /api/users/x/accesstoken"),
    ("administer", "POST /api/users|PUT /api/users/Users-1|PUT /api/users/Users-1/revoke-sessions"),
    (
        "administer",
        "DELETE /api/users/Users-1|POST /api/users/invitations|PATCH /api/users/Users-1",
    ),
    (
        "administer",
        "POST /api/serviceaccounts/Users-1/oidcidentities/create/v1|GET /api/signingkeys",
    ),
    (
        "administer",
        "GET /api/serviceaccounts/Users-1/oidcidentities|POST /api/signingkeys/rotate/v1",
    ),
    ("administer", "PUT /api/teams/Teams-1|POST /api/scopeduserroles|DELETE /api/userroles/x"),
    (
        "administer",
        "DELETE /api/spaces/Spaces-1|DELETE /api/Spaces-1|PUT /api/spaces/web|POST /api/spaces",
    ),
    ("administer", "PUT /api/configuration/certificates|PUT /api/serverconfiguration"),
    (
        "administer",
        "PUT /api/featuresconfiguration|POST /api/licenses/x|PUT /api/smtpconfiguration",
    ),
    (
        "administer",
        "PUT /api/octopusservernodes/OctopusServerNodes-1|POST /api/octopusservernodes/ping",
    ),
    ("administer", "GET /api/configuration/certificates/certificate-global/export|POST /api"),
    // Not known, and perhaps administration.
    (
        "administer",
        "POST /api/oauthclients|GET /api/apikeys|POST /api/useraccess|PUT /api/newconfiguration",
    ),
    (
        "administer",
        "GET /api/novelties/x/apikeys|POST /api/Spaces-1/spaces/Spaces-2|GET /api/%C3%A4",
    ),
    // An escaped slash is part of a Git ref, and elsewhere suspicious.
    ("read", "GET /api/Spaces-1/projects/Projects-1/refs%2Fheads%2fmain/deploymentprocesses"),
    ("everything", "GET /api/Spaces-1/certificates/Certificates-1%2Fexport|GET /api/tasks/x%2fraw"),
    ("everything", "GET /api/Spaces-1/projects/import-export%2fx|PUT /api/Spaces-1/machines/x%2fy"),
    ("administer", "GET /api/users/Users-1%2fapikeys|DELETE /api/Spaces-1%2fprojects/Projects-1"),
    ("administer", "POST /api%2Fusers/Users-1|PUT /api/scheduler%2fx|POST /api/x/users%2Fy"),
    ("nobody", "POST /token/v1/|GET /token/x|POST /api/token/v1|POST /api/users/login"),
    ("nobody", "POST /api/users/logout|GET /users/authenticate/OctopusID|POST /api/users/register"),
];

#[test]
fn calls_need_what_the_documentation_says() {
    for (capability, calls) in CALLS {
        for call in calls.split('|') {
            let (method, target) = call.split_once(' ').unwrap();
            let path = target.split('?').next().unwrap();
            assert_eq!(needed(method, path), *capability, "{call}");
        }
    }
}

#[test]
fn few_requests_need_no_credential() {
    for (method, path, expected) in [
        ("GET", "/api", true),
        ("GET", "/api/", true),
        ("GET", "/api/octopusservernodes/ping", true),
        ("GET", "/api/serverstatus/health", true),
        ("HEAD", "/", true),
        ("HEAD", "/api", false),
        ("POST", "/api", false),
        ("GET", "/", false),
        ("GET", "/api/Spaces-1", false),
        ("GET", "/API", false),
    ] {
        assert_eq!(is_anonymous(&method.parse().unwrap(), path), expected, "{method} {path}");
    }
}
