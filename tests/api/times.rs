//! When a token is good, to the second; the leeway is 30 s.

use serde_json::{Value, json};

use crate::forge::{self, HEADER, admitted};
use crate::world::{NOW, Settings, World};

/// Milliseconds since 1970, which some take for seconds.
const MILLISECONDS: u64 = NOW * 1_000;

#[tokio::test]
async fn times_hold_to_the_second() {
    let world = World::start().await;
    let rows = [
        (json!({ "exp": NOW + 1 }), None),
        (json!({ "exp": NOW - 29 }), None),
        (json!({ "exp": NOW - 30 }), Some("token_expired")),
        (json!({ "exp": NOW - 31 }), Some("token_expired")),
        (json!({ "exp": 0 }), Some("token_expired")),
        (json!({ "exp": NOW + 3_630 }), None),
        (json!({ "exp": NOW + 3_631 }), Some("token_lifetime_refused")),
        (json!({ "exp": NOW + 25 * 3_600 }), Some("token_lifetime_refused")),
        (json!({ "exp": NOW + 10 * 365 * 86_400 }), Some("token_lifetime_refused")),
        (json!({ "exp": MILLISECONDS + 300_000 }), Some("token_lifetime_refused")),
        (json!({ "exp": 9_007_199_254_740_991_u64 }), Some("token_lifetime_refused")),
        (json!({ "exp": null }), Some("claims_invalid")),
        (json!({ "nbf": NOW + 29 }), None),
        (json!({ "nbf": NOW + 30 }), None),
        (json!({ "nbf": NOW + 31 }), Some("token_not_yet_valid")),
        (json!({ "nbf": MILLISECONDS }), Some("token_not_yet_valid")),
        (json!({ "nbf": NOW + 20, "exp": NOW + 10 }), Some("token_not_yet_valid")),
        (json!({ "nbf": 0 }), None),
        (json!({ "iat": NOW + 30 }), None),
        (json!({ "iat": NOW + 31 }), Some("token_not_yet_valid")),
        (json!({ "iat": NOW + 3_600, "exp": NOW + 3_900 }), Some("token_not_yet_valid")),
        (json!({ "iat": MILLISECONDS }), Some("token_not_yet_valid")),
        (json!({ "iat": NOW - 2 * 86_400 }), Some("token_lifetime_refused")),
        (json!({ "iat": 0 }), Some("token_lifetime_refused")),
    ];
    for (times, code) in rows {
        judge(&world, &times, code).await;
    }
    world.close().await;
}

#[tokio::test]
async fn numbers_of_any_spelling_are_read_exactly_or_refused() {
    let world = World::start().await;
    let long = format!("1{}", "0".repeat(400));
    let rows = [
        ("1795000300.0", None),
        ("1.7950003e9", None),
        ("17950003E+2", None),
        ("1795000300.999", None),
        ("1794999970.0", Some("token_expired")),
        ("1794999969.999", Some("token_expired")),
        ("1795003630.001", Some("token_lifetime_refused")),
        ("-0", Some("token_expired")),
        ("-0.0001", Some("claims_invalid")),
        ("1e15", Some("token_lifetime_refused")),
        ("1e16", Some("claims_invalid")),
        ("1e308", Some("claims_invalid")),
        ("1e400", Some("claims_invalid")),
        ("-1e400", Some("claims_invalid")),
        ("9007199254740992", Some("claims_invalid")),
        ("18446744073709551616", Some("claims_invalid")),
        (&long, Some("claims_invalid")),
        ("0x6AFD6C00", Some("claims_invalid")),
        ("1_795_000_300", Some("claims_invalid")),
        ("+1795000300", Some("claims_invalid")),
        ("01795000300", Some("claims_invalid")),
    ];
    for (number, code) in rows {
        let mut claims = world.claims();
        claims["exp"] = json!("HERE");
        let payload = claims.to_string().replace("\"HERE\"", number);
        let token = forge::signed(&world, HEADER, &payload);
        match code {
            None => drop(admitted(&world, number, &token).await),
            Some(code) => refused_later(&world, number, &token, code).await,
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_token_without_iat_is_as_old_as_its_expiry_tells() {
    let world = World::start().await;
    for (expires, code) in [
        (NOW + 300, None),
        (NOW + 3_630, None),
        (NOW + 3_631, Some("token_lifetime_refused")),
        (NOW - 30, Some("token_expired")),
    ] {
        judge(&world, &json!({ "exp": expires, "iat": "remove" }), code).await;
    }
    world.close().await;
}

#[tokio::test]
async fn an_issuer_has_a_lifetime_and_an_age_of_its_own() {
    let world = World::start_with(|settings: &mut Settings| {
        let more = ", max_token_lifetime: 24h, max_token_age: 15m }";
        settings.issuers = settings.issuers.replace(" }", more);
    })
    .await;
    let day = 86_400;
    let rows = [
        (json!({ "exp": NOW + day + 30 }), None),
        (json!({ "exp": NOW + day + 31 }), Some("token_lifetime_refused")),
        (json!({ "iat": NOW - 930 }), None),
        (json!({ "iat": NOW - 931 }), Some("token_too_old")),
        (json!({ "iat": "remove" }), Some("claims_invalid")),
        (json!({ "iat": NOW - 931, "exp": NOW - 31 }), Some("token_expired")),
        (json!({ "iat": NOW - day, "exp": NOW + 60 }), Some("token_lifetime_refused")),
    ];
    for (times, code) in rows {
        judge(&world, &times, code).await;
    }
    world.close().await;
}

/// Judges the default job with these times; the text `remove` takes a claim away.
async fn judge(world: &World, times: &Value, code: Option<&str>) {
    let mut claims = world.claims();
    let members = claims.as_object_mut().unwrap();
    members.remove("nbf");
    for (name, time) in times.as_object().unwrap() {
        members.insert(name.clone(), time.clone());
    }
    members.retain(|_, value| value != "remove");
    let token = world.mint(&claims);
    match code {
        None => drop(admitted(world, &times.to_string(), &token).await),
        Some(code) => refused_later(world, &times.to_string(), &token, code).await,
    }
}

/// As [`forge::refused`], in a table whose other rows do reach Octopus.
async fn refused_later(world: &World, what: &str, token: &str, code: &str) {
    let exchanges = world.octopus.exchanges();
    let line = forge::judged(world, token).await;
    assert_eq!((&line["status"], &line["code"]), (&401.into(), &code.into()), "{what}: {line}");
    assert_eq!(world.octopus.exchanges(), exchanges, "{what}");
}
