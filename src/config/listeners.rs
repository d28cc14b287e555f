//! `listeners:` and `admin:` — where the broker listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use url::Host;

use super::problem::Problems;
use super::reader::{Section, items, refuse, scalar, text};
use super::schema::{Form, Key, Shape, names};
use super::tls;
use super::values::flag;
use super::web::{self, Query};
use super::yaml::{Node, Value};
use crate::platform::sockets::HAVE_UNIX;
use crate::proxy::{Bind, ListenerSpec};

/// One listener.
pub(super) const FORM: Form = Form::of(&[
        Key::new(
            "bind",
            Shape::Text,
            "An IP address and a port, or unix: and the path of a socket.",
        ).required().example("127.0.0.1:8484"),
        Key::new(
            "tls",
            Shape::Form(&tls::FORM),
            "TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1.",
        ),
        Key::new(
            "mode",
            Shape::Mode,
            "Who may connect to a Unix socket: three octal digits, in quotes.",
        ).default("\"0600\""),
        Key::new(
            "ambient",
            Shape::Flag,
            "A request without credential acts as the broker itself; on loopback and Unix sockets alone.",
        ).default("false"),
        Key::new(
            "hosts",
            Shape::List(&Shape::Text),
            "Names by which a loopback listener may be asked, beside localhost.",
        ).example("[\"broker.internal\"]"),
        Key::new(
            "public_url",
            Shape::Url,
            "How callers know it, if not by their Host; Octopus's virtual directory included.",
        ),
        Key::new(
            "plaintext",
            Shape::Flag,
            "Other machines may reach it without TLS.",
        ).default("false"),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// The section `admin`.
pub(super) const ADMIN_FORM: Form =
    Form::of(&[
        Key::new("bind", Shape::Text, "An IP address and a port.").default("127.0.0.1:9484")
    ]);

pub(super) const ADMIN_KEYS: &[&str] = &names::<{ ADMIN_FORM.keys.len() }>(ADMIN_FORM.keys);

/// Where API requests are taken if no listener is written down.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8484);

/// A Unix socket is its owner's alone unless the operator says more.
const MODE: u32 = 0o600;

/// Longest path of a Unix socket, in bytes: what the kernel takes.
const UNIX_PATH: usize = 107;

const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9484);

/// Reads both sections: no two of their addresses may be the same.
pub(super) fn read(
    (listeners, admin): (Option<&Node>, Option<&Node>),
    folder: &Path,
    problems: &mut Problems,
) -> (Vec<ListenerSpec>, SocketAddr) {
    let mut taken = Vec::new();
    // What is taken by default is taken as well.
    if !admin.is_some_and(says_where) {
        taken.push(ADMIN_DEFAULT);
    }
    let specs = match listeners {
        None => {
            taken.push(DEFAULT);
            vec![ListenerSpec::local(DEFAULT)]
        }
        Some(node) => {
            let nodes = items(node, problems).unwrap_or_default();
            nodes.iter().filter_map(|node| listener(node, folder, &mut taken, problems)).collect()
        }
    };
    let admin = admin.and_then(|node| admin_address(node, &mut taken, problems));
    (specs, admin.unwrap_or(ADMIN_DEFAULT))
}

/// A listener lends the broker's own identity to whoever reaches it: only to this machine, and only
/// if there is one.
pub(super) fn check_ambient(listeners: Option<&Node>, has_ambient: bool, problems: &mut Problems) {
    let Some(Value::List(nodes)) = listeners.map(|node| &node.value) else { return };
    for entry in nodes.iter().filter_map(|node| match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == "ambient"),
        _ => None,
    }) {
        if !has_ambient {
            let sentence = "needs the broker's own identity; write the section `ambient:` with \
                            `token:` and `service_account:`";
            problems.add(&entry.place, sentence);
        }
    }
}

fn listener(
    node: &Node,
    folder: &Path,
    taken: &mut Vec<SocketAddr>,
    problems: &mut Problems,
) -> Option<ListenerSpec> {
    let section = Section::open(node, KEYS, problems)?;
    let is_plaintext_meant = match section.value("plaintext") {
        Some(node) => flag(node, problems),
        None => Some(false),
    };
    let is_ambient = match section.value("ambient") {
        Some(node) => flag(node, problems)?,
        None => false,
    };
    let hosts = match section.value("hosts") {
        Some(node) => hosts(node, problems),
        None => Vec::new(),
    };
    let public_url = section.value("public_url");
    let public_url = public_url.and_then(|node| web::url(node, Query::Refused, problems));
    let public_url = public_url.map(|(text, _)| text.to_owned());
    let tls_node = section.value("tls");
    let tls = tls_node.and_then(|node| tls::files(node, folder, problems));
    let advice = "write an address and a port, such as `bind: 127.0.0.1:8484`";
    let bind_node = section.required("bind", advice, problems)?;
    if let Some(path) = unix_path(bind_node, problems) {
        let mode = section.value("mode").map_or(Some(MODE), |node| mode(node, problems))?;
        let bind = Bind::Unix { path, mode };
        if let Some(node) = tls_node {
            let sentence = "is for addresses: a Unix socket does not leave this machine; remove it";
            problems.add(&node.place, sentence);
        }
        return Some(ListenerSpec { bind, is_ambient, hosts, public_url, tls: None });
    }
    if let Some(node) = section.value("mode") {
        refuse(node, "is for Unix sockets; remove it, or write `bind: unix:/path`", problems);
    }
    let bind = address(bind_node, taken, problems)?;
    let is_plaintext_meant = is_plaintext_meant?;
    if let (Some(node), true) = (tls_node, is_plaintext_meant) {
        let sentence = "stands beside `plaintext: true`; remove one of them";
        problems.add(&node.place, sentence);
    }
    if !bind.ip().is_loopback() && tls_node.is_none() && !is_plaintext_meant {
        let sentence = "other machines reach this address, and tokens would cross the network in \
                        the clear; write `tls: { cert_file: …, key_file: … }`, or `plaintext: \
                        true` if something in front does TLS, else bind 127.0.0.1";
        refuse(bind_node, sentence, problems);
    }
    if let Some(node) = section.value("ambient").filter(|_| is_ambient && !bind.ip().is_loopback())
    {
        let sentence = "other machines reach this address, and whoever does would act as the \
                        broker; bind 127.0.0.1 or a Unix socket, or remove it";
        refuse(node, sentence, problems);
    }
    Some(ListenerSpec { bind: Bind::Tcp(bind), is_ambient, hosts, public_url, tls })
}

/// The path behind `unix:`, if that is what it says.
fn unix_path(node: &Node, problems: &mut Problems) -> Option<PathBuf> {
    let Value::Scalar(written) = &node.value else { return None };
    let path = written.text.strip_prefix("unix:")?;
    if !HAVE_UNIX {
        let sentence = "is a Unix socket, and Windows has none; write an address and a port, such as \
                        `bind: 127.0.0.1:8484`";
        refuse(node, sentence, problems);
    } else if !path.starts_with('/') || path.len() > UNIX_PATH {
        let sentence = "must be unix: and an absolute path of at most 107 bytes";
        refuse(node, sentence, problems);
    }
    Some(PathBuf::from(path))
}

/// Permission bits: three octal digits, perhaps a zero before them.
fn mode(node: &Node, problems: &mut Problems) -> Option<u32> {
    let text = scalar(node, problems)?.text.as_str();
    let digits = text.strip_prefix('0').unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| digits.len() == 3);
    if mode.is_none() {
        refuse(node, "must be three octal digits, such as \"0660\"", problems);
    }
    mode
}

fn admin_address(
    node: &Node,
    taken: &mut Vec<SocketAddr>,
    problems: &mut Problems,
) -> Option<SocketAddr> {
    let section = Section::open(node, ADMIN_KEYS, problems)?;
    address(section.value("bind")?, taken, problems)
}

fn says_where(admin: &Node) -> bool {
    matches!(&admin.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == "bind"))
}

/// Reads an address that no other listener has. Port 0 stands for any free one.
fn address(
    node: &Node,
    taken: &mut Vec<SocketAddr>,
    problems: &mut Problems,
) -> Option<SocketAddr> {
    let address = match parse(text(node, problems)?) {
        Ok(address) => address,
        Err(sentence) => {
            refuse(node, sentence, problems);
            return None;
        }
    };
    if taken.iter().any(|other| overlap(*other, address)) {
        refuse(node, "another listener has this address; write another port", problems);
        return None;
    }
    taken.push(address);
    Some(address)
}

/// Whether one takes connections that are for the other: an unspecified address stands for all of
/// its family, and `[::]` for those of IPv4 as well.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_for_all = |address: SocketAddr| address.ip().is_unspecified();
    let is_dual = |address: SocketAddr| is_for_all(address) && address.is_ipv6();
    let is_same = one.ip() == other.ip()
        || is_dual(one)
        || is_dual(other)
        || ((is_for_all(one) || is_for_all(other)) && one.is_ipv4() == other.is_ipv4());
    one.port() == other.port() && one.port() != 0 && is_same
}

fn parse(text: &str) -> Result<SocketAddr, &'static str> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.starts_with("unix:") {
        return Err(
            "metrics are not served on Unix sockets; write an address and a port, such as \
                    127.0.0.1:9484",
        );
    }
    if let Some(Ok(port)) = text.strip_prefix("localhost:").map(str::parse) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    if text.parse::<IpAddr>().is_ok() || text == "localhost" {
        return Err("the port is missing; write it after a colon, such as 127.0.0.1:8484 or \
                    [::1]:8484");
    }
    if text.trim_start_matches(':').parse::<u16>().is_ok() {
        return Err("the address is missing; write 127.0.0.1 before the port, or 0.0.0.0 to be \
                    reached by other machines");
    }
    Err("must be an IP address and a port, such as 127.0.0.1:8484; names other than localhost are \
         not looked up")
}

/// Host names, in lower case as they are compared.
fn hosts(node: &Node, problems: &mut Problems) -> Vec<String> {
    let mut hosts = Vec::new();
    for item in items(node, problems).unwrap_or_default() {
        let Some(text) = text(item, problems) else {
            continue;
        };
        match Host::parse(text) {
            Ok(host) => hosts.push(host.to_string()),
            Err(_) => refuse(
                item,
                "must be a host name without scheme, port and path, such as broker.internal",
                problems,
            ),
        }
    }
    hosts
}
