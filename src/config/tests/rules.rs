//! `rules:`

use std::fmt::Write as _;

use super::{config, each_is_refused, sound};

#[test]
fn a_rule_names_what_is_configured() {
    each_is_refused(&[
        (
            "rules:\n- {name: a, issuer: c1, claims: {a: b}, service_account: bot}",
            "2:21: rules[0].issuer",
            "is not one of those under `issuers:`; did you mean `ci`?",
        ),
        (
            "rules:\n- {name: a, issuer: github, claims: {a: b}, service_account: bot}",
            "2:21: rules[0].issuer",
            "known are ci",
        ),
        (
            "rules:\n- {name: a, issuer: ci, claims: {a: b}, service_account: bto}",
            "2:58: rules[0].service_account",
            "under `service_accounts:`; did you",
        ),
        (
            "rules:\n- {name: a, claims: {a: b}, service_account: bot}",
            "2:3: rules[0]",
            "`issuer` is missing; write the name of one",
        ),
        (
            "rules:\n- {name: a, issuer: ci, claims: {a: b}}",
            "2:3: rules[0]",
            "`service_account` is missing",
        ),
        (
            "rules:\n- {issuer: ci, claims: {a: b}, service_account: bot}",
            "2:3: rules[0]",
            "`name` is missing",
        ),
        (
            "rules:\n- {name: a b, issuer: ci, claims: {a: b}, service_account: bot}",
            "2:10: rules[0].name",
            "a name has 1 to 64",
        ),
        (
            "rules:\n- {name: a, issuer: ci, claims: {a: b}, service_account: bot}\n- {name: a, issuer: ci, claims: {a: b}, service_account: bot}",
            "3:10: rules[1].name",
            "another rule above has this name",
        ),
        (
            "rules:\n- {name: a, issuer: ci, claims: {a: b}, service_account: bot, alow: [read]}",
            "2:63: rules[0].alow",
            "unknown key; did you mean `allow`?",
        ),
        (
            "rules:\n- {name: a, issuer: ci, claims: {a: b}, service_account: bot, repository: x}",
            "2:63: rules[0].repository",
            "unknown key, but a field of github-actions, forgejo; known here are name, issuer, audience",
        ),
        ("rules: {web: {issuer: ci}}", "1:1: rules", "must be a list, not a map"),
        ("rules: [web]", "1:9: rules[0]", "must be a map"),
    ]);
}

#[test]
fn a_rule_says_who_may() {
    let rule = |claims: &str| {
        format!("rules: [{{name: a, issuer: ci, claims: {claims}, service_account: bot}}]")
    };
    let at = "1:31: rules[0].claims";
    each_is_refused(&[
        (&rule("{}"), at, "has no condition, so every token of the issuer would match; write"),
        (&rule(""), at, "has no condition"),
        (&rule("{a: {absent: true}}"), at, "says only who may not, so everybody else's token"),
        (&rule("{a: {not_one_of: [b]}, c: {absent: true}}"), at, "says only who may not"),
        (&rule("[a]"), at, "must be a map of keys and values, not a list"),
        (
            "rules: [{name: a, issuer: ci, service_account: bot}]",
            "1:9: rules[0]",
            "`claims` is missing; write what the token must say",
        ),
    ]);
}

#[test]
fn without_rules_nobody_could_do_anything() {
    each_is_refused(&[
        ("rules: []", "1:1: rules", "has no rule, so nobody could do anything; write one"),
        ("rules:", "1:1: rules", "has no rule"),
    ]);
}

#[test]
fn a_broken_account_is_reported_once() {
    let text = "service_accounts: {bot: {id: Users-1}}\nissuers: {ci: {provider: x}}";

    assert_eq!(config(text).unwrap_err().problems().len(), 2);
}

#[test]
fn a_rule_carries_the_audience_of_its_account() {
    let id = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";
    let rule = |account: &str| {
        sound(&format!("service_accounts: {{bot: {{id: {id}{account}}}}}")).rules.remove(0)
    };

    assert_eq!(rule("").audience, id);
    let rule = rule(", audience: octobroker");
    assert_eq!((rule.name.as_str(), rule.issuer.as_str()), ("web", "ci"));
    assert_eq!((rule.service_account.as_str(), rule.audience.as_str()), ("bot", "octobroker"));
}

#[test]
fn rules_and_conditions_are_counted() {
    let many = |count: usize| {
        (0..count).fold("rules:".to_owned(), |mut text, number| {
            let rule = "issuer: ci, claims: {a: b}, service_account: bot";
            write!(text, "\n- {{name: r{number}, {rule}}}").unwrap();
            text
        })
    };
    assert_eq!(sound(&many(1000)).rules.len(), 1000);
    each_is_refused(&[(&many(1002), "1002:3: rules[1000]", "at most 1000 rules are taken")]);

    let claims = |count: usize| {
        let claims: Vec<String> = (0..count).map(|number| format!("c{number}: x")).collect();
        let claims = claims.join(", ");
        format!("rules:\n- {{name: a, issuer: ci, service_account: bot, claims: {{{claims}}}}}")
    };
    assert_eq!(sound(&claims(32)).rules[0].conditions.len(), 32);
    each_is_refused(&[(&claims(33), "2:47: rules[0].claims", "has more than 32 conditions")]);
}
