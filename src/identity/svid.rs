//! SPIFFE JWT-SVIDs: whose keys verify one.
//!
//! SPIFFE JWT-SVID 4: the trust domain of `sub` chooses the bundle of keys. `iss` need not be there,
//! and whoever wrote it had no say in this.

use super::payload::Payload;

/// The start of every SPIFFE ID.
const SCHEME: &str = "spiffe://";

/// Reads the trust domain in `sub` of a payload that nobody verified, only to choose the keys that
/// may verify it. `None` if there is no such thing, or if two of them could be meant.
pub(super) fn unverified_trust_domain(payload: &Payload) -> Option<String> {
    trust_domain(&payload.unverified_subject()?).map(str::to_owned)
}

/// The trust domain of a SPIFFE ID with a path (SPIFFE ID 2.1: lower case, digits, `.`, `-`, `_`).
fn trust_domain(id: &str) -> Option<&str> {
    let (domain, path) = id.strip_prefix(SCHEME)?.split_once('/')?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    let is_segment = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
    };
    let is_id =
        !domain.is_empty() && domain.chars().all(is_plain) && path.split('/').all(is_segment);
    is_id.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_domain_is_all_between_the_scheme_and_the_path() {
        let rows = [
            ("spiffe://acme.example/ns/shop/sa/web", Some("acme.example")),
            ("spiffe://acme.example.evil.example/ns/shop", Some("acme.example.evil.example")),
            ("spiffe://acme.example", None),
            ("spiffe://acme.example/", None),
            ("spiffe:///ns/shop", None),
            ("spiffe://acme.example@evil.example/ns", None),
            ("spiffe://acme.example:443/ns", None),
            ("spiffe://ACME.example/ns", None),
            ("SPIFFE://acme.example/ns", None),
            ("spiffe://acme.example/ns//x", None),
            ("spiffe://acme.example/ns/../x", None),
            ("spiffe://acme.example/ns?x", None),
            ("spiffe://acme.example/n%73", None),
            ("spiffe://acme.example\\evil/ns", None),
            ("https://acme.example/ns", None),
            ("", None),
        ];
        for (id, expected) in rows {
            assert_eq!(trust_domain(id), expected, "{id}");
        }
    }

    #[test]
    fn one_subject_is_read_or_none() {
        let rows = [
            (r#"{"sub":"spiffe://a/b","iss":7}"#, Some("a")),
            (r#"{"sub":"spiffe://a/b","sub":"spiffe://c/d"}"#, None),
            (r#"{"sub":["spiffe://a/b"]}"#, None),
            (r#"{"iss":"spiffe://a/b"}"#, None),
            ("spiffe://a/b", None),
        ];
        for (payload, expected) in rows {
            let found = unverified_trust_domain(&Payload::of(payload.into()));
            assert_eq!(found.as_deref(), expected, "{payload}");
        }
    }
}
