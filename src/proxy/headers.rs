//! What is taken off a request and an answer, and what is put on.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use super::credentials::CARRIERS;
use super::intake::{METHOD_OVERRIDE, SERVICE_ACCOUNT};
use super::refusal::ERROR;
use super::trace::Trace;
use crate::octopus::Upstream;

/// Fields of one connection (RFC 9110 7.6.1), not of the message.
fn is_hop_by_hop(name: &str) -> bool {
    name.starts_with("proxy-")
        || matches!(
            name,
            "connection"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "http2-settings"
        )
}

/// What callers say of where they come from; Octopus believes some of it. And other spellings of
/// the method override, by which no rule judged.
fn is_forwarding(name: &str) -> bool {
    name.starts_with("x-forwarded")
        || matches!(
            name,
            "forwarded"
                | "x-real-ip"
                | "x-original-url"
                | "x-rewrite-url"
                | "x-http-method"
                | "x-method-override"
        )
}

/// What no request takes along to Octopus. Of the body's framing the connection takes care;
/// `Expect` was answered here. `X_Octopus_ApiKey` is `X-Octopus-ApiKey` to servers that map both to
/// one variable.
fn stays_here(name: &HeaderName) -> bool {
    let text = name.as_str();
    is_hop_by_hop(text)
        || is_forwarding(text)
        || matches!(text, "content-length" | "expect")
        || text.as_bytes().contains(&b'_')
        || *name == SERVICE_ACCOUNT
        || CARRIERS.contains(name)
}

/// What no caller is told. Sessions are Octopus's with us, not with the caller; its challenges would
/// make clients look for other credentials; `Alt-Svc` would lead them past the broker. Which pages
/// may read an answer, and whether a host is to be asked by TLS alone, is said of Octopus's host.
fn stays_from_caller(name: &HeaderName) -> bool {
    let text = name.as_str();
    is_hop_by_hop(text)
        || matches!(text, "set-cookie" | "www-authenticate" | "alt-svc")
        || text == "strict-transport-security"
        || text.starts_with("access-control-")
        || *name == ERROR
}

/// Fields that `Connection` can't name away: the request was judged with them.
static PROTECTED: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::VIA,
    METHOD_OVERRIDE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Turns the headers of an accepted request into those that go to Octopus, all but the credential.
pub(super) fn for_octopus(
    headers: &mut HeaderMap,
    via: &HeaderValue,
    upstream: &Upstream,
    trace: &Trace,
) {
    remove(headers, stays_here);
    headers.insert(header::HOST, upstream.host_header().clone());
    headers.append(header::VIA, via.clone());
    trace.write(headers);
}

/// Tells Octopus from where a request came.
pub(super) fn tell_address(headers: &mut HeaderMap, address: IpAddr) {
    let text = address.to_canonical().to_string();
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// Sets the one credential of a request to Octopus.
pub(super) fn attach(headers: &mut HeaderMap, (name, value): (HeaderName, &HeaderValue)) {
    headers.insert(name, value.clone());
    debug_assert_eq!(CARRIERS.iter().filter(|name| headers.contains_key(*name)).count(), 1);
}

/// Turns the headers of Octopus's answer into those that go to the caller. `asked` is the scheme
/// and the host under which the caller asked.
pub(super) fn for_caller(
    headers: &mut HeaderMap,
    status: StatusCode,
    upstream: &Upstream,
    asked: Option<&AskedAs<'_>>,
) {
    // RFC 9112 6.3: with both, the length is not the body's.
    if headers.contains_key(header::TRANSFER_ENCODING) || status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_LENGTH);
    }
    remove(headers, stays_from_caller);
    let rebased = asked.and_then(|asked| rebased_location(headers, upstream.base(), asked));
    if let Some(location) = rebased {
        headers.insert(header::LOCATION, location);
    }
}

/// Removes what is unwanted, and what `Connection` names.
fn remove(headers: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    let named = headers.get_all(header::CONNECTION).iter();
    let named = named
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !PROTECTED.contains(name));
    let unwanted = headers.keys().filter(|name| is_unwanted(name)).cloned();
    let unwanted: Vec<HeaderName> = named.chain(unwanted).collect();
    for name in unwanted {
        headers.remove(name);
    }
}

/// Under which URL a caller knows us.
#[derive(Debug)]
pub(super) enum AskedAs<'a> {
    /// This one, whose path stands for Octopus's virtual directory. It ends in no slash.
    Public(&'a str),
    /// With this scheme and this host, and Octopus's paths.
    Host(&'a str, HeaderValue),
}

/// An absolute `Location` on Octopus's origin, moved to where the caller asked.
fn rebased_location(headers: &HeaderMap, base: &Url, asked: &AskedAs<'_>) -> Option<HeaderValue> {
    let text = headers.get(header::LOCATION)?.to_str().ok()?;
    let location = Url::parse(text).ok().filter(|location| location.origin() == base.origin())?;
    // Everything behind the authority, as Octopus wrote it.
    let (_, behind_scheme) = text.split_once("//")?;
    let rest = behind_scheme.find(['/', '?', '#']).and_then(|at| behind_scheme.get(at..));
    let rest = rest.unwrap_or_else(|| location.path());
    let moved = match asked {
        AskedAs::Host(scheme, host) => format!("{scheme}://{}{rest}", host.to_str().ok()?),
        AskedAs::Public(url) => {
            let below = rest.strip_prefix(base.path().trim_end_matches('/'));
            let is_below = |below: &&str| below.is_empty() || below.starts_with(['/', '?', '#']);
            format!("{url}{}", below.filter(is_below)?)
        }
    };
    HeaderValue::from_str(&moved).ok()
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
        let via = HeaderValue::from_static("1.1 octobroker-1");
        for_octopus(&mut headers, &via, &upstream(), &trace);
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
            ("access-control-allow-origin", "*"),
            ("strict-transport-security", "max-age=1"),
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
        let host = AskedAs::Host("http", HeaderValue::from_static("127.0.0.1:8484"));
        let moved = |location, asked: &AskedAs<'_>| {
            let mut headers = map(&[]);
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            for_caller(&mut headers, StatusCode::FOUND, &upstream(), Some(asked));
            headers[header::LOCATION].to_str().unwrap().to_owned()
        };
        for (location, expected) in rows {
            assert_eq!(moved(location, &host), expected);
        }
        // A path of ours stands for Octopus's; what is beside that is none of ours.
        let public = AskedAs::Public("https://broker.example/x");
        for (location, expected) in [
            ("https://octopus.example/octopus/app#/y", "https://broker.example/x/app#/y"),
            ("https://octopus.example/octopus", "https://broker.example/x"),
            ("https://octopus.example/octopus2/app", "https://octopus.example/octopus2/app"),
        ] {
            assert_eq!(moved(location, &public), expected);
        }
    }
}
