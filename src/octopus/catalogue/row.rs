//! What a row of the catalogue is made of.

use http::Method;

use crate::octopus::capability::{Capabilities, Capability};

/// A row: methods, template, needed capability, capabilities that bring it, what it is about.
#[derive(Debug, Clone, Copy)]
pub(in crate::octopus) struct Row(
    pub(in crate::octopus) Methods,
    pub(in crate::octopus) &'static str,
    pub(in crate::octopus) Needs,
    pub(in crate::octopus) Capabilities,
    pub(in crate::octopus) About,
);

/// Nobody may use a route without one.
pub(in crate::octopus) type Needs = Option<Capability>;

/// What a call is about, and so which narrowings of a rule it has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::octopus) enum About {
    /// The server: clients begin with it, and no narrowing touches it.
    Server,
    /// A space as a whole: it is of no project and no environment.
    Space,
    /// A project, of a space.
    Project,
    /// An environment, of a space.
    Environment,
    /// A project and an environment; or what can't be told apart.
    Target,
    /// A release to be created: the body names the project.
    NewRelease,
    /// A deployment or runbook run to be created: the body names project and environment.
    NewRun,
    /// The same by the id of a release or a runbook, which decides the project: it can't be seen.
    ByIds,
}

/// Methods of a row, by their effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::octopus) struct Methods(u8);

impl Methods {
    pub(in crate::octopus) fn have(self, method: &Method) -> bool {
        let bit = match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => GET,
            Method::POST => POST,
            Method::PUT => PUT,
            Method::DELETE => DELETE,
            _ => WRITES,
        };
        self.0 & bit.0 == bit.0
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// For the documentation.
impl std::fmt::Display for Methods {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [(GET, "GET"), (POST, "POST"), (PUT, "PUT"), (DELETE, "DELETE")];
        let text = match *self {
            ANY => "any".to_owned(),
            WRITES => "others".to_owned(),
            Self(bits) => {
                let had = names.iter().filter(|(one, _)| bits & one.0 != 0).map(|(_, name)| *name);
                had.collect::<Vec<_>>().join(", ")
            }
        };
        formatter.write_str(&text)
    }
}

/// Reads: GET, HEAD and OPTIONS (RFC 9110 9.2.1).
pub(super) const GET: Methods = Methods(1);
pub(super) const POST: Methods = Methods(2);
pub(super) const PUT: Methods = Methods(4);
const DELETE: Methods = Methods(8);
pub(super) const CHANGE: Methods = PUT.or(DELETE);
/// Whatever is no read.
pub(super) const WRITES: Methods = POST.or(CHANGE);
pub(super) const ANY: Methods = GET.or(WRITES);

impl Row {
    /// The template without its query, for the log.
    pub(in crate::octopus) fn template(&self) -> &'static str {
        self.1.split_once('?').map_or(self.1, |(path, _)| path)
    }

    /// The query parameters that say what is meant.
    pub(in crate::octopus) fn parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        let query = self.1.split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter(|name| !name.is_empty())
    }

    /// The word behind the space.
    pub(in crate::octopus) fn kind(&self) -> &'static str {
        let below = self.1.strip_prefix("/api/{space}/");
        let below = below.or_else(|| self.1.strip_prefix("/api/")).unwrap_or_default();
        below.split(['/', '?']).next().unwrap_or_default()
    }
}
