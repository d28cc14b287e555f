//! The caller's credential: found, and taken off for good.

use std::fmt;

use http::{HeaderMap, HeaderName, header};

use crate::identity::IdTokenError;
use crate::octopus::API_KEY;
use crate::secret::Secret;
use crate::telemetry::Code;

/// Every header that Octopus or a proxy would take for a credential. Static, for a constant is made anew
/// wherever it is used.
pub(super) static CARRIERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    API_KEY,
    NUGET_API_KEY,
    header::COOKIE,
    HeaderName::from_static("x-octopus-csrf-token"),
    header::PROXY_AUTHORIZATION,
];

/// Those that bear an API key.
static KEYS: [HeaderName; 2] = [API_KEY, NUGET_API_KEY];

/// Where NuGet's clients put an API key.
const NUGET_API_KEY: HeaderName = HeaderName::from_static("x-nuget-apikey");

/// What stands where a credential may stand. Nothing of it was checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// No credential, or only empty ones.
    Nothing,
    /// What should be an ID token.
    Bearer(&'a [u8]),
    /// Something in the place or the shape of an API key.
    Key(&'a [u8]),
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Bearer(_) => "Bearer",
            Self::Key(_) => "Key",
        })
    }
}

/// Finds the one credential among the headers and the `apikey` parameters of the query.
///
/// Empty ones count as absent (Octopus's TypeScript client sends them). The same value in several
/// places counts once. Schemes other than Bearer are no credential here.
pub(super) fn find<'a>(
    headers: &'a HeaderMap,
    query_keys: &'a [String],
) -> Result<Found<'a>, Code> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let bearer = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(line), None) => bearer(line.as_bytes()),
        // RFC 9110 5.3: the field is not a list, so two lines are two opinions.
        (Some(_), Some(_)) => return Err(Code::AmbiguousCredentials),
    };
    let keys = KEYS.iter().flat_map(|name| headers.get_all(name));
    let keys = keys.map(|value| value.as_bytes().trim_ascii());
    let keys = keys.chain(query_keys.iter().map(String::as_bytes));
    let mut keys = keys.filter(|key| !key.is_empty());

    let first_key = keys.next();
    let is_one = first_key.is_none_or(|first| {
        keys.all(|other| other == first) && bearer.is_none_or(|bearer| bearer == first)
    });
    if !is_one {
        return Err(Code::AmbiguousCredentials);
    }
    match bearer {
        Some(text) if text.starts_with(b"API-") => Ok(Found::Key(text)),
        Some(text) => Ok(Found::Bearer(text)),
        None => Ok(first_key.map_or(Found::Nothing, Found::Key)),
    }
}

/// What stands behind the scheme `Bearer` (RFC 6750 2.1, any case as RFC 9110 11.1 says).
fn bearer(line: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = line.split_at_checked(6)?;
    let is_bearer =
        scheme.eq_ignore_ascii_case(b"bearer") && rest.first().is_none_or(|byte| *byte == b' ');
    let text = rest.trim_ascii();
    (is_bearer && !text.is_empty()).then_some(text)
}

/// The text of a key, as a stand-in is looked up by.
pub(super) fn stand_in(text: &[u8]) -> Secret {
    Secret::new(String::from_utf8_lossy(text))
}

/// The word for a text that is no ID token.
pub(super) const fn form_code(error: IdTokenError) -> Code {
    match error {
        IdTokenError::TooLarge => Code::TokenTooLarge,
        IdTokenError::Malformed => Code::TokenMalformed,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::identity::IdToken;

    fn presented(lines: &[(&'static str, &str)], query: &[&str]) -> Result<&'static str, Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let query: Vec<String> = query.iter().map(|key| (*key).to_owned()).collect();
        match find(&headers, &query)? {
            Found::Nothing => Ok("nothing"),
            Found::Key(_) => Ok("stand-in"),
            Found::Bearer(text) => {
                let text = std::str::from_utf8(text).map_err(|_| Code::TokenMalformed)?;
                IdToken::parse(text, 64).map(|_| "id token").map_err(form_code)
            }
        }
    }

    #[test]
    fn a_header_in_which_a_key_is_looked_for_never_goes_out() {
        assert!(KEYS.iter().all(|name| CARRIERS.contains(name)));
    }

    /// Header lines, keys in the query, and what is found.
    type Row<'a> = (&'a [(&'static str, &'a str)], &'a [&'a str], Result<&'a str, Code>);

    #[test]
    fn there_is_one_credential_or_none_or_a_refusal() {
        let long = format!("Bearer {}", "a".repeat(65));
        let rows: [Row<'_>; 25] = [
            (&[], &[], Ok("nothing")),
            (&[("authorization", "Bearer a.b.c")], &[], Ok("id token")),
            (&[("authorization", "bEARER   a.b.c ")], &[], Ok("id token")),
            (&[("authorization", "Bearer")], &[], Ok("nothing")),
            (&[("authorization", "Bearer  ")], &[], Ok("nothing")),
            (&[("authorization", "")], &[], Ok("nothing")),
            (&[("authorization", "Basic YTpi")], &[], Ok("nothing")),
            (&[("authorization", "Negotiate YTpi")], &[], Ok("nothing")),
            (&[("authorization", "BearerX a.b.c")], &[], Ok("nothing")),
            (&[("authorization", "Bearer a.b.c d.e.f")], &[], Err(Code::TokenMalformed)),
            (&[("authorization", "Bearer \"a.b.c\"")], &[], Err(Code::TokenMalformed)),
            (&[("authorization", "Bearer a.b")], &[], Err(Code::TokenMalformed)),
            (&[("authorization", &long)], &[], Err(Code::TokenTooLarge)),
            (&[("authorization", "Bearer API-ABC")], &[], Ok("stand-in")),
            (&[("x-octopus-apikey", "API-ABC")], &[], Ok("stand-in")),
            (&[("x-octopus-apikey", "")], &[], Ok("nothing")),
            (&[("authorization", "Bearer a.b.c"), ("x-octopus-apikey", "")], &[], Ok("id token")),
            (
                &[("authorization", "Bearer a.b.c"), ("x-octopus-apikey", "API-A")],
                &[],
                Err(Code::AmbiguousCredentials),
            ),
            (&[("x-nuget-apikey", "API-A"), ("x-octopus-apikey", "API-A")], &[], Ok("stand-in")),
            (
                &[("x-nuget-apikey", "API-A"), ("x-octopus-apikey", "API-B")],
                &[],
                Err(Code::AmbiguousCredentials),
            ),
            (
                &[("authorization", "Bearer a.b.c"), ("authorization", "Bearer a.b.c")],
                &[],
                Err(Code::AmbiguousCredentials),
            ),
            (&[], &["API-A"], Ok("stand-in")),
            (&[], &["API-A", "API-B"], Err(Code::AmbiguousCredentials)),
            (&[("authorization", "Bearer a.b.c")], &["API-A"], Err(Code::AmbiguousCredentials)),
            (&[("cookie", "t=a.b.c"), ("proxy-authorization", "Bearer a.b.c")], &[], Ok("nothing")),
        ];
        for (headers, query, expected) in rows {
            assert_eq!(presented(headers, query), expected, "{headers:?} {query:?}");
        }
    }
}
