//! `allow:`, `spaces:`, `projects:`, `environments:`

use std::fmt::Write as _;

use http::Method;

use super::{config, each_is_refused, sound};
use crate::octopus::{Call, Grant};

const RULE: &str = "rules: [{name: a, issuer: ci, claims: {a: b}, service_account: bot, ";

/// A rule with these keys too.
fn rule(keys: &str) -> String {
    format!("{RULE}{keys}}}]")
}

fn grant(keys: &str) -> Grant {
    let config = sound(&rule(keys));
    Grant::clone(&config.rules[0].grant)
}

fn allows(grant: &Grant, call: &str) -> bool {
    let (method, target) = call.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    grant.judge(&Call::new(&method, target)).is_ok()
}

#[test]
fn capabilities_and_calls_are_read_in_any_order() {
    let keys = "allow: [{method: POST, path: '/api/*/channels'}, deploy, administer]";

    let grant = grant(keys);

    assert_eq!(grant.allowed().to_string(), "deploy, administer");
    assert!(allows(&grant, "POST /api/Spaces-1/channels"));
    assert!(allows(&grant, "POST /api/users"));
    assert!(!allows(&grant, "POST /api/Spaces-1/packages/raw"));
}

#[test]
fn nothing_said_is_everything_and_for_agents_reading() {
    let account = |more: &str| {
        let text = format!(
            "service_accounts: {{bot: {{api_key: {{env: SECRET}}{more}}}}}\n\
             rules: [{{name: a, issuer: ci, claims: {{a: b}}, service_account: bot, audience: o}}]\n\
             ambient: {{service_account: bot}}"
        );
        let config = sound(&text);
        let ambient = config.ambient.unwrap().grant.allowed().to_string();
        (config.rules[0].grant.allowed().to_string(), ambient)
    };

    assert_eq!(account(""), ("everything".to_owned(), "everything".to_owned()));
    assert_eq!(account(", agent: true"), ("read".to_owned(), "read".to_owned()));
    let text = "service_accounts: {bot: {agent: true, api_key: {env: SECRET}}}\n\
                ambient: {service_account: bot, allow: [read, mcp], spaces: [Spaces-1]}";
    let text = format!(
        "{text}\nrules: [{{name: a, issuer: ci, claims: {{a: b}}, audience: o, service_account: bot}}]"
    );
    assert_eq!(sound(&text).ambient.unwrap().grant.allowed().to_string(), "read, mcp");
}

#[test]
fn a_mistake_in_what_is_allowed_is_reported_with_what_to_write() {
    let rows = [
        ("allow: []", "allow", "allows nothing; write what, such as `[push-packages,"),
        ("allow:", "allow", "the list is empty"),
        ("allow: deploy", "allow", "must be a list; write `[deploy]`"),
        ("allow: [deploi]", "allow[0]", "unknown capability; did you mean `deploy`?"),
        ("allow: [Read]", "allow[0]", "unknown capability; did you mean `read`?"),
        ("allow: [push_packages]", "allow[0]", "did you mean `push-packages`?"),
        ("allow: [xyz]", "allow[0]", "known here are read, push-packages"),
        ("allow: [read, read]", "allow[1]", "stands twice"),
        ("allow: [[read]]", "allow[0]", "must be one value"),
        ("allow: [deploy, everything]", "allow", "of which `deploy` is a part; remove"),
        ("allow: [{path: /api/x}]", "allow[0]", "`method` is missing; write one of GET, POST"),
        (
            "allow: [{method: POST}]",
            "allow[0]",
            "`path` is missing; write one, such as `path: /api/*/channels`",
        ),
        (
            "allow: [{method: post, path: /api/x}]",
            "allow[0].method",
            "must be one of GET, POST, PUT, PATCH, DELETE; did you mean `POST`?",
        ),
        ("allow: [{method: GET, path: api/x}]", "allow[0].path", "must start with `/`, such as"),
        (
            "allow: [{method: GET, path: '/api/a*'}]",
            "allow[0].path",
            "has a `*` inside a segment; write `*` for a whole",
        ),
        (
            "allow: [{methods: GET, method: GET, path: /api/x}]",
            "allow[0].methods",
            "unknown key; did you mean `method`?",
        ),
        (
            "allow: [{method: GET, path: /api/x}, {path: /api/x, method: GET}]",
            "allow[1]",
            "stands twice",
        ),
        (
            "allow: [everything, {method: POST, path: /api/x}]",
            "allow[1]",
            "opens nothing that `everything` does not",
        ),
        (
            "allow: [{method: POST, path: '/api/users/*/apikeys'}]",
            "allow[0]",
            "is administration, which no path opens; write `administer`",
        ),
        ("spaces: []", "spaces", "the list is empty; write an entry, or remove the key"),
        ("spaces: Spaces-1", "spaces", "must be a list; write `[Spaces-1]`"),
        ("spaces: [Web, web]", "spaces[1]", "stands twice, for case does not count"),
        ("projects: ['']", "projects[0]", "is empty"),
        ("projects: [' Web']", "projects[0]", "write the name without"),
        ("environments: ['T*']", "environments[0]", "is compared whole"),
    ];
    for (keys, key, phrase) in rows {
        let error = config(&rule(keys)).expect_err(keys).to_string();
        assert!(error.contains(&format!("rules[0].{key}: ")), "{keys}\n{error}");
        assert!(error.contains(phrase), "{keys}\nexpected {phrase}\n     got {error}");
        assert_eq!(error.lines().count(), 1, "{keys}\n{error}");
    }
    each_is_refused(&[(
        "rules:\n- {name: a, issuer: ci, claims: {a: b}, service_account: bot, allow: [read, deploi]}",
        "2:77: rules[0].allow[1]",
        "did you mean `deploy`?",
    )]);
}

#[test]
fn all_mistakes_of_a_rule_are_reported_at_once() {
    let keys = "allow: [deploi, raed, {method: post, path: x}], spaces: [a, A], projects: x, \
                environments: []";

    let error = config(&rule(keys)).unwrap_err();

    assert_eq!(error.problems().len(), 7, "{error}");
}

#[test]
fn names_are_counted() {
    let names = |count: usize| {
        (0..count).fold("projects: [".to_owned(), |mut text, number| {
            write!(text, "p{number}, ").unwrap();
            text
        }) + "]"
    };

    sound(&rule(&names(1000)));
    let error = config(&rule(&names(1001))).unwrap_err().to_string();
    assert!(error.contains("projects[1000]: at most 1000 names are taken"), "{error}");
}
