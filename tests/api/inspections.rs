//! What `explain` and rule tests judge by: the broker's own checks, in its own order.

use std::path::Path;
use std::sync::Arc;

use emulator::IssuerEndpoint;
use octobroker::clock::{Clock, ManualClock};
use octobroker::config;
use octobroker::identity::{Check, CheckOutcome, End, IdToken, Inspection, Json, Keys, Verifier};
use octobroker::telemetry::{Labels, Metrics};

use crate::order::{FAULTS, Fault, token_with};
use crate::world::{Settings, World};

/// A verifier of its own, for the world's configuration and time.
fn verifier(world: &World) -> (Verifier, f64) {
    let yaml = Settings::of(world).to_yaml();
    let config = config::parse(&yaml, Path::new("octobroker.yaml"), &|_| None).unwrap();
    let clock = Arc::new(ManualClock::at(world.claims()["iat"].as_u64().unwrap()));
    let now = clock.unix_seconds();
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let audiences = config.audiences();
    (Verifier::new(config.issuers, audiences, clock, metrics), now)
}

async fn inspected(verifier: &Verifier, token: &str, now: f64) -> Inspection {
    match IdToken::parse(token, 16 << 10) {
        Ok(token) => verifier.inspect(&token, Keys::Fetched, now).await,
        Err(error) => Inspection::of_no_token(error.into()),
    }
}

#[tokio::test]
async fn an_inspection_fails_first_where_the_broker_stops() {
    let world = World::start().await;
    let (verifier, now) = verifier(&world);
    for (at, (first, _, code)) in FAULTS.into_iter().enumerate() {
        for (second, ..) in FAULTS.iter().skip(at) {
            let what = format!("{first:?} and {second:?}");
            let inspection =
                inspected(&verifier, &token_with(&world, &[first, *second]), now).await;
            let made: Vec<Check> = inspection.checks.iter().map(|(check, _)| *check).collect();
            assert_eq!(made, Check::ALL, "{what}");
            let failed = inspection.failure(&[]).map(|(_, error)| error.code().as_str());
            // The rules are not the verifier's matter.
            let expected = (first != Fault::Rule).then_some(code);
            assert_eq!(failed, expected, "{what}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn all_that_is_wrong_is_seen_at_once() {
    let world = World::start().await;
    let (verifier, now) = verifier(&world);
    let faults = [Fault::Signature, Fault::Time, Fault::Audience];
    let inspection = inspected(&verifier, &token_with(&world, &faults), now).await;

    let failed =
        inspection.checks.iter().filter(|(_, outcome)| matches!(outcome, CheckOutcome::Failed(_)));
    let failed: Vec<Check> = failed.map(|(check, _)| *check).collect();
    assert_eq!(failed, [Check::Signature, Check::Times, Check::Audience]);
    assert!(inspection.claims.is_some() && inspection.audience.is_none());
    world.close().await;
}

#[tokio::test]
async fn without_keys_the_issuer_is_not_asked() {
    let world = World::start().await;
    let (verifier, now) = verifier(&world);
    let asked = world.issuer.requests(IssuerEndpoint::Jwks);
    let token = IdToken::parse(&world.job(), 16 << 10).unwrap();

    let inspection = verifier.inspect(&token, Keys::Spared, now).await;

    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), asked);
    assert!(inspection.failure(&[]).is_none());
    let skipped = inspection.checks.iter().filter(|(_, it)| *it == CheckOutcome::Skipped);
    assert_eq!(
        skipped.map(|(check, _)| *check).collect::<Vec<_>>(),
        [Check::Key, Check::Signature]
    );
    world.close().await;
}

#[tokio::test]
async fn a_claim_set_is_judged_as_the_token_that_has_it() {
    let world = World::start().await;
    let (verifier, now) = verifier(&world);
    for (fault, _, code) in FAULTS.into_iter().skip(6) {
        let token = IdToken::parse(&token_with(&world, &[fault]), 16 << 10).unwrap();
        let of_token = verifier.inspect(&token, Keys::Fetched, now).await;
        let claims = of_token.payload.clone().unwrap();
        let of_claims = verifier.inspect_claims(&claims, End::Required, now);
        let failure = |it: &Inspection| it.failure(&[]).map(|(_, error)| error.clone());
        assert_eq!(failure(&of_claims), failure(&of_token), "{code}");
    }
    let claims = Json::parse(b"{\"sub\":\"a\"}").unwrap();
    let nobody = verifier.inspect_claims(&claims, End::Required, now);
    assert_eq!(nobody.failure(&[]).unwrap().0, Check::Issuer);
    world.close().await;
}
