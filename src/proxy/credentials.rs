//! The caller's credential: found, and taken off for good.

use http::{HeaderMap, HeaderName, header};

use crate::identity::{IdToken, IdTokenError};
use crate::secret::Secret;
use crate::telemetry::Code;

/// Every header that Octopus or a proxy would take for a credential.
pub(super) const CARRIERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-octopus-apikey"),
    HeaderName::from_static("x-nuget-apikey"),
    header::COOKIE,
    HeaderName::from_static("x-octopus-csrf-token"),
    header::PROXY_AUTHORIZATION,
];

/// What a caller presented.
#[derive(Debug)]
pub(super) enum Presented {
    /// No credential, or only empty ones.
    Nothing,
    /// An ID token, of which nothing but the form was checked.
    IdToken(IdToken),
    /// Something in the place or the shape of an API key.
    StandIn(Secret),
}

/// Finds the one credential among the headers and the `apikey` parameters of the query.
///
/// Empty ones count as absent (Octopus's TypeScript client sends them). The same value in several
/// places counts once. Schemes other than Bearer are no credential here.
pub(super) fn find(
    headers: &HeaderMap,
    query_keys: &[String],
    token_bytes_max: usize,
) -> Result<Presented, Code> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let bearer = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(line), None) => bearer(line.as_bytes()),
        // RFC 9110 5.3: the field is not a list, so two lines are two opinions.
        (Some(_), Some(_)) => return Err(Code::AmbiguousCredentials),
    };
    let keys = ["x-octopus-apikey", "x-nuget-apikey"];
    let keys = keys.iter().flat_map(|name| headers.get_all(*name));
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
        Some(text) if text.starts_with(b"API-") => Ok(stand_in(text)),
        Some(text) => id_token(text, token_bytes_max).map(Presented::IdToken),
        None => Ok(first_key.map_or(Presented::Nothing, stand_in)),
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

fn stand_in(text: &[u8]) -> Presented {
    Presented::StandIn(Secret::new(String::from_utf8_lossy(text)))
}

fn id_token(text: &[u8], bytes_max: usize) -> Result<IdToken, Code> {
    let text = std::str::from_utf8(text).map_err(|_| Code::TokenMalformed)?;
    IdToken::parse(text, bytes_max).map_err(form_code)
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

    fn presented(lines: &[(&'static str, &str)], query: &[&str]) -> Result<&'static str, Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let query: Vec<String> = query.iter().map(|key| (*key).to_owned()).collect();
        find(&headers, &query, 64).map(|presented| match presented {
            Presented::Nothing => "nothing",
            Presented::IdToken(_) => "id token",
            Presented::StandIn(_) => "stand-in",
        })
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
