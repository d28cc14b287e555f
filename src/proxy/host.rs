//! Under which host a request asks, and from where: what a web page could make a browser send to this
//! machine is refused.

use std::net::{IpAddr, Ipv6Addr};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};

use super::Origin;
use super::refusal::Refusal;
use crate::telemetry::Code;

/// What a browser says of the page that asks.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Exactly one `Host`, a host and perhaps a port; on a loopback listener a loopback name or one
/// that the operator lists, so that a web page whose name was re-bound to 127.0.0.1 gets nothing.
pub(super) fn check_host(head: &Parts, origin: &Origin) -> Result<(), Refusal> {
    let bad_request = || Refusal::new(Code::BadRequest);
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next(), head.uri.authority()) {
        (Some(host), None, _) => host.to_str().map_err(|_| bad_request())?,
        (None, ..) if head.version == Version::HTTP_10 => return Ok(()),
        // RFC 9113 8.3.1: `:authority` in its place.
        (None, _, Some(named)) if head.version == Version::HTTP_2 => named.as_str(),
        _ => return Err(bad_request()),
    };
    let name = host_name(host).ok_or_else(bad_request)?;
    // Absolute form (RFC 9112 3.2.2): only for the same authority.
    let is_same =
        head.uri.authority().is_none_or(|named| named.as_str().eq_ignore_ascii_case(host));
    let is_ours = !origin.is_loopback
        || is_loopback_name(name)
        || origin.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    if is_same && is_ours { Ok(()) } else { Err(Refusal::new(Code::HostRefused)) }
}

/// Under which host the caller asked; one that was checked.
pub(super) fn asked_host(head: &Parts) -> Option<HeaderValue> {
    match head.headers.get(header::HOST) {
        Some(host) => Some(host.clone()),
        None => HeaderValue::from_str(head.uri.authority()?.as_str()).ok(),
    }
}

/// The name or address of a host and perhaps a port (RFC 9110 7.2), if it is sound: letters, digits,
/// `-`, `.` and `_`, or an IPv6 address in brackets.
fn host_name(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => {
            let address = rest.find(']')?;
            rest.get(..address)?.parse::<Ipv6Addr>().ok()?;
            address + "[]".len()
        }
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at_checked(end)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_sound_name = name.starts_with('[') || name.bytes().all(is_plain);
    let is_sound_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (!name.is_empty() && is_sound_name && is_sound_port).then_some(name)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_loopback_name(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Browsers are no clients: what a web page sends to this machine is refused.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let sites = headers.get_all(SEC_FETCH_SITE).iter();
    let is_cross_site = sites.into_iter().any(|site| {
        !site.as_bytes().eq_ignore_ascii_case(b"none")
            && !site.as_bytes().eq_ignore_ascii_case(b"same-origin")
    });
    if headers.contains_key(header::ORIGIN) || is_cross_site {
        return Err(Refusal::new(Code::OriginRefused));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let rows = [
            ("localhost", Some("localhost")),
            ("octopus.example:8484", Some("octopus.example")),
            ("127.0.0.1:0", Some("127.0.0.1")),
            ("my_host-1:65535", Some("my_host-1")),
            ("[::1]", Some("[::1]")),
            ("[::ffff:127.0.0.1]:80", Some("[::ffff:127.0.0.1]")),
        ];
        for (host, name) in rows {
            assert_eq!(host_name(host), name, "{host}");
        }
    }

    #[test]
    fn what_readers_could_take_for_several_hosts_is_none() {
        let hosts = [
            "",
            ":80",
            "localhost:",
            "localhost:+80",
            "localhost:65536",
            "localhost:80:80",
            "localhost:80/x",
            "localhost,evil.example",
            "user@localhost",
            "localhost evil.example",
            "localhost%00",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[localhost]",
            "[]",
            "[::1%25lo]",
            "x[::1]",
            "é.example",
        ];
        for host in hosts {
            assert_eq!(host_name(host), None, "{host}");
        }
    }
}
