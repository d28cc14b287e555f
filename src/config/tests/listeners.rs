//! `listeners:` and `admin:`

use super::{each_is_refused, sound};

#[test]
fn an_address_is_an_ip_address_and_a_port() {
    let at = "1:20: listeners[0].bind";
    each_is_refused(&[
        ("listeners: [{bind: 127.0.0.1}]", at, "the port is missing"),
        ("listeners: [{bind: localhost}]", at, "the port is missing"),
        ("listeners: [{bind: '::1'}]", at, "the port is missing"),
        ("listeners: [{bind: 8484}]", at, "the address is missing; write 127.0.0.1"),
        ("listeners: [{bind: ':8484'}]", at, "the address is missing"),
        ("listeners: [{bind: 'broker.internal:8484'}]", at, "names other than localhost"),
        ("listeners: [{bind: 'localhost:99999'}]", at, "must be an IP address and a port"),
        ("listeners: [{bind: 'http://127.0.0.1:8484'}]", at, "must be an IP address and a port"),
        ("admin: {bind: metrics}", "1:15: admin.bind", "must be an IP address and a port"),
    ]);
}

#[test]
fn other_machines_are_served_without_tls_only_if_that_is_meant() {
    let advice = "write `tls: { cert_file: …, key_file: … }`, or `plaintext: true` if something";
    each_is_refused(&[
        ("listeners: [{bind: '0.0.0.0:8484'}]", "1:20: listeners[0].bind", advice),
        ("listeners: [{bind: '[::]:8484', plaintext: false}]", "1:20: listeners[0].bind", advice),
        ("listeners: [{bind: '10.0.0.1:0'}]", "1:20: listeners[0].bind", advice),
        (
            "listeners: [{bind: '1.2.3.4:1', plaintext: yes}]",
            "1:44: listeners[0].plaintext",
            "true or",
        ),
        (
            "listeners: [{bind: '1.2.3.4:1', plaintext: 'true'}]",
            "1:44: listeners[0].plaintext",
            "without quotes",
        ),
    ]);

    let listener = &sound("listeners: [{bind: '0.0.0.0:80', plaintext: true}]").listeners[0];
    assert!(!listener.is_loopback());
}

#[test]
fn tls_has_files_that_belong_together() {
    let tls = |rest: &str| format!("listeners: [{{bind: '0.0.0.0:1', {rest}}}]");
    let rows = [
        (tls("tls: {cert_file: /no/a, key_file: /no/b}"), "/no/a can't be read"),
        (tls("tls: {cert_file: /etc/hostname}"), "`key_file` is missing"),
        (tls("tls: {cert: a, key_file: b}"), "did you mean `cert_file`?"),
        (tls("tls: {cert_file: Cargo.toml, key_file: Cargo.toml}"), "no certificate in PEM form"),
        (
            tls("plaintext: true, tls: {cert_file: /no/a, key_file: /no/b}"),
            "stands beside `plaintext: true`",
        ),
        (
            "listeners: [{bind: 'unix:/run/o', tls: {cert_file: /no/a, key_file: /no/b}}]"
                .to_owned(),
            "a Unix socket does not leave this machine",
        ),
    ];
    for (text, part) in rows {
        let error = super::config(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn two_listeners_never_share_an_address() {
    each_is_refused(&[
        (
            "listeners:\n- bind: 127.0.0.1:1\n- bind: localhost:1",
            "3:9: listeners[1].bind",
            "another listener has this address",
        ),
        (
            "admin: {bind: '127.0.0.1:8484'}\nlisteners: [{bind: '127.0.0.1:8484'}]",
            "1:15: admin.bind",
            "another listener",
        ),
        ("admin: {bind: 127.0.0.1:8484}", "1:15: admin.bind", "another listener"),
        ("listeners: [{bind: 127.0.0.1:9484}]", "1:20: listeners[0].bind", "another listener"),
        ("admin: {}\nlisteners: [{bind: 127.0.0.1:9484}]", "2:20: listeners[0].bind", "another"),
        ("listeners: [{bind: '[::]:9484', plaintext: true}]", "1:20: listeners[0].bind", "another"),
        (
            "listeners:\n- {bind: 0.0.0.0:1, plaintext: true}\n- bind: 127.0.0.1:1",
            "3:9: listeners[1].bind",
            "another listener",
        ),
    ]);

    let free = sound("listeners: [{bind: '127.0.0.1:0'}, {bind: '127.0.0.1:0'}]");
    assert_eq!(free.listeners.len(), 2);
}

#[test]
fn a_listener_is_a_map_with_known_keys() {
    each_is_refused(&[
        ("listeners: []", "1:1: listeners", "the list is empty; write an entry, or remove the key"),
        ("listeners:", "1:1: listeners", "the list is empty"),
        ("listeners: {bind: '127.0.0.1:1'}", "1:1: listeners", "must be a list, not a map"),
        ("listeners: ['127.0.0.1:1']", "1:13: listeners[0]", "must be a map of keys and values"),
        ("listeners: [{hosts: [a]}]", "1:13: listeners[0]", "`bind` is missing"),
        (
            "listeners: [{bind: '127.0.0.1:1', tls: {cert_file: a}}]",
            "1:35: listeners[0].tls",
            "`key_file` is missing; write the file with the certificate's private key",
        ),
        (
            "listeners: [{bind: '127.0.0.1:1', host: [a]}]",
            "1:35: listeners[0].host",
            "did you mean `hosts`?",
        ),
        (
            "listeners: [{bind: '127.0.0.1:1', hosts: a}]",
            "1:42: listeners[0].hosts",
            "must be a list, not a text",
        ),
        (
            "listeners: [{bind: '127.0.0.1:1', hosts: ['a:1']}]",
            "1:43: listeners[0].hosts[0]",
            "without scheme, port and path",
        ),
        (
            "listeners: [{bind: '127.0.0.1:1', hosts: ['https://a']}]",
            "1:43: listeners[0].hosts[0]",
            "without scheme",
        ),
        ("admin: {bind: '127.0.0.1:1', bin: 2}", "1:30: admin.bin", "did you mean `bind`?"),
        ("admin: 9484", "1:8: admin", "must be a map"),
    ]);

    let listener =
        &sound("listeners: [{bind: 'localhost:1', hosts: [Broker.Internal]}]").listeners[0];
    assert_eq!(listener.bind.to_string(), "127.0.0.1:1");
    assert_eq!(listener.hosts, ["broker.internal"]);
}

#[test]
fn metrics_may_be_shown_to_other_machines() {
    assert_eq!(sound("admin: {bind: '0.0.0.0:9484'}").admin.to_string(), "0.0.0.0:9484");
}

#[test]
#[cfg(windows)]
fn a_unix_socket_is_refused_with_what_to_write_instead() {
    each_is_refused(&[(
        "listeners: [{bind: 'unix:/run/o.sock', mode: \"0660\"}]",
        "1:20: listeners[0].bind",
        "is a Unix socket, and Windows has none; write an address and a port",
    )]);
}

#[test]
#[cfg(unix)]
fn a_unix_socket_has_a_path_and_a_mode() {
    use crate::proxy::Bind;

    let of = |rest: &str| format!("listeners: [{{bind: 'unix:/run/o.sock'{rest}}}]");
    let at = "1:46: listeners[0].mode";
    each_is_refused(&[
        (
            "listeners: [{bind: 'unix:o.sock'}]",
            "1:20: listeners[0].bind",
            "must be unix: and an absolute path of at most 107 bytes",
        ),
        (&of(", mode: \"rw\""), at, "must be three octal digits"),
        (&of(", mode: \"0680\""), at, "must be three octal digits"),
        (&of(", mode: \"04777\""), at, "must be three octal digits"),
        (
            "listeners: [{bind: '127.0.0.1:1', mode: \"0660\"}]",
            "1:41: listeners[0].mode",
            "is for Unix sockets; remove it",
        ),
    ]);

    let bind = |rest: &str| sound(&of(rest)).listeners.remove(0).bind;
    let path = std::path::PathBuf::from("/run/o.sock");
    assert_eq!(bind(""), Bind::Unix { path: path.clone(), mode: 0o600 });
    assert_eq!(bind(", mode: \"0660\""), Bind::Unix { path: path.clone(), mode: 0o660 });
    assert_eq!(bind(", mode: 0660"), Bind::Unix { path, mode: 0o660 });
}
