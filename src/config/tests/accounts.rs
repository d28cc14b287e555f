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
            "`id` is missing; write `id:` and the GUID",
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
            "1:68: service_accounts.bot.api_key",
            "unknown key; known here are id, audience",
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

    assert_eq!((account("").id.as_str(), account("").audience.as_str()), (id, id));
    assert_eq!(account(", audience: octobroker").audience, "octobroker");
}
