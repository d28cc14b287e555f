//! `${NAME}` in values.

use super::{config, each_is_refused, sound};

#[test]
fn plain_values_are_expanded_and_nothing_else() {
    let octopus = sound("octopus:\n  url: https://${HOST}/${UNSET:-octopus}").upstream;
    assert_eq!(octopus.base().as_str(), "https://acme.example/octopus");

    let limits = sound("limits:\n  connections: ${UNSET:-17}\n  drain: ${UNSET:-3}s").limits;
    assert_eq!((limits.connections, limits.drain.as_secs()), (17, 3));

    let listener = "listeners:\n- bind: 0.0.0.0:1\n  plaintext: ${UNSET:-true}";
    assert_eq!(sound(listener).listeners.len(), 1);
}

#[test]
fn what_can_not_be_expanded_is_a_problem_of_its_own() {
    each_is_refused(&[
        (
            "octopus:\n  url: ${URL}",
            "2:8: octopus.url",
            "the environment variable URL is not set; set it, or write ${URL:-default}",
        ),
        ("octopus:\n  url: https://${HOST", "2:8: octopus.url", "`${` has no `}`"),
        ("octopus:\n  url: https://${HO-ST}", "2:8: octopus.url", "names no variable"),
        ("log:\n  ${HOST}: x", "2:3: log.\"${HOST}\"", "unknown key"),
        (
            "log:\n  level: '${UNSET}'",
            "2:10: log.level",
            "(inside quotes `${NAME}` is not expanded)",
        ),
    ]);
}

#[test]
fn an_expanded_value_is_never_shown() {
    let rows = [
        "log:\n  level: ${SECRET}",
        "octopus:\n  url: ${SECRET}",
        "octopus:\n  url: https://u:${SECRET}@a.example",
        "octopus:\n  url: https://a.example\n  token_endpoint: ${SECRET}",
        "issuers:\n  ci:\n    provider: ${SECRET}",
        "issuers:\n  ci:\n    provider: custom\n    url: https://a.example\n    algorithms:\n    - ${SECRET}",
        "service_accounts:\n  bot:\n    id: ${SECRET}",
        "rules:\n- name: web ${SECRET}\n  issuer: ci\n  claims: {a: b}\n  service_account: bot",
        "rules:\n- name: web\n  issuer: ${SECRET}\n  claims: {a: b}\n  service_account: bot",
        "rules:\n- name: web\n  issuer: ci\n  claims: {a: b}\n  service_account: bot\n  allow: ${SECRET}",
        "listeners:\n- bind: ${SECRET}",
        "limits:\n  drain: ${SECRET}",
        "limits:\n  head_size: ${SECRET}",
    ];
    for text in rows {
        let error = config(text).expect_err(text).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
