//! The catalogue: which capability each route of Octopus needs, and who else may read it.
//!
//! From Octopus's API documentation and the sources of its clients. A row is: methods, pattern,
//! the capability that it needs, the capabilities that bring it along for their clients, and what
//! it is about, for rules that are narrowed. Of the rows of one kind (the word behind the space)
//! the first that fits counts; kinds are in alphabetical order. What no row fits is judged by
//! [`unplaced`].
//!
//! A pattern is a template and, behind `?`, the query parameters that say which project or
//! environment is meant, or ask for single things by their ids. In a template `{space}` is every
//! spelling of a space, none at all included; `{…}` is one segment, `**` any number of them.

mod row;
mod table;

pub(super) use row::{About, Row};
pub(super) use table::{API, OUTSIDE, START};

use super::capability::Capability;
use super::place::{Place, plain};

/// What may administer although no row says so: a kind that nobody here has heard of, with a word
/// of administration in it.
const SUSPICIOUS: &[&str] = &[
    "apikey",
    "auth",
    "configuration",
    "identit",
    "invitation",
    "licen",
    "login",
    "migration",
    "oidc",
    "permission",
    "role",
    "scim",
    "secret",
    "serviceaccount",
    "signing",
    "space",
    "team",
    "token",
    "user",
];

/// Words that administer wherever they stand.
const ADMINISTRATION: &[&str] = &[
    "accesstoken",
    "apikeys",
    "oidcidentities",
    "permissions",
    "scopeduserroles",
    "serviceaccounts",
    "signingkeys",
    "teams",
    "userroles",
    "users",
];

/// What a route needs that no row fits: everything; or administration, if it could be that. A kind
/// that is not ASCII, or has an escaped slash, could be read in another way than here.
pub(super) fn unplaced(place: &Place<'_>) -> Capability {
    let mut segments = place.below.clone();
    let kind = segments.next().map(joined).unwrap_or_default();
    let could_administer = !kind.is_ascii()
        || kind.contains('/')
        || SUSPICIOUS.iter().any(|word| kind.contains(word))
        || segments
            .map(joined)
            .any(|segment| segment.split('/').any(|word| ADMINISTRATION.contains(&word)));
    if could_administer { Capability::Administer } else { Capability::Everything }
}

/// A segment's word, without what joins its parts: `service-accounts` is `serviceaccounts`.
fn joined(segment: &str) -> String {
    plain(segment).replace(['-', '_'], "")
}
