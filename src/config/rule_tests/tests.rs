//! What a file of rule tests may say, and where it is told that it may not.

use std::path::Path;

use super::*;
use crate::config;

const CONFIG: &str = "octopus: { url: 'https://acme.octopus.app' }\n\
    issuers:\n  ci: { provider: custom, url: 'https://ci.acme.example', algorithms: [RS256] }\n\
    service_accounts:\n  bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 }\n\
    rules:\n  - { name: web, issuer: ci, service_account: bot, claims: { sub: job } }\n";

fn read(source: &str) -> Result<Vec<RuleTest>, ConfigError> {
    let config = config::parse(CONFIG, Path::new("octobroker.yaml"), &|_| None).unwrap();
    let mut problems = Problems::new(Path::new("tests.yaml"));
    let root = yaml::read(source, &mut problems);
    let facts = Facts { config: &config, folder: Path::new("/nowhere") };
    let tests = root.and_then(|root| cases(&root, &facts, &mut problems));
    problems.finish(tests).map(|(tests, _)| tests)
}

/// A case with this in place of its claims.
fn with(claims: &str) -> String {
    format!("- name: a\n  issuer: ci\n  claims: {claims}\n  expect: allowed\n")
}

#[test]
fn claims_get_the_types_that_json_would_give_them() {
    let source = with(
        "{ a: text, b: 7, c: \"7\", d: true, e: 'true', f: null, g: [x, 1], h: { i: j }, k: 1.5 }",
    );
    let tests = read(&source).unwrap();
    let TestSample::Claims(claims) = &tests[0].sample else { panic!("{tests:?}") };

    assert_eq!(
        claims.to_document(),
        "{\"a\":\"text\",\"b\":7,\"c\":\"7\",\"d\":true,\"e\":\"true\",\"f\":null,\
         \"g\":[\"x\",1],\"h\":{\"i\":\"j\"},\"iss\":\"https://ci.acme.example\",\"k\":1.5}"
    );
}

#[test]
fn a_time_lets_times_count_and_nothing_is_added_to_the_claims() {
    let source = with("{ sub: job }") + "  at: 2026-11-24T16:00:00Z\n";
    let tests = read(&source).unwrap();
    let TestSample::Claims(claims) = &tests[0].sample else { panic!("{tests:?}") };

    assert!(tests[0].at.is_some() && !claims.to_document().contains("exp"));
}

#[test]
fn what_is_expected_is_read_short_and_long() {
    let allowed = |rule: Option<&str>, account: Option<&str>| Expected::Allowed {
        rule: rule.map(str::to_owned),
        service_account: account.map(str::to_owned),
    };
    let rows = [
        ("allowed", allowed(None, None)),
        ("refused", Expected::Refused(None)),
        ("{ rule: web }", allowed(Some("web"), None)),
        ("{ service_account: bot }", allowed(None, Some("bot"))),
        (
            "{ refused: no_rule_matched }",
            Expected::Refused(Some(crate::telemetry::Code::NoRuleMatched)),
        ),
    ];
    for (written, expected) in rows {
        let source = with("{ sub: job }").replace("expect: allowed", &format!("expect: {written}"));
        assert_eq!(read(&source).unwrap()[0].expected, expected, "{written}");
    }
}

#[test]
fn everything_wrong_is_told_with_its_place() {
    let rows = [
        ("- name: a\n  expect: allowed\n", 1, "`claims` is missing"),
        ("- name: a\n  claim: {}\n  expect: allowed\n", 2, "did you mean `claims`"),
        ("- name: a\n  claims: { iss: x }\n", 1, "`expect` is missing"),
        ("- claims: { iss: x }\n  expect: allowed\n", 1, "`name` is missing"),
        ("- name: a\n  claims: { sub: x }\n  expect: allowed\n", 2, "have no `iss`"),
        (
            "- name: a\n  issuer: ci\n  claims: { iss: x }\n  expect: allowed\n",
            2,
            "remove one of them",
        ),
        ("- name: a\n  issuer: cx\n  claims: {}\n  expect: allowed\n", 2, "did you mean `ci`"),
        ("- name: a\n  claims: { iss: x, a: 007 }\n  expect: allowed\n", 2, "quote it"),
        ("- name: a\n  claims: [x]\n  expect: allowed\n", 2, "must be a map of claims"),
        ("- name: a\n  claims: { file: no.json }\n  expect: allowed\n", 2, "can't be read"),
        ("- name: a\n  token: { file: no.jwt }\n  expect: allowed\n", 2, "can't be read"),
        ("- name: a\n  token: eyJ\n  expect: allowed\n", 2, "must be a map"),
        ("- name: a\n  claims: { iss: x }\n  expect: alowed\n", 3, "did you mean `allowed`"),
        ("- name: a\n  claims: { iss: x }\n  expect: { rule: wbe }\n", 3, "did you mean `web`"),
        (
            "- name: a\n  claims: { iss: x }\n  expect: { refused: no_rule_match }\n",
            3,
            "did you mean `no_rule_matched`",
        ),
        (
            "- name: a\n  claims: { iss: x }\n  expect: { rule: web, refused: internal }\n",
            3,
            "remove one of them",
        ),
        ("- name: a\n  claims: { iss: x }\n  expect: {}\n", 3, "says nothing"),
        (
            "- name: a\n  claims: { iss: x }\n  service_account: bto\n  expect: allowed\n",
            3,
            "did you mean `bot`",
        ),
        (
            "- name: a\n  claims: { iss: x }\n  request: { method: PSOT, path: /a }\n  expect: allowed\n",
            3,
            "must be one of GET",
        ),
        (
            "- name: a\n  claims: { iss: x }\n  request: { method: GET, path: api }\n  expect: allowed\n",
            3,
            "must begin with a slash",
        ),
        ("- name: a\n  claims: { iss: x }\n  at: noon\n  expect: allowed\n", 3, "must be a time"),
        ("name: a\n", 1, "must be a list"),
        ("", 1, "the list is empty"),
    ];
    for (source, line, sentence) in rows {
        let error = read(source).unwrap_err();
        let found = error.problems().iter().find(|it| it.sentence.contains(sentence));
        let found = found.unwrap_or_else(|| panic!("{source}: {error}"));
        assert_eq!(found.line, line, "{source}: {error}");
        assert!(found.column > 0, "{source}");
    }
}

#[test]
fn two_tests_of_one_name_are_refused() {
    let twice = with("{ sub: job }").repeat(2);

    assert!(read(&twice).unwrap_err().to_string().contains("another test above has this name"));
}

#[test]
fn a_body_is_sent_as_it_is_or_as_json() {
    for (written, expected) in [
        ("'{\"a\": 1}'", "{\"a\": 1}"),
        (
            "{ ProjectName: Web, Numbers: [1, true] }",
            "{\"Numbers\":[1,true],\"ProjectName\":\"Web\"}",
        ),
    ] {
        let request =
            format!("  request:\n    method: POST\n    path: /api\n    body: {written}\n");
        let tests = read(&(with("{ sub: job }") + &request)).unwrap();
        let body = tests[0].request.as_ref().unwrap().body.clone().unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
