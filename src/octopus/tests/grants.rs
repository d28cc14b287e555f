//! What each capability opens.

use http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample;

use super::{grant, judged};
use crate::octopus::capability::Capability;
use crate::octopus::catalogue::{API, OUTSIDE, Row, START};
use crate::octopus::{Call, Grant, NotAllowed, ServiceAccount};

/// A call of each capability, and of none.
const OF_EACH: [(&str, &str); 12] = [
    ("read", "GET /api/Spaces-1/dashboard"),
    ("push-packages", "POST /api/Spaces-1/packages/raw"),
    ("push-build-information", "POST /api/Spaces-1/build-information"),
    ("create-releases", "POST /api/Spaces-1/releases/create/v1"),
    ("deploy", "POST /api/Spaces-1/deployments/create/untenanted/v1"),
    ("run-runbooks", "POST /api/Spaces-1/runbook-runs/create/v1"),
    ("manage-targets", "POST /api/Spaces-1/machines"),
    ("cancel-tasks", "POST /api/Spaces-1/tasks/ServerTasks-1/cancel"),
    ("mcp", "POST /mcp"),
    ("everything", "DELETE /api/Spaces-1/projects/Projects-1"),
    ("administer", "POST /api/users/Users-1/apikeys"),
    ("nobody", "POST /token/v1/"),
];

#[test]
fn a_capability_opens_its_own_calls_and_no_others() {
    for capability in Capability::ALL {
        let grant = grant(capability.as_str());
        for (needed, call) in OF_EACH {
            let is_own = needed == capability.as_str();
            let is_of_everything =
                capability == Capability::Everything && !["administer", "nobody"].contains(&needed);
            let outcome = judged(&grant, call);
            assert_eq!(outcome.is_ok(), is_own || is_of_everything, "{capability}: {call}");
        }
    }
}

#[test]
fn capabilities_add_up() {
    let both = grant("everything administer");

    for (needed, call) in OF_EACH {
        assert_eq!(judged(&both, call).is_ok(), needed != "nobody", "{call}");
    }
}

#[test]
fn a_refusal_names_what_is_needed_to_the_caller_and_what_is_had_to_the_operator() {
    let refusal = judged(&grant("read deploy"), "POST /api/Spaces-1/packages/raw").unwrap_err();

    let sentence = "This request needs the capability `push-packages`, which is not granted.";
    assert_eq!(refusal.sentence(), sentence);
    let detail = "the call needs `push-packages`, and the rule allows read, deploy";
    assert_eq!(refusal.to_string(), detail);
    let never = judged(&grant("administer"), "POST /api/users/login");
    assert_eq!(never, Err(NotAllowed::Never));
}

#[test]
fn agents_read_where_nothing_is_said_and_others_do_everything() {
    let account = |is_agent| ServiceAccount {
        name: "bot".to_owned(),
        id: None,
        audience: None,
        api_key: None,
        is_agent,
    };

    assert_eq!(Grant::default_for(&account(true)), grant("read"));
    assert_eq!(Grant::default_for(&account(false)), grant("everything"));
}

/// What the clients of each capability ask, in their order. The command line (Go), the actions
/// (TypeScript), the .NET library with octo, and older scripts.
const STORIES: &[(&str, &str)] = &[
    (
        "push-packages",
        "GET /api/|GET /api/spaces|GET /api/Spaces-1|\
         GET /api/Spaces-1/packages/web/1.0/delta-signature|\
         POST /api/Spaces-1/packages/web/0.9/delta?overwriteMode=FailIfExists|\
         POST /api/Spaces-1/packages/raw?overwriteMode=FailIfExists",
    ),
    (
        "push-packages",
        "GET /api|GET /api/spaces?partialName=Default&skip=0&take=2147483647|GET /api/users/me|\
         POST /api/Spaces-1/packages/raw?replace=true|GET /api/Spaces-1/packages/packages-web.1.0",
    ),
    (
        "push-packages",
        "GET /api/Spaces-1/nuget/packages|PUT /api/Spaces-1/nuget/packages|PUT /nuget/packages",
    ),
    (
        "push-build-information",
        "GET /api/|GET /api/spaces/all|GET /api/Spaces-1|GET /api/users/me|\
         POST /api/Spaces-1/build-information?overwriteMode=FailIfExists|\
         GET /api/Spaces-1/build-information/BuildInformation-1|POST /api/Spaces-1/package-metadata",
    ),
    (
        "create-releases",
        "GET /api/|GET /api/spaces|GET /api/Spaces-1|POST /api/Spaces-1/releases/create/v1|\
         GET /api/Spaces-1/releases/Releases-999|GET /api/Spaces-1/channels/Channels-32",
    ),
    // The command line, when it asks a person.
    (
        "create-releases",
        "GET /api/Spaces-1/projects/Projects-1/git/branches/v2|\
         GET /api/Spaces-1/projects/Projects-1/refs%2fheads%2fmain/deploymentprocesses|\
         GET /api/Spaces-1/projects/Projects-1/refs%2fheads%2fmain/deploymentprocesses/template|\
         GET /api/Spaces-1/projects/Projects-1/refs%2fheads%2fmain/deploymentsettings|\
         GET /api/Spaces-1/projects/Projects-1/deploymentprocesses|\
         GET /api/Spaces-1/projects/Projects-1/deploymentsettings",
    ),
    (
        "create-releases",
        "GET /api|GET /api/spaces/all|GET /api/Spaces-1|GET /api/users/me|\
         GET /api/Spaces-1/projects/all|GET /api/Spaces-1/projects?name=Web|\
         GET /api/Spaces-1/projects/Projects-1|GET /api/Spaces-1/projects/Projects-1/channels|\
         GET /api/Spaces-1/deploymentprocesses/deploymentprocess-Projects-1|\
         GET /api/Spaces-1/deploymentprocesses/deploymentprocess-Projects-1/template?channel=C-1|\
         GET /api/Spaces-1/feeds?ids=feeds-builtin|GET /api/Spaces-1/feeds/feeds-builtin|\
         GET /api/Spaces-1/feeds/feeds-builtin/packages/versions?packageId=web&take=1|\
         GET /api/Spaces-1/channels/rule-test?version=1.0|\
         GET /api/Spaces-1/projects/Projects-1/releases/1.0|POST /api/Spaces-1/releases|\
         GET /api/Spaces-1/releases/Releases-1",
    ),
    (
        "deploy",
        "GET /api/|GET /api/Spaces-1|GET /api/Spaces-1/projects/Fire%20Project|\
         POST /api/Spaces-1/deployments/create/untenanted/v1|\
         GET /api/Spaces-1/projects/Projects-22/releases/1.0|\
         GET /api/tasks?ids=ServerTasks-1|GET /api/tasks/ServerTasks-1/details",
    ),
    (
        "deploy",
        "GET /api|GET /api/spaces?partialName=Default|\
         POST /api/Spaces-1/deployments/create/tenanted/v1|\
         GET /api/Spaces-1/tasks?skip=0&take=300&ids=ServerTasks-1|\
         GET /api/Spaces-1/tasks/ServerTasks-1|GET /api/Spaces-1/tasks/ServerTasks-1/raw",
    ),
    (
        "deploy",
        "GET /api|GET /api/spaces/all|GET /api/Spaces-1/projects/all|\
         GET /api/Spaces-1/projects?name=Web|GET /api/Spaces-1/projects/shop|\
         GET /api/Spaces-1/projects/Projects-1/channels|\
         GET /api/Spaces-1/projects/Projects-1/channels/Channels-1/releases|\
         GET /api/Spaces-1/channels/Channels-1/releases|GET /api/Spaces-1/releases/Releases-1|\
         GET /api/Spaces-1/deploymentProcesses/deploymentprocess-Projects-1|\
         GET /api/Spaces-1/variables/variableset-Projects-1|\
         GET /api/Spaces-1/environments?name=Test|GET /api/Spaces-1/environments/all|\
         GET /api/Spaces-1/environments/Environments-1|\
         GET /api/Spaces-1/machines?name=web01|GET /api/Spaces-1/tenants?name=acme|\
         GET /api/Spaces-1/releases/Releases-1/deployments/template|\
         GET /api/Spaces-1/releases/Releases-1/deployments/preview/Environments-1|\
         GET /api/Spaces-1/releases/Releases-1/progression|POST /api/Spaces-1/deployments|\
         GET /api/Spaces-1/deployments/Deployments-1|\
         GET /api/Spaces-1/interruptions?regarding=ServerTasks-1&pendingOnly=true",
    ),
    (
        "run-runbooks",
        "GET /api/|GET /api/Spaces-1|POST /api/Spaces-1/runbook-runs/create/v1|\
         GET /api/tasks?ids=ServerTasks-1|GET /api/Spaces-1/tasks/ServerTasks-1|\
         GET /api/Spaces-1/tasks/ServerTasks-1/details|GET /api/Spaces-1/tasks/ServerTasks-1/raw",
    ),
    (
        "run-runbooks",
        "GET /api/Spaces-1/projects/Projects-1|GET /api/Spaces-1/projects/Projects-1/git/branches|\
         GET /api/Spaces-1/projects/Projects-1/runbooks?partialName=x|\
         GET /api/Spaces-1/projects/Projects-1/runbooks/Runbooks-1/runbookSnapshots|\
         GET /api/Spaces-1/projects/Projects-1/runbookProcesses/RunbookProcesses-1|\
         GET /api/Spaces-1/projects/Projects-1/main/runbooks|\
         GET /api/Spaces-1/projects/Projects-1/main/runbookProcesses/RunbookProcesses-1|\
         GET /api/Spaces-1/projects/Projects-1/main/variables|\
         GET /api/Spaces-1/environments/Environments-1|GET /api/Spaces-1/machines?name=web01|\
         GET /api/Spaces-1/tenants?name=acme|POST /api/Spaces-1/runbook-runs/git/create/v1",
    ),
    (
        "run-runbooks",
        "GET /api|GET /api/spaces/all|GET /api/Spaces-1/projects/all|\
         GET /api/Spaces-1/projects?name=Web|GET /api/Spaces-1/environments?name=Test|\
         GET /api/Spaces-1/environments/all|GET /api/Spaces-1/runbooks?projectIds=Projects-1|\
         GET /api/Spaces-1/runbooks/Runbooks-1|GET /api/Spaces-1/runbooks/Runbooks-1/environments|\
         GET /api/Spaces-1/runbooks/Runbooks-1/runbookRuns/preview/Environments-1|\
         GET /api/Spaces-1/runbookSnapshots/RunbookSnapshots-1|\
         GET /api/Spaces-1/runbookSnapshots/RunbookSnapshots-1/runbookRuns/template|\
         GET /api/Spaces-1/runbooksnapshots/R-1/runbookRuns/preview/Environments-1|\
         GET /api/Spaces-1/variables/variableset-Projects-1|\
         POST /api/Spaces-1/runbookRuns|GET /api/Spaces-1/runbookRuns/RunbookRuns-1",
    ),
    (
        "manage-targets",
        "GET /api|GET /api/spaces|GET /api/Spaces-1/environments?partialName=Test|\
         GET /api/Spaces-1/environments/all|GET /api/Spaces-1/environments/Environments-1|\
         GET /api/Spaces-1/accounts?accountType=AzureOidc|GET /api/Spaces-1/accounts/Accounts-1|\
         GET /api/Spaces-1/machinepolicies/all|GET /api/Spaces-1/machineroles/all|\
         GET /api/Spaces-1/deploymenttargettags|GET /api/Spaces-1/tagsets|\
         GET /api/Spaces-1/tenants|GET /api/Spaces-1/workerpools/all|GET /api/Spaces-1/proxies/all|\
         GET /api/Spaces-1/machines/discover?host=10.0.0.1&port=10933&type=TentaclePassive|\
         GET /api/Spaces-1/machines?name=web01|POST /api/Spaces-1/machines|\
         GET /api/Spaces-1/machines/Machines-1|PUT /api/Spaces-1/machines/Machines-1|\
         GET /api/Spaces-1/machines/Machines-1/connection|GET /api/Spaces-1/workers?name=w1|\
         DELETE /api/Spaces-1/machines/Machines-1|POST /api/Spaces-1/workers",
    ),
    (
        "cancel-tasks",
        "GET /api/|GET /api/Spaces-1|GET /api/tasks/ServerTasks-1|\
         POST /api/spaces/Spaces-1/tasks/ServerTasks-1/cancel|GET /api/Spaces-1/tasks?ids=x",
    ),
    // octo and scripts look things up in whole lists, and by the links of what they found.
    ("push-packages", "GET /api/Spaces-1/packages?nuGetPackageId=web"),
    ("push-build-information", "GET /api/Spaces-1/build-information?packageId=web"),
    (
        "create-releases",
        "GET /api/Spaces-1/channels|POST /api/Spaces-1/channels/rule-test|\
         GET /api/Spaces-1/channels/Channels-1/releases|GET /api/Spaces-1/lifecycles/all|\
         GET /api/Spaces-1/packages?nuGetPackageId=web|GET /api/Spaces-1/releases|\
         GET /api/Spaces-1/packages/packages-web.1.0",
    ),
    (
        "deploy",
        "GET /api/Spaces-1/channels|GET /api/Spaces-1/channels/Channels-1|\
         GET /api/Spaces-1/lifecycles/Lifecycles-1|GET /api/Spaces-1/tenants/all|\
         GET /api/Spaces-1/tenants/Tenants-1|GET /api/Spaces-1/tagsets/all|\
         GET /api/Spaces-1/machines/all|GET /api/Spaces-1/environments/v2|\
         GET /api/Spaces-1/dashboard/dynamic?projects=Projects-1&environments=Environments-1|\
         GET /api/Spaces-1/progression/Projects-1|GET /api/Spaces-1/deploymentfreezes|\
         GET /api/Spaces-1/projects/Projects-1/progression|GET /api/Spaces-1/releases|\
         GET /api/Spaces-1/projects/Projects-1/deploymentprocesses|\
         GET /api/Spaces-1/projects/Projects-1/deploymentsettings|\
         GET /api/Spaces-1/projects/Projects-1/main/deploymentprocesses|\
         GET /api/Spaces-1/projects/Projects-1/main/deploymentsettings|\
         GET /api/Spaces-1/releases/R-1/deployments/preview/Environments-1/Tenants-1|\
         GET /api/Spaces-1/releases/R-1/deployments|GET /api/Spaces-1/deployments|\
         GET /api/Spaces-1/interruptions/Interruptions-1",
    ),
    (
        "run-runbooks",
        "GET /api/Spaces-1/tenants/all|GET /api/Spaces-1/tenants/Tenants-1|\
         GET /api/Spaces-1/tagsets/all|GET /api/Spaces-1/machines/all|\
         GET /api/Spaces-1/environments/v2|GET /api/Spaces-1/runbookSnapshots|\
         GET /api/Spaces-1/runbooks/Runbooks-1/runbookRunTemplate|\
         GET /api/Spaces-1/runbookProcesses/RunbookProcess-Runbooks-1|\
         GET /api/Spaces-1/runbookRuns|POST /api/Spaces-1/runbooks/Runbooks-1/run/v1|\
         GET /api/Spaces-1/interruptions?regarding=ServerTasks-1|\
         GET /api/Spaces-1/interruptions/Interruptions-1",
    ),
    (
        "manage-targets",
        "GET /api/Spaces-1/environments/v2|GET /api/Spaces-1/machines/all|\
         GET /api/Spaces-1/tenants/all|GET /api/Spaces-1/tenants/Tenants-1|\
         GET /api/Spaces-1/certificates|GET /api/Spaces-1/certificates/Certificates-1|\
         GET /api/Spaces-1/feeds|GET /api/Spaces-1/feeds/Feeds-1",
    ),
    // Who is to change something looks at it first.
    (
        "administer",
        "GET /api|GET /api/users?filter=ci|POST /api/users|GET /api/teams/Teams-1|\
         GET /api/userroles/all|GET /api/scopeduserroles|GET /api/permissions/all|\
         GET /api/teammembership?userId=Users-1|GET /api/configuration/authentication/values|\
         GET /api/serverconfiguration|GET /api/serverstatus/system-info|\
         GET /api/smtpconfiguration|GET /api/smtpconfiguration/isconfigured|\
         GET /api/letsencryptconfiguration|GET /api/licenses/licenses-current|\
         GET /api/licenses/licenses-current-status|GET /api/maintenanceconfiguration|\
         GET /api/octopusservernodes/all|GET /api/performanceconfiguration|\
         GET /api/telemetryconfiguration|GET /api/upgradeconfiguration",
    ),
];

#[test]
fn the_clients_of_a_capability_get_what_they_ask() {
    for (capability, calls) in STORIES {
        let grant = grant(capability);
        for call in calls.split('|') {
            assert_eq!(judged(&grant, call), Ok(()), "{capability}: {call}");
        }
    }
}

#[test]
fn nothing_is_brought_that_no_client_asks() {
    let mut unasked = Vec::new();
    for row in API.iter().chain(OUTSIDE).filter(|row| row.brought_by != START) {
        for capability in row.brought_by.iter() {
            let of_it = STORIES.iter().filter(|(of, _)| *of == capability.as_str());
            let is_asked = of_it.flat_map(|(_, calls)| calls.split('|')).any(|call| {
                let (method, target) = call.split_once(' ').unwrap();
                let method: Method = method.parse().unwrap();
                let found = Call::new(&method, target).route.row;
                found.is_some_and(|found| {
                    (found.methods, found.pattern) == (row.methods, row.pattern)
                })
            });
            if !is_asked {
                unasked.push(format!("{capability}: {}", row.pattern));
            }
        }
    }
    assert!(unasked.is_empty(), "{}", unasked.join("\n"));
}

/// Each character as it is, in another case, or escaped.
fn respelled(path: &str, choices: &[u8]) -> String {
    let spelt = path.chars().zip(choices.iter().cycle()).map(|(character, choice)| match choice {
        _ if !character.is_ascii_alphanumeric() => character.to_string(),
        0 => character.to_ascii_uppercase().to_string(),
        1 => format!("%{:02x}", u32::from(character.to_ascii_lowercase())),
        2 => format!("%{:02X}", u32::from(character.to_ascii_uppercase())),
        _ => character.to_string(),
    });
    spelt.collect()
}

/// The rows that nobody has who was not given them by name.
fn administration() -> Vec<Row> {
    let rows = API.iter().chain(OUTSIDE).copied();
    rows.filter(|row| matches!(row.needs, None | Some(Capability::Administer))).collect()
}

proptest! {
    #[test]
    fn no_spelling_opens_administration(
        row in sample::select(administration()),
        space in sample::select(vec!["/api", "/api/Spaces-1", "/api/spaces/web"]),
        choices in vec(0_u8..6, 1..40),
    ) {
        let path = row.template.replace("/api/{space}", space).replace("/**", "/x");
        let target = respelled(&path.replace(['{', '}'], ""), &choices);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if row.methods.have(&method) {
                let judged = grant("everything").judge(&Call::new(&method, &target));
                prop_assert!(judged.is_err(), "{} {}", method, target);
            }
        }
    }

    #[test]
    fn no_path_makes_it_panic(path in "(/[a-zA-Z%{}*.0-9-]{0,9}|/api|/spaces|/Spaces-1|/%2f){0,6}") {
        let grant = grant("everything");
        let _ = grant.judge(&Call::new(&Method::GET, &path));
    }
}
