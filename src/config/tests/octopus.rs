//! `octopus:`

use std::time::Duration;

use super::{each_is_refused, sound};
use crate::octopus::TokenEndpoint;

#[test]
fn a_server_has_an_https_url_and_known_keys() {
    each_is_refused(&[
        ("octopus: {url: http://acme.example}", "1:16: octopus.url", "must be https; http is for"),
        (
            "octopus:\n  url: https://u:hunter2@acme.example",
            "2:8: octopus.url",
            "user name or a pass",
        ),
        ("octopus: {url: https://acme.example?a=b}", "1:16: octopus.url", "must not hold a query"),
        (
            "octopus: {url: https://acme.example/#a}",
            "1:16: octopus.url",
            "must not hold a fragment",
        ),
        ("octopus: {url: acme.octopus.app}", "1:16: octopus.url", "is not a URL; write https://"),
        ("octopus: {url: ''}", "1:16: octopus.url", "is empty"),
        ("octopus: {url: }", "1:11: octopus.url", "has no value; write one"),
        (
            "octopus: {url: [https://a.example]}",
            "1:11: octopus.url",
            "must be one value, not a list",
        ),
        (
            "octopus: {url: \"https://${HOST}\"}",
            "1:16: octopus.url",
            "inside quotes `${NAME}` is not",
        ),
        ("octopus: {}", "1:1: octopus", "`url` is missing; write the server's base URL"),
        ("octopus:", "1:1: octopus", "`url` is missing"),
        (
            "octopus: https://acme.example",
            "1:10: octopus",
            "must be a map of keys and values, not a",
        ),
        ("octopus: [1]", "1:1: octopus", "must be a map of keys and values, not a list"),
        ("octopus: {url: https://a.example, cafile: x}", "1:35: octopus.cafile", "mean `ca_file`?"),
        ("octopus: {url: https://a.example, api_key: x}", "1:35: octopus.api_key", "unknown key"),
        ("octopus: {url: https://a.example, ca_file: nowhere.pem}", "1:44: octopus.ca_file", "PEM"),
    ]);
}

#[test]
fn the_token_endpoint_is_a_word_or_a_url() {
    let at = "1:51: octopus.token_endpoint";
    each_is_refused(&[
        (
            "octopus: {url: https://a.example, token_endpoint: republished}",
            at,
            "rebase, published or",
        ),
        ("octopus: {url: https://a.example, token_endpoint: /token/v1}", at, "absolute URL"),
        (
            "octopus: {url: https://a.example, token_endpoint: http://a.example/t}",
            at,
            "must be https",
        ),
        ("octopus: {url: https://a.example, token_endpoint: https://u@a.example}", at, "user name"),
    ]);

    let endpoint = |written: &str| {
        sound(&format!("octopus: {{url: https://a.example, token_endpoint: {written}}}"))
            .upstream
            .token_endpoint
    };
    assert_eq!(endpoint("rebase"), TokenEndpoint::Rebase);
    assert_eq!(endpoint("published"), TokenEndpoint::Published);
    let fixed = "https://b.example/token/v1?x=1";
    assert_eq!(endpoint(fixed), TokenEndpoint::Fixed(fixed.parse().unwrap()));
}

#[test]
fn timeouts_are_durations_with_a_unit() {
    each_is_refused(&[
        (
            "octopus: {url: https://a.example, connect_timeout: 5}",
            "1:52: octopus.connect_timeout",
            "30s",
        ),
        (
            "octopus: {url: https://a.example, connect_timeout: 0s}",
            "1:52: octopus.connect_timeout",
            "at least 1ms and at most 5m",
        ),
        (
            "octopus: {url: https://a.example, connect_timeout: 6m}",
            "1:52: octopus.connect_timeout",
            "at most 5m",
        ),
        (
            "octopus: {url: https://a.example, idle_timeout: 2days}",
            "1:49: octopus.idle_timeout",
            "at most 1day",
        ),
        (
            "octopus: {url: https://a.example, idle_timeout: -1s}",
            "1:49: octopus.idle_timeout",
            "must be a duration",
        ),
        (
            "octopus: {url: https://a.example, idle_timeout: 99999999999999999999y}",
            "1:49: octopus.idle_timeout",
            "must be a duration",
        ),
    ]);

    let octopus = "octopus: {url: https://a.example, connect_timeout: 250ms, idle_timeout: 2m 30s}";
    let upstream = sound(octopus).upstream;

    assert_eq!(upstream.connect_timeout, Duration::from_millis(250));
    assert_eq!(upstream.idle_timeout, Duration::from_secs(150));
}

#[test]
fn a_virtual_directory_and_plain_http_to_this_machine_are_taken() {
    assert_eq!(
        sound("octopus: {url: https://a.example/octopus/}").upstream.path_prefix(),
        "/octopus"
    );
    assert!(!sound("octopus: {url: 'http://127.0.0.1:8065'}").upstream.is_encrypted());
}
