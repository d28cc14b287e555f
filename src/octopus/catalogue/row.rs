//! What a row of the catalogue is made of.

use http::Method;

use crate::octopus::capability::{Capabilities, Capability};

/// A row. What is taken from its pattern was taken when the program was built: every request looks rows
/// up.
#[derive(Debug, Clone, Copy)]
pub(in crate::octopus) struct Row {
    pub(in crate::octopus) methods: Methods,
    /// The template and the query parameters that say what is meant.
    pub(in crate::octopus) pattern: &'static str,
    /// The pattern without its query, for the log.
    pub(in crate::octopus) template: &'static str,
    /// Whether the template begins with `/api/{space}`: it is of a space, not of the server alone.
    pub(in crate::octopus) is_of_spaces: bool,
    /// What stands below `/api` and the space; or, elsewhere, the whole template.
    pub(in crate::octopus) below: &'static str,
    /// The word behind the space.
    pub(in crate::octopus) kind: &'static str,
    pub(in crate::octopus) needs: Needs,
    /// The capabilities that bring it along.
    pub(in crate::octopus) brought_by: Capabilities,
    pub(in crate::octopus) about: About,
}

/// The row of these methods and of this pattern.
pub(super) const fn row(
    methods: Methods,
    pattern: &'static str,
    needs: Needs,
    brought_by: Capabilities,
    about: About,
) -> Row {
    let template = before(b'?', pattern);
    let (is_of_spaces, below) = match (behind("/api/{space}", template), behind("/api", template)) {
        (Some(below), _) => (true, below),
        (None, Some(below)) => (false, below),
        (None, None) => (false, template),
    };
    let kind = match behind("/", below) {
        Some(below) => before(b'/', below),
        None if is_of_spaces => "{space}",
        None => "",
    };
    Row { methods, pattern, template, is_of_spaces, below, kind, needs, brought_by, about }
}

/// A text up to the first of these bytes.
const fn before(byte: u8, text: &'static str) -> &'static str {
    let (mut bytes, mut at) = (text.as_bytes(), 0);
    while let [first, rest @ ..] = bytes {
        if *first == byte {
            break;
        }
        (bytes, at) = (rest, at + 1);
    }
    text.split_at(at).0
}

/// What follows a prefix.
const fn behind(prefix: &str, text: &'static str) -> Option<&'static str> {
    let Some((start, rest)) = text.split_at_checked(prefix.len()) else { return None };
    let (mut wanted, mut found) = (prefix.as_bytes(), start.as_bytes());
    while let ([one, others @ ..], [other, more @ ..]) = (wanted, found) {
        if *one != *other {
            return None;
        }
        (wanted, found) = (others, more);
    }
    Some(rest)
}

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
    /// The query parameters that say what is meant.
    pub(in crate::octopus) fn parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        let query = self.pattern.split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter(|name| !name.is_empty())
    }
}
