//! Which OIDC identity should have let a token in, and what differs: Octopus itself says only that
//! none does.

use super::found::{FoundAccount, FoundIdentity};
use crate::telemetry::is_hostile;
use crate::trust::covers;

/// What a token says that identities look at.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
    /// `aud`
    pub audiences: &'a [String],
}

/// How an account's identities take a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// This one lets it in.
    Matches(FoundIdentity),
    /// None does, and this one comes nearest.
    Differs {
        /// The identity.
        nearest: FoundIdentity,
        /// What differs; at least one.
        differences: Vec<Difference>,
    },
    /// The account has no identity.
    NoIdentity,
}

/// One string that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `issuer`, `subject` or `audience`.
    pub field: &'static str,
    /// In Octopus.
    pub expected: String,
    /// In the token.
    pub presented: String,
    /// What about it is easily overlooked.
    pub hint: Option<&'static str>,
}

impl Fit {
    /// Of an account's identities the one that lets the token in, or that comes nearest to it.
    pub fn of(account: &FoundAccount, token: Presented<'_>) -> Self {
        let judged = account.identities.iter().map(|it| (it, differences(it, account, token)));
        let nearest = judged.min_by_key(|(identity, differences)| {
            // Of those with as many differences, the one that was meant has most of the subject.
            let common = common(&identity.subject, token.subject);
            (differences.len(), std::cmp::Reverse(common))
        });
        match nearest {
            None => Self::NoIdentity,
            Some((identity, differences)) if differences.is_empty() => {
                Self::Matches(identity.clone())
            }
            Some((identity, differences)) => {
                Self::Differs { nearest: identity.clone(), differences }
            }
        }
    }
}

fn differences(
    identity: &FoundIdentity,
    account: &FoundAccount,
    token: Presented<'_>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |field, expected: &str, presented: &str, hint| {
        let hint = overlooked(expected, presented).or(hint);
        let (expected, presented) = (expected.to_owned(), presented.to_owned());
        differences.push(Difference { field, expected, presented, hint });
    };
    if identity.issuer != token.issuer {
        differ("issuer", &identity.issuer, token.issuer, None);
    }
    // What a token says is no pattern, even where it has a wildcard's character.
    if !covers(&identity.subject, token.subject) {
        let hint = form(&identity.subject, token.subject);
        differ("subject", &identity.subject, token.subject, hint);
    }
    let audience = identity.audience.as_ref().unwrap_or(&account.id);
    if !token.audiences.contains(audience) {
        let hint = identity.audience.is_none().then_some("its audience is empty: the account's id");
        differ("audience", audience, &token.audiences.join(", "), hint);
    }
    differences
}

/// What eyes overlook.
fn overlooked(expected: &str, presented: &str) -> Option<&'static str> {
    if expected.trim_end_matches('/') == presented.trim_end_matches('/') {
        Some("they differ in the slash at the end")
    } else if expected.trim() == presented.trim() {
        Some("one has a blank at an end")
    } else if expected.to_lowercase() == presented.to_lowercase() {
        Some("they differ in case, and Octopus minds it")
    } else if seen(expected).eq(seen(presented)) {
        Some("one has a character that nobody sees, or a blank of another kind")
    } else {
        None
    }
}

/// The characters that are seen; blanks are of many kinds.
fn seen(text: &str) -> impl Iterator<Item = char> {
    const UNSEEN: [char; 6] =
        ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];
    text.chars().filter(|&it| !it.is_whitespace() && !is_hostile(it) && !UNSEEN.contains(&it))
}

/// GitHub's two forms of a subject.
fn form(expected: &str, presented: &str) -> Option<&'static str> {
    let has_ids = |text: &str| {
        let repository = text.strip_prefix("repo:")?.split(':').next()?;
        Some(repository.contains('@'))
    };
    (has_ids(expected)? != has_ids(presented)?)
        .then_some("one has GitHub's form with ids behind the names, the other that without")
}

/// Characters that two texts begin with alike, in whatever case.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::FoundUser;

    /// Issuer, subject, audience.
    type Identity<'a> = (&'a str, &'a str, Option<&'a str>);
    type Token<'a> = (&'a str, &'a str, &'a str);

    const ID: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";

    fn account(identities: &[Identity<'_>]) -> FoundAccount {
        let identities =
            identities.iter().zip(1..).map(|((issuer, subject, audience), number)| FoundIdentity {
                id: format!("ServiceAccountOidcIdentitys-{number}"),
                name: format!("identity {number}"),
                issuer: (*issuer).to_owned(),
                subject: (*subject).to_owned(),
                audience: audience.map(str::to_owned),
            });
        let user = FoundUser {
            user_id: "Users-21".to_owned(),
            username: "release-bot".to_owned(),
            display_name: String::new(),
            is_active: true,
            is_service: true,
            is_agent: false,
            logins: Vec::new(),
        };
        let identities = identities.collect();
        FoundAccount { user, id: ID.to_owned(), identities, keys: Vec::new() }
    }

    /// The name of the nearest, and the fields that differ with their hints.
    fn fit(identities: &[Identity<'_>], (issuer, subject, audience): Token<'_>) -> String {
        let audiences = [audience.to_owned()];
        let token = Presented { issuer, subject, audiences: &audiences };
        match Fit::of(&account(identities), token) {
            Fit::NoIdentity => "none".to_owned(),
            Fit::Matches(identity) => format!("{} matches", identity.name),
            Fit::Differs { nearest, differences } => {
                let told = differences.iter().map(|it| match it.hint {
                    Some(hint) => format!("{} ({hint})", it.field),
                    None => it.field.to_owned(),
                });
                format!("{}: {}", nearest.name, told.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn the_nearest_identity_is_named_with_the_string_that_differs() {
        let (ci, web) = ("https://ci.example", "repo:acme/web:ref:refs/heads/main");
        let rows: [(&[Identity<'_>], Token<'_>, &str); 12] = [
            (&[], (ci, web, ID), "none"),
            (&[(ci, "repo:acme/*", None)], (ci, web, ID), "identity 1 matches"),
            (&[(ci, web, Some("broker"))], (ci, web, "broker"), "identity 1 matches"),
            (
                &[("https://ci.example/", web, None)],
                (ci, web, ID),
                "identity 1: issuer (they differ in the slash at the end)",
            ),
            (
                // Who wrote that one meant this repository.
                &[(ci, "repo:Acme/Web:*", None), (ci, "repo:acme/api:*", None)],
                (ci, "repo:acme/web:x", ID),
                "identity 1: subject",
            ),
            (
                &[(ci, "repo:Acme/web:ref:refs/heads/main", None)],
                (ci, web, ID),
                "identity 1: subject (they differ in case, and Octopus minds it)",
            ),
            (&[(ci, " x", None)], (ci, "x", ID), "identity 1: subject (one has a blank at an end)"),
            (
                &[(ci, "a\u{200b}b c", None)],
                (ci, "ab\u{a0}c", ID),
                "identity 1: subject (one has a character that nobody sees, or a blank of another \
                 kind)",
            ),
            (
                &[(ci, "repo:acme@5/web@7:ref:refs/heads/main", None)],
                (ci, web, ID),
                "identity 1: subject (one has GitHub's form with ids behind the names, the other \
                 that without)",
            ),
            (
                &[(ci, web, None)],
                (ci, web, "broker"),
                "identity 1: audience (its audience is empty: the account's id)",
            ),
            // The one with the fewest differences, whatever the order.
            (
                &[("https://other.example", web, Some("x")), (ci, "repo:acme/api:*", None)],
                (ci, web, ID),
                "identity 2: subject",
            ),
            (
                &[("https://x.example", "y", Some("z"))],
                (ci, web, ID),
                "identity 1: issuer, subject, audience",
            ),
        ];
        for (identities, token, expected) in rows {
            assert_eq!(fit(identities, token), expected, "{identities:?}");
        }
    }
}
