//! What is taken off a request and an answer, and what is put on.

use std::collections::HashSet;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use url::Url;

use super::credentials::CARRIERS;
use super::intake::{METHOD_OVERRIDE, SERVICE_ACCOUNT};
use super::refusal::ERROR;
use super::trace::Trace;
use crate::octopus::Upstream;

/// Fields of one connection (RFC 9110 7.6.1), not of the message; beside them all of `Proxy-*`.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// What callers say of where they come from; beside them all of `X-Forwarded-*`. Octopus believes
/// some of it.
const FORWARDING: [HeaderName; 6] = [
    // Other spellings of the method override, by which no rule judged.
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Fields that `Connection` can't name away: the request was judged with them.
const PROTECTED: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::VIA,
    METHOD_OVERRIDE,
];

/// Turns the headers of an accepted request into those that go to Octopus, all but the credential.
pub(super) fn for_octopus(
    headers: &mut HeaderMap,
    (version, pseudonym): (Version, &str),
    upstream: &Upstream,
    trace: &Trace,
) {
    remove_hop_by_hop(headers);
    for name in CARRIERS.iter().chain(&FORWARDING) {
        headers.remove(name);
    }
    // Of the body's framing the connection takes care; `Expect` was answered here.
    for name in [header::CONTENT_LENGTH, header::EXPECT, SERVICE_ACCOUNT] {
        headers.remove(name);
    }
    // `X_Octopus_ApiKey` is `X-Octopus-ApiKey` to servers that map both to one variable.
    remove_where(headers, |name| name.starts_with("x-forwarded") || name.contains('_'));
    headers.insert(header::HOST, upstream.host_header().clone());
    let via = format!("{} {pseudonym}", if version == Version::HTTP_10 { "1.0" } else { "1.1" });
    if let Ok(via) = HeaderValue::from_str(&via) {
        headers.append(header::VIA, via);
    }
    trace.write(headers);
}

/// Sets the one credential of a request to Octopus.
pub(super) fn attach(headers: &mut HeaderMap, (name, value): (HeaderName, &HeaderValue)) {
    headers.insert(name, value.clone());
    debug_assert_eq!(CARRIERS.iter().filter(|name| headers.contains_key(*name)).count(), 1);
}

/// Turns the headers of Octopus's answer into those that go to the caller. `asked` is the scheme
/// and authority under which the caller asked.
pub(super) fn for_caller(
    headers: &mut HeaderMap,
    status: StatusCode,
    upstream: &Upstream,
    asked: Option<(&str, &Authority)>,
) {
    // RFC 9112 6.3: with both, the length is not the body's.
    if headers.contains_key(header::TRANSFER_ENCODING) || status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_LENGTH);
    }
    remove_hop_by_hop(headers);
    // Sessions are Octopus's with us, not with the caller; its challenges would make clients look
    // for other credentials; `Alt-Svc` would lead them past the broker.
    for name in [header::SET_COOKIE, header::WWW_AUTHENTICATE, header::ALT_SVC, ERROR] {
        headers.remove(name);
    }
    let rebased = asked.and_then(|asked| rebased_location(headers, upstream.base(), asked));
    if let Some(location) = rebased {
        headers.insert(header::LOCATION, location);
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: HashSet<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !PROTECTED.contains(name))
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
    remove_where(headers, |name| name.starts_with("proxy-"));
}

fn remove_where(headers: &mut HeaderMap, is_unwanted: impl Fn(&str) -> bool) {
    let unwanted: Vec<HeaderName> =
        headers.keys().filter(|name| is_unwanted(name.as_str())).cloned().collect();
    for name in unwanted {
        headers.remove(name);
    }
}

/// An absolute `Location` on Octopus's origin, moved to the origin under which the caller asked.
fn rebased_location(
    headers: &HeaderMap,
    base: &Url,
    (scheme, authority): (&str, &Authority),
) -> Option<HeaderValue> {
    let text = headers.get(header::LOCATION)?.to_str().ok()?;
    let location = Url::parse(text).ok().filter(|location| location.origin() == base.origin())?;
    // Everything behind the authority, as Octopus wrote it.
    let (_, behind_scheme) = text.split_once("//")?;
    let rest = behind_scheme.find(['/', '?', '#']).and_then(|at| behind_scheme.get(at..));
    let rest = rest.unwrap_or_else(|| location.path());
    HeaderValue::from_str(&format!("{scheme}://{authority}{rest}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::TlsRoots;

    fn upstream() -> Upstream {
        let url = "https://octopus.example/octopus".parse().unwrap();
        Upstream::new(url, TlsRoots::system()).unwrap()
    }

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn nothing_that_identifies_the_caller_to_octopus_is_left() {
        let mut headers = map(&[
            ("authorization", "Bearer canary"),
            ("x-octopus-apikey", "API-CANARY"),
            ("x-nuget-apikey", "API-CANARY"),
            ("x_octopus_apikey", "API-CANARY"),
            ("cookie", "canary"),
            ("x-octopus-csrf-token", "canary"),
            ("proxy-authorization", "canary"),
            ("forwarded", "for=canary"),
            ("x-forwarded-for", "canary"),
            ("x-forwarded-access-token", "canary"),
            ("proxy-connection", "canary"),
            ("octobroker-service-account", "canary"),
            ("connection", "keep-alive, X-Hop, Host, content-type"),
            ("x-hop", "canary"),
            ("te", "trailers"),
            ("upgrade", "canary"),
            ("host", "canary"),
            ("content-type", "application/json"),
            ("user-agent", "octopus-cli/1"),
            ("accept", "a"),
            ("accept", "b"),
            ("via", "1.1 other"),
        ]);

        let trace = Trace::of(&headers);
        for_octopus(&mut headers, (Version::HTTP_11, "octobroker-1"), &upstream(), &trace);
        let token = HeaderValue::from_static("Bearer token");
        attach(&mut headers, (header::AUTHORIZATION, &token));

        let mut shown: Vec<String> = headers
            .iter()
            .filter(|(name, _)| !["traceparent", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        shown.sort();
        assert_eq!(
            shown,
            [
                "accept: a",
                "accept: b",
                "authorization: Bearer token",
                "content-type: application/json",
                "host: octopus.example",
                "user-agent: octopus-cli/1",
                "via: 1.1 octobroker-1",
                "via: 1.1 other",
            ]
        );
    }

    #[test]
    fn octopus_cannot_set_what_is_ours() {
        let mut headers = map(&[
            ("set-cookie", "a"),
            ("www-authenticate", "Negotiate"),
            ("octobroker-error", "internal"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("octopus-ratelimit", "r=7;t=18"),
        ]);

        for_caller(&mut headers, StatusCode::OK, &upstream(), None);

        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["octopus-ratelimit"]);
    }

    #[test]
    fn only_locations_on_octopus_are_rebased() {
        let rows = [
            ("https://octopus.example/octopus/app#/x?y", "http://127.0.0.1:8484/octopus/app#/x?y"),
            ("https://octopus.example:443/a%2fb", "http://127.0.0.1:8484/a%2fb"),
            ("HTTPS://OCTOPUS.example/a", "http://127.0.0.1:8484/a"),
            ("https://octopus.example", "http://127.0.0.1:8484/"),
            ("https://octopus.example.evil/a", "https://octopus.example.evil/a"),
            ("https://octopus.example:8443/a", "https://octopus.example:8443/a"),
            ("http://octopus.example/a", "http://octopus.example/a"),
            ("/app", "/app"),
            ("//elsewhere/app", "//elsewhere/app"),
        ];
        let authority: Authority = "127.0.0.1:8484".parse().unwrap();
        for (location, expected) in rows {
            let mut headers = map(&[]);
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            for_caller(&mut headers, StatusCode::FOUND, &upstream(), Some(("http", &authority)));
            assert_eq!(headers[header::LOCATION], expected);
        }
    }
}
