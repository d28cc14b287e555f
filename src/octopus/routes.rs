//! Octopus's routes: the name of each for the log, and which of them nobody may use through the
//! broker.
//!
//! Octopus serves everything that belongs to a space under three spellings: `/api/Spaces-1/x`,
//! `/api/spaces/{id or slug}/x` and, for the default space, `/api/x`. Its routing ignores case and
//! decodes segments, so the table is compared with lower-cased, decoded segments; what is forwarded
//! is never changed.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The template, for the log: `/api/{space}/releases/create/v1`.
    pub template: &'static str,
    /// True if it manages identities, credentials or the server itself. A short-lived token must
    /// not buy a lasting one, so these are refused whatever the service account may do.
    pub is_administration: bool,
}

/// Which methods of a route administer.
#[derive(Debug, Clone, Copy)]
enum Administers {
    Never,
    Writes,
    Always,
}

/// Requests that Octopus answers to anybody and clients begin with: they pass without credential.
pub fn is_anonymous(method: &Method, path: &str) -> bool {
    match *method {
        Method::HEAD => matches!(path, "" | "/"),
        Method::GET => matches!(
            path,
            "/api" | "/api/" | "/api/octopusservernodes/ping" | "/api/serverstatus/health"
        ),
        _ => false,
    }
}

impl Route {
    /// The route of an effective method and a path below the virtual directory.
    pub fn of(method: &Method, path: &str) -> Self {
        let segments: Vec<Cow<'_, str>> =
            path.split('/').filter(|segment| !segment.is_empty()).map(plain).collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let found = TABLE.iter().find(|(template, _)| fits(template, &segments));
        let (template, administers) = found.copied().unwrap_or(("other", Administers::Never));
        let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let is_administration = match administers {
            Administers::Never => false,
            Administers::Writes => !is_read,
            Administers::Always => true,
        };
        Self { template, is_administration }
    }
}

/// As Octopus's routing reads a segment.
fn plain(segment: &str) -> Cow<'_, str> {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    if decoded.bytes().any(|byte| byte.is_ascii_uppercase()) {
        decoded.to_ascii_lowercase().into()
    } else {
        decoded
    }
}

/// `{space}` stands for every spelling of a space, none at all included; `{…}` for one segment;
/// `**` at the end for any number of them.
fn fits(template: &str, segments: &[&str]) -> bool {
    let Some(tail) = template.strip_prefix("/api/{space}/") else {
        return fits_exactly(template.trim_start_matches('/'), segments);
    };
    let Some((&"api", below)) = segments.split_first() else {
        return false;
    };
    let in_space = match below {
        ["spaces", _, rest @ ..] if !rest.is_empty() => rest,
        [space, rest @ ..] if is_space_id(space) => rest,
        rest => rest,
    };
    fits_exactly(tail, in_space)
}

fn fits_exactly(template: &str, segments: &[&str]) -> bool {
    let mut segments = segments.iter();
    for wanted in template.split('/') {
        if wanted == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if wanted.starts_with('{') || wanted == *segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// `Spaces-1`, lower-cased.
fn is_space_id(segment: &str) -> bool {
    segment.strip_prefix("spaces-").is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The first that fits counts. From Octopus's API documentation and its official clients.
const TABLE: &[(&str, Administers)] = &[
    ("/api", Administers::Never),
    // Credentials and identities.
    ("/token/**", Administers::Always),
    ("/api/token/**", Administers::Always),
    ("/api/{space}/users/login/**", Administers::Always),
    ("/api/{space}/users/logout", Administers::Always),
    ("/api/{space}/users/register", Administers::Always),
    ("/api/{space}/users/authenticate/**", Administers::Always),
    ("/api/{space}/users/me", Administers::Writes),
    ("/api/{space}/users/{user}/apikeys/**", Administers::Always),
    ("/api/{space}/users/{user}/accesstoken/**", Administers::Always),
    ("/api/{space}/users/**", Administers::Writes),
    ("/api/{space}/serviceaccounts/**", Administers::Always),
    ("/api/{space}/signingkeys/**", Administers::Always),
    ("/api/{space}/signingkeyconfiguration/**", Administers::Always),
    ("/api/{space}/externalusers/**", Administers::Always),
    ("/api/{space}/externalgroups/**", Administers::Always),
    ("/api/{space}/teams/**", Administers::Writes),
    ("/api/{space}/scopeduserroles/**", Administers::Writes),
    ("/api/{space}/userroles/**", Administers::Writes),
    // The server itself.
    ("/api/{space}/configuration/**", Administers::Writes),
    ("/api/{space}/serverconfiguration/**", Administers::Writes),
    ("/api/{space}/ratelimitingpolicies/**", Administers::Writes),
    ("/api/{space}/licenses/**", Administers::Writes),
    ("/api/{space}/octopusservernodes/ping", Administers::Never),
    ("/api/{space}/octopusservernodes/**", Administers::Writes),
    ("/api/{space}/serverstatus/**", Administers::Writes),
    ("/api/{space}/maintenanceconfiguration/**", Administers::Writes),
    ("/api/{space}/smtpconfiguration/**", Administers::Writes),
    // Spaces.
    ("/api/spaces", Administers::Writes),
    ("/api/spaces/all", Administers::Never),
    ("/api/spaces/{id}", Administers::Writes),
    // Everyday work.
    ("/api/{space}/packages/raw", Administers::Never),
    ("/api/{space}/packages/raw/validate", Administers::Never),
    ("/api/{space}/packages/{id}/{version}/delta-signature", Administers::Never),
    ("/api/{space}/packages/{id}/{version}/delta", Administers::Never),
    ("/api/{space}/packages/{id}/raw", Administers::Never),
    ("/api/{space}/packages/**", Administers::Never),
    ("/api/{space}/nuget/packages", Administers::Never),
    ("/api/{space}/build-information/**", Administers::Never),
    ("/api/{space}/releases/create/v1", Administers::Never),
    ("/api/{space}/releases/**", Administers::Never),
    ("/api/{space}/deployments/create/untenanted/v1", Administers::Never),
    ("/api/{space}/deployments/create/tenanted/v1", Administers::Never),
    ("/api/{space}/deployments/**", Administers::Never),
    ("/api/{space}/runbook-runs/create/v1", Administers::Never),
    ("/api/{space}/runbook-runs/git/create/v1", Administers::Never),
    ("/api/{space}/runbookruns/**", Administers::Never),
    ("/api/{space}/runbooks/**", Administers::Never),
    ("/api/{space}/tasks", Administers::Never),
    ("/api/{space}/tasks/{id}/details", Administers::Never),
    ("/api/{space}/tasks/{id}/raw", Administers::Never),
    ("/api/{space}/tasks/{id}/cancel", Administers::Never),
    ("/api/{space}/tasks/**", Administers::Never),
    ("/api/{space}/projects/{id}/{gitref}/deploymentprocesses", Administers::Never),
    ("/api/{space}/projects/**", Administers::Never),
    ("/api/{space}/environments/**", Administers::Never),
    ("/api/{space}/machines/discover", Administers::Never),
    ("/api/{space}/machines/**", Administers::Never),
    ("/api/{space}/channels/**", Administers::Never),
    ("/api/{space}/artifacts/**", Administers::Never),
    ("/api/{space}/variables/**", Administers::Never),
    ("/api/{space}/dashboard/**", Administers::Never),
    ("/api/{space}/events/**", Administers::Never),
    ("/mcp", Administers::Never),
    ("/llms.txt", Administers::Never),
    ("/.well-known/**", Administers::Never),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Route {
        Route::of(&method.parse().unwrap(), path)
    }

    #[test]
    fn every_spelling_of_a_space_is_one_route() {
        for path in [
            "/api/Spaces-1/releases/create/v1",
            "/api/spaces/default/releases/create/v1",
            "/api/spaces/Spaces-1/releases/create/v1",
            "/api/releases/create/v1",
            "/API/SPACES-22/Releases/Create/V1",
        ] {
            assert_eq!(route("POST", path).template, "/api/{space}/releases/create/v1", "{path}");
        }
        assert_eq!(route("GET", "/api/spaces/all").template, "/api/spaces/all");
        assert_eq!(route("GET", "/api/Spaces-1").template, "other");
        assert_eq!(route("GET", "/api/").template, "/api");
        assert_eq!(route("GET", "/anything").template, "other");
    }

    #[test]
    fn a_git_ref_is_one_segment() {
        let path = "/api/Spaces-1/projects/Projects-1/refs%2ftags%2fv3/deploymentprocesses";

        let found = route("PUT", path);

        assert_eq!(found.template, "/api/{space}/projects/{id}/{gitref}/deploymentprocesses");
        assert!(!found.is_administration);
    }

    #[test]
    fn what_buys_a_lasting_credential_is_administration() {
        let rows = [
            ("POST", "/api/users/Users-1/apikeys", true),
            ("GET", "/api/users/Users-1/apikeys/v1", true),
            ("POST", "/api/Users/Users-1/%61piKeys", true),
            ("POST", "/api/Spaces-1/users/Users-1/apikeys", true),
            ("POST", "/api/spaces/default/users/Users-1/apikeys", true),
            ("POST", "/api/users/Users-1/apikeys/", true),
            ("POST", "/token/v1", true),
            ("POST", "/api/token/v1", true),
            ("POST", "/api/users/login", true),
            ("POST", "/api/users", true),
            ("PUT", "/api/users/Users-1", true),
            ("PUT", "/api/users/Users-1/revoke-sessions", true),
            ("DELETE", "/api/users/Users-1", true),
            ("POST", "/api/serviceaccounts/Users-1/oidcidentities/create/v1", true),
            ("POST", "/api/signingkeys/rotate/v1", true),
            ("PUT", "/api/teams/Teams-1", true),
            ("DELETE", "/api/spaces/Spaces-1", true),
            ("DELETE", "/api/Spaces-1/projects/Projects-1", false),
            ("GET", "/api/users/me", false),
            ("GET", "/api/users", false),
            ("GET", "/api/teams", false),
            ("GET", "/api/spaces/Spaces-1", false),
            ("POST", "/api/Spaces-1/releases/create/v1", false),
        ];
        for (method, path, expected) in rows {
            assert_eq!(route(method, path).is_administration, expected, "{method} {path}");
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
}
