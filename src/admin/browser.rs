//! Web pages are no operators: on loopback, what a page of any site makes a browser ask is refused,
//! under a name that was re-bound to 127.0.0.1 too.

use std::net::IpAddr;

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::Full;

/// The refusal of a request that only a browser sends, or that asks this machine under the name of
/// another.
pub(super) fn refusal(headers: &HeaderMap, is_local: bool) -> Option<Response<Full<Bytes>>> {
    if !is_local {
        return None;
    }
    if headers.contains_key(header::ORIGIN) || is_cross_site(headers) {
        return Some(super::text(StatusCode::FORBIDDEN, "web pages are refused\n"));
    }
    let names_another =
        headers.get_all(header::HOST).iter().any(|host| !is_loopback(host.as_bytes()));
    names_another.then(|| {
        let sentence = "asked under a foreign name: use 127.0.0.1 or localhost\n";
        super::text(StatusCode::MISDIRECTED_REQUEST, sentence)
    })
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let sites = headers.get_all("sec-fetch-site").iter();
    sites.into_iter().any(|site| !matches!(site.as_bytes(), b"none" | b"same-origin"))
}

fn is_loopback(host: &[u8]) -> bool {
    let authority = std::str::from_utf8(host).ok().and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn status(name: &'static str, value: &'static str, is_local: bool) -> Option<u16> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        refusal(&headers, is_local).map(|answer| answer.status().as_u16())
    }

    #[test]
    fn a_page_is_refused_on_loopback_and_a_tool_is_not() {
        for (name, value, expected) in [
            ("host", "127.0.0.1:9484", None),
            ("host", "localhost", None),
            ("host", "[::1]:9484", None),
            ("sec-fetch-site", "none", None),
            ("user-agent", "Prometheus/3.0", None),
            ("host", "evil.example", Some(421)),
            ("host", "127.0.0.1.evil.example", Some(421)),
            ("host", "", Some(421)),
            ("origin", "https://evil.example", Some(403)),
            ("origin", "null", Some(403)),
            ("sec-fetch-site", "cross-site", Some(403)),
        ] {
            assert_eq!(status(name, value, true), expected, "{name}: {value}");
            assert_eq!(status(name, value, false), None, "{name}: {value}");
        }
    }
}
