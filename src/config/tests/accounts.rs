//! `service_accounts:`

use super::{each_is_refused, sound};

#[test]
fn an_account_has_a_guid() {
    let at = "1:30: service_accounts.bot.id";
    each_is_refused(&[
        ("service_accounts: {bot: {id: Users-21}}", at, "is the user's id, not the GUID; write"),
        (
            "service_accounts: {bot: {id: 5f2c8c0e1c1e4a7b9a540d8e6f1b2a33}}",
            at,
            "must be a GUID, such as",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a3g}}",
            at,
            "must be a GUID",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33-}}",
            at,
            "must be a GUID",
        ),
        (
            "service_accounts: {bot: {id: release-bot}}",
            at,
            "shows it on the service account's page",
        ),
        (
            "service_accounts: {bot: {audience: x}}",
            "1:20: service_accounts.bot",
            "has neither `id` nor `api_key`; write `id:` and the GUID",
        ),
        (
            "service_accounts: {bot: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}",
            "1:25: service_accounts.bot",
            "must be a map",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: ''}}",
            "1:78: service_accounts.bot.audience",
            "is empty; write the audience",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, api_key: x}}",
            "1:77: service_accounts.bot.api_key",
            "a secret never stands in the configuration",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}, 'b\u{e4}r': {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34}}",
            "1:69: service_accounts.b\u{e4}r",
            "a name has 1 to 64",
        ),
    ]);
}

#[test]
fn one_account_has_one_name() {
    let two = |audience: &str| {
        format!(
            "service_accounts:\n  bot: {{id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: a}}\n  other: {{id: 5F2C8C0E-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: {audience}}}"
        )
    };
    each_is_refused(&[(&two("a"), "3:3: service_accounts.other", "is the same account as bot")]);

    assert_eq!(sound(&two("b")).service_accounts.len(), 2);
}

#[test]
fn the_audience_is_the_id_if_it_is_not_written() {
    let id = "5F2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";
    let account = |rest: &str| {
        sound(&format!("service_accounts: {{bot: {{id: {id}{rest}}}}}")).service_accounts.remove(0)
    };

    let plain = account("");
    assert_eq!((plain.id.as_deref(), plain.audience.as_deref()), (Some(id), Some(id)));
    assert_eq!(account(", audience: octobroker").audience.as_deref(), Some("octobroker"));
}

#[test]
fn a_key_is_in_a_file_or_in_the_environment() {
    each_is_refused(&[
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, api_key: {env: NO}}}",
            "1:83: service_accounts.bot.api_key.env",
            "the environment variable NO is not set; set it, or write `file:`",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, api_key: {file: /no}}}",
            "1:68: service_accounts.bot.api_key",
            "the file /no can't be read",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, api_key: {}}}",
            "1:68: service_accounts.bot.api_key",
            "must have either `file:` or `env:`",
        ),
        (
            "service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, agent: true}}",
            "1:20: service_accounts.bot",
            "agent service accounts of Octopus have API keys only",
        ),
    ]);

    let account =
        sound("service_accounts: {bot: {api_key: {env: SECRET}, audience: x, agent: true}}")
            .service_accounts
            .remove(0);
    assert!(account.api_key.is_some() && account.is_agent && account.id.is_none());
    assert!(!format!("{account:?}").contains("hunter2"));
}

#[test]
fn a_rule_says_the_audience_that_its_account_does_not() {
    let with = |audience: &str, account: &str| {
        format!(
            "service_accounts: {{bot: {{{account}}}}}\nrules: [{{name: web, issuer: ci, claims: {{id: 7}}, service_account: bot{audience}}}]"
        )
    };
    let id = "id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";
    each_is_refused(&[
        (&with("", "api_key: {env: SECRET}"), "2:9: rules[0]", "`audience` is missing"),
        (&with(", audience: ''", "api_key: {env: SECRET}"), "2:82: rules[0].audience", "is empty"),
        (
            &with(", audience: x", id),
            "2:82: rules[0].audience",
            "is not the service account's audience",
        ),
    ]);

    for (audience, account) in [(", audience: x", "api_key: {env: SECRET}"), ("", id)] {
        let rule = sound(&with(audience, account)).rules.remove(0);
        assert!(!rule.audience.is_empty());
    }
}
