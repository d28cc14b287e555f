//! When several faults meet, the first check answers: nothing after a failure runs, and a caller
//! learns nothing about later ones.

use emulator::jwt;
use serde_json::{Map, Value, json};

use crate::forge::{self, refused, refused_by_a_rule};
use crate::tokens::{decoded, parts};
use crate::world::World;

/// The faults in the order of the checks, each with its answer.
pub(crate) const FAULTS: [(Fault, u16, &str); 10] = [
    (Fault::Form, 401, "token_malformed"),
    (Fault::Algorithm, 401, "algorithm_refused"),
    (Fault::Header, 401, "token_header_refused"),
    (Fault::Issuer, 401, "issuer_unknown"),
    (Fault::Key, 401, "key_unknown"),
    (Fault::Signature, 401, "signature_invalid"),
    (Fault::Claims, 401, "claims_invalid"),
    (Fault::Time, 401, "token_expired"),
    (Fault::Audience, 401, "audience_refused"),
    (Fault::Rule, 403, "no_rule_matched"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Form,
    Algorithm,
    Header,
    Issuer,
    Key,
    Signature,
    Claims,
    Time,
    Audience,
    Rule,
}

#[tokio::test]
async fn of_two_faults_the_earlier_check_answers() {
    let world = World::start().await;
    for (at, (first, status, code)) in FAULTS.into_iter().enumerate() {
        for (second, ..) in FAULTS.iter().skip(at) {
            let what = format!("{first:?} and {second:?}");
            let token = token_with(&world, &[first, *second]);
            refused_by_a_rule(&world, &what, &token, status, code).await;
        }
    }
    // What never was a token is not counted as one; what a rule refused was verified.
    for (_, status, code) in FAULTS.into_iter().skip(1) {
        let (outcome, known) = if status == 401 { (code, code) } else { ("ok", "cached") };
        let mut count = 0.0;
        for (issuer, outcome) in [("ci", outcome), ("unknown", outcome), ("ci", known)] {
            let labels = format!("{{issuer=\"{issuer}\",outcome=\"{outcome}\"}}");
            let series = format!("octobroker_token_verifications_total{labels}");
            count += world.metric(&series).await.unwrap_or_default();
        }
        assert!(count > 0.0, "{code} is not counted");
    }
    world.close().await;
}

#[tokio::test]
async fn of_all_faults_that_are_left_the_earliest_answers() {
    let world = World::start().await;
    for (at, (_, status, code)) in FAULTS.into_iter().enumerate() {
        let rest: Vec<_> = FAULTS.iter().skip(at).map(|(fault, ..)| *fault).collect();
        let token = token_with(&world, &rest);
        refused_by_a_rule(&world, code, &token, status, code).await;
    }
    world.close().await;
}

#[tokio::test]
async fn every_fault_of_form_comes_before_the_algorithm() {
    let world = World::start().await;
    let none = r#"{"alg":"none","kid":"ci-1"}"#;
    let input = forge::signing_input(&world, none);
    let [header, payload] =
        input.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let rows = [
        ("no base64url in the payload", format!("{header}.QUFBQ.AAAA")),
        ("unused bits in the payload", format!("{header}.QR.AAAA")),
        (
            "a key id that is no text",
            format!("{}.{payload}.AAAA", jwt::b64(r#"{"alg":"none","kid":7}"#)),
        ),
        ("alg twice", format!("{}.{payload}.AAAA", jwt::b64(r#"{"alg":"none","alg":"none"}"#))),
    ];
    for (what, token) in rows {
        refused(&world, what, &token, "token_malformed").await;
    }
    world.close().await;
}

/// The default job with these faults.
pub(crate) fn token_with(world: &World, faults: &[Fault]) -> String {
    let mut header = Map::new();
    header.insert("alg".to_owned(), "RS256".into());
    header.insert("kid".to_owned(), "ci-1".into());
    let mut claims = world.claims();
    for fault in faults {
        match fault {
            Fault::Algorithm => drop(header.insert("alg".to_owned(), "HS256".into())),
            Fault::Header => drop(header.insert("crit".to_owned(), json!(["exp"]))),
            Fault::Key => drop(header.insert("kid".to_owned(), "ci-2".into())),
            Fault::Issuer => claims["iss"] = json!("https://evil.example"),
            Fault::Claims => claims["nbf"] = json!("soon"),
            Fault::Time => claims["exp"] = json!(0),
            Fault::Audience => claims["aud"] = json!("https://other.example"),
            Fault::Rule => claims["sub"] = json!("repo:evil/web"),
            Fault::Form | Fault::Signature => {}
        }
    }
    let mut token = forge::signed(world, &Value::Object(header).to_string(), &claims.to_string());
    if faults.contains(&Fault::Signature) {
        let [header, payload, signature] = parts(&token);
        let mut bytes = decoded(&signature);
        bytes[100] ^= 1;
        token = format!("{header}.{payload}.{}", jwt::b64(bytes));
    }
    if faults.contains(&Fault::Form) {
        token.push_str(".AAAA");
    }
    token
}
