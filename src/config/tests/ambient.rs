//! `ambient:` and the listeners that lend it.

use std::path::PathBuf;

use super::{config, each_is_refused, sound};
use crate::ambient::TokenSource;
use crate::config::AmbientConfig;

#[test]
fn the_own_identity_has_a_source_and_an_account() {
    each_is_refused(&[
        ("ambient: {}", "1:1: ambient", "`service_account` is missing; write the name of one"),
        (
            "ambient: {service_account: bott}",
            "1:28: ambient.service_account",
            "did you mean `bot`?",
        ),
        (
            "ambient: {service_account: bot, token: jenkins-x}",
            "1:40: ambient.token",
            "is not known; did you mean `jenkins`?; must be one of detect",
        ),
        (
            "ambient: {service_account: bot, token: github}",
            "1:40: ambient.token",
            "did you mean `github-actions`?",
        ),
        (
            "ambient: {service_account: bot, token: {}}",
            "1:33: ambient.token",
            "must have exactly one of `file:`, `env:` and `command:`",
        ),
        (
            "ambient: {service_account: bot, token: {env: X, path: x}}",
            "1:49: ambient.token.path",
            "unknown key; known here are file, env, command",
        ),
        (
            "ambient: {service_account: bot, allow: [raed]}",
            "1:41: ambient.allow[0]",
            "unknown capability; did you mean `read`?",
        ),
        (
            "ambient: {service_account: bot, repository: x}",
            "1:33: ambient.repository",
            "unknown key",
        ),
    ]);

    let source = |token: &str| {
        let text = format!("ambient: {{service_account: bot{token}}}");
        let AmbientConfig { source, service_account, grant } = sound(&text).ambient.unwrap();
        assert_eq!(service_account, "bot");
        assert_eq!(grant.allowed().to_string(), "everything");
        source
    };
    assert_eq!(source(""), TokenSource::Detect);
    assert_eq!(source(", token: detect"), TokenSource::Detect);
    assert_eq!(source(", token: {env: X}"), TokenSource::Environment("X".to_owned()));
    assert_eq!(source(", token: {file: /run/t}"), TokenSource::File(PathBuf::from("/run/t")));
    let command = TokenSource::Command(vec!["get-token".to_owned(), "--for=x".to_owned()]);
    assert_eq!(source(", token: {command: [get-token, --for=x]}"), command);
}

#[test]
fn with_an_own_identity_neither_issuers_nor_rules_are_needed() {
    let text = "octopus: {url: https://acme.octopus.app}
service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}}
ambient: {service_account: bot}
";
    let environment = |_: &str| None;

    let config = crate::config::parse(text, std::path::Path::new("o.yaml"), &environment).unwrap();

    assert!(config.issuers.is_empty() && config.rules.is_empty());
}

#[test]
fn only_this_machine_is_lent_the_identity_and_only_if_there_is_one() {
    let ambient = "ambient: {service_account: bot}\n";
    each_is_refused(&[
        (
            "listeners: [{bind: '127.0.0.1:1', ambient: true}]",
            "1:35: listeners[0].ambient",
            "needs the broker's own identity; write the section `ambient:`",
        ),
        (
            &format!("{ambient}listeners: [{{bind: '0.0.0.0:1', plaintext: true, ambient: true}}]"),
            "2:59: listeners[0].ambient",
            "other machines reach this address, and whoever does would act as the broker",
        ),
    ]);

    let unix = cfg!(unix).then_some("unix:/run/o.sock");
    for bind in ["127.0.0.1:1", "[::1]:1"].into_iter().chain(unix) {
        let text = format!("{ambient}listeners: [{{bind: '{bind}', ambient: true}}]");
        assert!(config(&text).unwrap().listeners[0].is_ambient, "{bind}");
    }
}
