//! `issuers:`

use std::time::Duration;

use super::{each_is_refused, sound};
use crate::identity::{Algorithm, Issuer, KeySource, Replay, TokenKind};

fn issuer(members: &str) -> Issuer {
    sound(&custom(members)).issuers.remove(0)
}

/// An issuer `ci`; what is added begins in column 80.
fn custom(members: &str) -> String {
    format!(
        "issuers: {{ci: {{provider: custom, url: https://ci.example, algorithms: [RS256], {members}}}}}"
    )
}

/// An issuer `ci` whose URL begins in column 42.
fn with_url(url: &str) -> String {
    format!("issuers: {{ci: {{algorithms: [RS256], url: '{url}', provider: custom}}}}")
}

#[test]
fn a_provider_is_known_or_custom() {
    each_is_refused(&[
        (
            "issuers: {ci: {provider: githb-actions}}",
            "1:26: issuers.ci.provider",
            "`githb-actions` is not known; did you mean `github-actions`?; known are github-",
        ),
        (
            "issuers: {ci: {provider: Custom, url: https://a.example}}",
            "1:26: issuers.ci.provider",
            "did you mean `custom`?",
        ),
        (
            "issuers: {ci: {provider: drone, url: https://a.example}}",
            "1:26: issuers.ci.provider",
            "for another write `provider: custom` with `url:` and `algorithms:`",
        ),
        (
            "issuers: {ci: {url: https://a.example, algorithms: [RS256]}}",
            "1:11: issuers.ci",
            "`provider` is missing; write whose tokens it signs",
        ),
        (
            "issuers: {ci: {provider: custom, algorithms: [RS256]}}",
            "1:11: issuers.ci",
            "`url` is missing; write the `iss`",
        ),
        (
            "issuers: {ci: {provider: custom, url: https://a.example}}",
            "1:11: issuers.ci",
            "`algorithms` is missing; write those",
        ),
        (
            "issuers: {ci: {provider: custom, url: https://a.example, algoritms: [RS256], algorithms: [RS256]}}",
            "1:58: issuers.ci.algoritms",
            "unknown key; did you mean `algorithms`?",
        ),
        (
            "issuers: {'c i': {provider: custom, url: https://a.example, algorithms: [RS256]}}\nrules: [{name: a, issuer: c i, claims: {a: b}, service_account: bot}]",
            "1:11: issuers.\"c i\"",
            "a name has 1 to 64 of the characters",
        ),
    ]);
}

#[test]
fn an_issuer_is_named_by_its_url_byte_for_byte() {
    let rows = [
        ("http://ci.example", "must be https"),
        ("https://CI.example", "lower case: the `iss` of a token is compared byte for byte"),
        ("https://u@ci.example", "user name"),
        ("https://ci.example?tenant=1", "query"),
        ("https://ci.example#x", "fragment"),
        ("https://ci.example ", "no space"),
        ("HTTPS://ci.example", "scheme and host in lower case"),
        ("ci.example", "is not a URL"),
        ("https://*.example/x", "is a name and no pattern"),
    ];
    for (url, phrase) in rows {
        each_is_refused(&[(&with_url(url), "1:42: issuers.ci.url", phrase)]);
    }

    for url in ["https://ci.example/oidc/", "https://ci.example/Oidc", "http://127.0.0.1:1"] {
        assert_eq!(sound(&with_url(url)).issuers[0].url, url);
    }
}

#[test]
fn one_url_is_one_issuer() {
    let two = |first: &str, second: &str| {
        format!(
            "issuers:\n  ci: {{provider: custom, algorithms: [RS256], url: {first}}}\n  b: {{provider: custom, algorithms: [RS256], url: {second}}}"
        )
    };
    let at = "3:51: issuers.b.url";
    each_is_refused(&[
        (&two("https://a.example", "https://a.example"), at, "is the URL of ci; write one"),
        (&two("https://a.example", "https://a.example/"), at, "of ci but for the slash at its end"),
        (&two("https://a.example/x/", "https://a.example/x"), at, "but for the slash"),
    ]);
}

#[test]
fn algorithms_are_asymmetric_and_known() {
    let with = |list: &str| {
        format!("issuers: {{ci: {{provider: custom, url: https://a.example, algorithms: {list}}}}}")
    };
    let at = "1:71: issuers.ci.algorithms[0]";
    each_is_refused(&[
        (&with("[none]"), at, "`none` is no signature: anybody could write"),
        (&with("[NoNe]"), at, "`none` is no signature"),
        (&with("[HS256]"), at, "HMAC is refused: whoever can check such a token can also make one"),
        (&with("[hs512]"), at, "HMAC is refused"),
        (&with("[rs256]"), at, "`rs256` must be one of RS256, RS384"),
        (&with("[RS265]"), at, "did you mean `RS256`?"),
        (&with("[[RS256]]"), at, "must be one value, not a list"),
        (&with("[]"), "1:58: issuers.ci.algorithms", "the list is empty"),
        (&with("RS256"), "1:70: issuers.ci.algorithms", "must be a list, not a text"),
    ]);

    let algorithms = sound(&with("[ES256, Ed25519, EdDSA, ES256]")).issuers.remove(0).algorithms;
    assert_eq!(algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
}

#[test]
fn keys_come_from_discovery_or_from_a_url() {
    each_is_refused(&[
        (&custom("jwks_url: http://ci.example/keys"), "1:90: issuers.ci.jwks_url", "must be https"),
        (&custom("jwks_url: /keys"), "1:90: issuers.ci.jwks_url", "is not a URL"),
        (
            &custom("jwks_file: nowhere.json"),
            "1:91: issuers.ci.jwks_file",
            "nowhere.json can't be used: ",
        ),
    ]);

    let document = |url: &str| match sound(&with_url(url)).issuers.remove(0).key_source {
        KeySource::Discovery { document, .. } => document.to_string(),
        other => panic!("{other:?}"),
    };
    let well_known = "/.well-known/openid-configuration";
    assert_eq!(document("https://a.example"), format!("https://a.example{well_known}"));
    assert_eq!(document("https://a.example/"), format!("https://a.example{well_known}"));
    assert_eq!(document("https://a.example/x"), format!("https://a.example/x{well_known}"));
    assert_eq!(document("https://a.example/x/"), format!("https://a.example/x{well_known}"));
    let source = issuer("jwks_url: 'https://ci.example/keys?v=1'").key_source;
    assert!(matches!(source, KeySource::Url(url) if url.as_str() == "https://ci.example/keys?v=1"));
}

#[test]
fn lifetimes_and_audiences_are_bounded() {
    each_is_refused(&[
        (&custom("max_token_lifetime: 0s"), "1:100: issuers.ci.max_token_lifetime", "at least 1s"),
        (&custom("max_token_lifetime: 60"), "1:100: issuers.ci.max_token_lifetime", "a duration"),
        (&custom("max_token_age: 400d"), "1:95: issuers.ci.max_token_age", "at most"),
        (
            &custom("extra_audiences: true"),
            "1:97: issuers.ci.extra_audiences",
            "one of allow, refuse",
        ),
        (&custom("replay: twice"), "1:88: issuers.ci.replay", "one of once, reuse"),
        (&custom("replay: onse"), "1:88: issuers.ci.replay", "mean `once`?"),
        (&custom("extra_audiences: alow"), "1:97: issuers.ci.extra_audiences", "mean `allow`?"),
    ]);

    let plain = issuer("");
    assert_eq!(plain.max_token_lifetime, Duration::from_secs(3600));
    assert_eq!((plain.max_token_age, plain.extra_audiences), (None, false));
    let full = issuer("max_token_lifetime: 5m, max_token_age: 90s, extra_audiences: allow");
    assert_eq!(full.max_token_lifetime, Duration::from_secs(300));
    assert_eq!((full.max_token_age, full.extra_audiences), (Some(Duration::from_secs(90)), true));
    assert!(!issuer("extra_audiences: refuse").extra_audiences);
    assert_eq!((plain.replay, issuer("replay: reuse").replay), (Replay::Reuse, Replay::Reuse));
    assert_eq!(issuer("replay: once").replay, Replay::Once);
}

#[test]
fn without_issuers_nobody_is_believed() {
    each_is_refused(&[
        ("issuers: {}", "1:1: issuers", "has no issuer, so nobody's token would be accepted"),
        ("issuers:", "1:1: issuers", "has no issuer"),
        ("issuers: [a]", "1:1: issuers", "must be a map of keys and values, not a list"),
    ]);
}

#[test]
fn a_trust_domain_names_an_issuer_of_svids() {
    let keys = "jwks_url: 'https://a.example/keys'";
    let issuer = |members: &str| format!("issuers: {{ci: {{provider: spiffe, {members}}}}}");
    each_is_refused(&[
        (&issuer(keys), "1:11: issuers.ci", "`trust_domain` is missing; such as acme.example"),
        (&issuer("trust_domain: acme.example"), "1:11: issuers.ci", "says not where the keys are"),
        (
            &issuer(&format!("trust_domain: 'spiffe://acme.example', {keys}")),
            "1:48: issuers.ci.trust_domain",
            "write its name alone, such as acme.example",
        ),
        (
            &issuer(&format!("trust_domain: Acme.example, {keys}")),
            "1:48: issuers.ci.trust_domain",
            "in lower case",
        ),
        (
            &issuer(&format!("trust_domain: acme.example, extra_audiences: allow, {keys}")),
            "1:11: issuers.ci",
            "whose tokens have a single audience",
        ),
        (
            &custom("trust_domain: acme.example"),
            "1:94: issuers.ci.trust_domain",
            "is for `provider: spiffe` alone",
        ),
    ]);
    let rule = |sub: &str| {
        let head = issuer(&format!("trust_domain: acme.example, {keys}"));
        format!("{head}\nrules: [{{name: a, issuer: ci, service_account: bot, sub: {sub}}}]")
    };
    let found = sound(&rule("'spiffe://acme.example/ns/shop'")).issuers.remove(0);
    assert_eq!((found.url.as_str(), found.kind), ("spiffe://acme.example", TokenKind::JwtSvid));
    sound(&rule("{glob: 'spiffe://acme.example/ns/*/sa/web'}"));
    let at = "2:9: rules[0]";
    each_is_refused(&[
        (&rule("{glob: 'spiffe://*/ns/shop'}"), at, "does not pin whose tokens of SPIFFE"),
        (&rule("{glob: 'spiffe://acme.example*/ns'}"), at, "does not pin"),
        (&rule("'spiffe://acme.example'"), at, "does not pin"),
        (&rule("'spiffe://other.example/ns'"), at, "is of another trust domain than the issuer's"),
        (&rule("{glob: 'spiffe://acme.example.evil/*'}"), at, "is of another trust domain"),
    ]);
}

#[test]
fn the_token_for_keys_is_in_a_file() {
    let token = |value: &str| format!("jwks_token: {value}");
    let at = "1:92: issuers.ci.jwks_token";
    each_is_refused(&[
        (&custom(&token("secret")), at, "is written `{ file: … }`"),
        (&custom(&token("{}")), "1:80: issuers.ci.jwks_token", "`file` is missing; write the file"),
        (&custom(&token("{file: nowhere}")), "1:99: issuers.ci.jwks_token.file", "can't be read"),
    ]);
}
