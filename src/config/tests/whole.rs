//! Whole configurations.

use std::path::Path;

use proptest::prelude::*;

use super::{environment, sound};
use crate::config::{
    Config, accounts, ambient, claims, grants, issuers, limits, listeners, load, log, octopus,
    parse, rules, secret, tls, token_door,
};
use crate::limits::Limits;

#[test]
fn what_is_not_written_has_its_default() {
    let config = sound("");

    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].bind.to_string(), "127.0.0.1:8484");
    assert!(config.listeners[0].hosts.is_empty());
    assert_eq!(config.admin.to_string(), "127.0.0.1:9484");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.path, Path::new("octobroker.yaml"));
}

/// The annotated whole, which is also the documentation.
const ANNOTATED: &str = include_str!("../../../config/octobroker.yaml");

#[test]
fn the_annotated_file_has_every_key() {
    let of_sections = [
        load::KEYS,
        octopus::KEYS,
        listeners::KEYS,
        listeners::ADMIN_KEYS,
        tls::KEYS,
        issuers::KEYS,
        accounts::KEYS,
        secret::KEYS,
        rules::KEYS,
        grants::CALL_KEYS,
        ambient::KEYS,
        claims::OPERATORS,
        token_door::KEYS,
        limits::KEYS,
        log::KEYS,
    ];
    for key in of_sections.into_iter().flatten() {
        let is_there = ANNOTATED.lines().any(|line| {
            let line = line.trim_start_matches(['#', '-', ' ']);
            line.starts_with(&format!("{key}:")) || line.contains(&format!("{{ {key}:"))
        });
        assert!(is_there, "{key}");
    }
}

#[test]
fn the_annotated_file_says_the_defaults() {
    let written = parse(ANNOTATED, Path::new("config/octobroker.yaml"), &environment).unwrap();
    let issuer = "issuers: {ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}}";
    let built_in = sound(issuer);

    let defaults = |config: Config| {
        let (upstream, issuer) = (config.upstream, &config.issuers[0]);
        let of_issuer = (issuer.max_token_lifetime, issuer.max_token_age, issuer.extra_audiences);
        let of_octopus = (upstream.token_endpoint, upstream.connect_timeout, upstream.idle_timeout);
        let account = &config.service_accounts[0];
        let grant = config.rules[0].grant.clone();
        let is_audience_id = account.audience == account.id;
        let of_process =
            (config.listeners, config.admin, config.token_door, config.limits, config.log);
        (of_issuer, issuer.replay, of_octopus, is_audience_id, grant, of_process)
    };
    assert_eq!(defaults(written), defaults(built_in));
}

#[test]
fn ten_mistakes_are_reported_at_once() {
    let text = "octopus:
  url: http://acme.example
  idle_timout: 60s
listeners:
- bind: 0.0.0.0:8484
issuers:
  ci:
    provider: custom
    url: https://CI.example
    algorithms: [HS256]
service_accounts:
  bot: { id: Users-21 }
rules:
- name: web
  issuer: ic
  claims:
    repository_id: 007
  service_account: bot
limits:
  drain: 30
log: { level: loud }
tls: {}
";

    let error = parse(text, Path::new("octobroker.yaml"), &environment).unwrap_err();

    let found: Vec<String> = error
        .problems()
        .iter()
        .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.path))
        .collect();
    let expected = [
        "2:8 octopus.url",
        "3:3 octopus.idle_timout",
        "5:9 listeners[0].bind",
        "9:10 issuers.ci.url",
        "10:18 issuers.ci.algorithms[0]",
        "12:14 service_accounts.bot.id",
        "15:11 rules[0].issuer",
        "17:20 rules[0].claims.repository_id",
        "20:10 limits.drain",
        "21:15 log.level",
        "22:1 tls",
    ];
    assert_eq!(found, expected);
    assert_eq!(error.to_string().lines().count(), expected.len());
    assert!(error.to_string().starts_with("octobroker.yaml:2:8: octopus.url: must be https; "));
}

/// Pieces that are likely to meet in a bad place.
const PIECES: &str = "octopus:|listeners:|issuers:|service_accounts:|rules:|limits:|log:|admin:|url|\
                      claims|glob|one_of|[|]|{|}|: |, |- |\n|\n  |\n    |&a |*a|!!str |'|\"|#|${|}|\
                      ${HOST}|~|<<|\t|007|1e3|yes|\u{feff}|\u{0}|\u{e9}|? |---|%|\\|>|`|@";

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&String::from_utf8_lossy(&bytes), Path::new("a"), &environment);
    }

    #[test]
    fn no_text_makes_it_panic(
        pieces in proptest::collection::vec(
            proptest::sample::select(PIECES.split('|').collect::<Vec<_>>()),
            0..60,
        ),
    ) {
        let text = pieces.concat();
        if let Err(error) = parse(&text, Path::new("a"), &environment) {
            prop_assert!(!error.problems().is_empty());
            prop_assert!(!error.to_string().chars().any(|c| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn a_damaged_file_never_makes_it_panic(at in 0..ANNOTATED.len(), with in "\\PC{0,3}") {
        let cut = ANNOTATED.chars().take(at).collect::<String>();
        let rest = ANNOTATED.chars().skip(at + 1).collect::<String>();
        let _ = parse(&format!("{cut}{with}{rest}"), Path::new("a"), &environment);
    }
}
