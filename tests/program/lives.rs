//! `octobroker explain --live`: what a running broker remembers of a request.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::process::{Ended, run, until};
use crate::world::{World, get, send, text};

async fn asked(world: &World, method: &str, target: &str, id: &str) -> u16 {
    let mut request = world.request(method, target, Full::<Bytes>::default());
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    send(world.address, request).await.unwrap().status().as_u16()
}

/// The decision on a request, once it has ended.
async fn decision(world: &World, id: &str) -> Value {
    let found = until("the decision is kept", async || {
        let answer = get(world.admin, &format!("/decisions/{id}")).await?;
        (answer.status() == 200).then_some(answer)
    });
    serde_json::from_str(&text(found.await).await).unwrap()
}

fn live(world: &World, flags: &[&str]) -> Ended {
    let admin = world.admin.to_string();
    let arguments = [&["explain", "--admin", &admin], flags].concat();
    run(&arguments, &[], world.folder.path())
}

#[tokio::test]
async fn a_refusal_is_told_by_the_id_that_its_caller_got() {
    let world = World::start("live-refusal", "").await;
    assert_eq!(asked(&world, "POST", "/api/users/Users-1/apikeys", "job/7:refused").await, 403);
    let decision = decision(&world, "job%2F7:refused").await;
    assert_eq!(
        (&decision["code"], &decision["rule"]),
        (&json!("request_not_allowed"), &json!("web"))
    );
    assert_eq!((&decision["subject"], &decision["status"]), (&json!("job"), &json!(403)));

    let human = live(&world, &["--live", "job/7:refused"]);
    let machine = live(&world, &["--live", "job/7:refused", "--output", "json"]);

    assert_eq!((human.code, human.stderr.as_str()), (Some(4), ""), "{human:?}");
    assert!(human.stdout.starts_with("✗ 403 request_not_allowed\n"), "{human:?}");
    assert!(human.stdout.contains("/api/users/Users-1/apikeys"), "{human:?}");
    let told: Value = serde_json::from_str(&machine.stdout).unwrap();
    assert_eq!((machine.code, told), (Some(4), decision));
    for said in [&human.stdout, &machine.stdout] {
        assert!(world.job.split('.').all(|part| !said.contains(part)), "the token is told");
    }
    world.close().await;
}

#[tokio::test]
async fn a_rule_that_missed_is_told_with_its_condition() {
    let world = World::start("live-missed", "").await;
    let other = world.mint("another-job");
    let mut request = world.request("GET", "/api/users/me", Full::<Bytes>::default());
    request.headers_mut().insert("x-request-id", "missed".parse().unwrap());
    let bearer = format!("Bearer {other}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    assert_eq!(send(world.address, request).await.unwrap().status(), 403);
    decision(&world, "missed").await;

    let human = live(&world, &["--live", "missed"]);

    assert_eq!(human.code, Some(4), "{human:?}");
    let line = "sub is \"another-job\", expected \"job\"";
    assert!(human.stdout.contains("no_rule_matched") && human.stdout.contains(line), "{human:?}");
    world.close().await;
}

#[tokio::test]
async fn an_account_that_no_rule_is_for_is_told_as_the_caller_named_it() {
    let world = World::start("live-nobody", "").await;
    let mut request = world.request("GET", "/api/users/me", Full::<Bytes>::default());
    request.headers_mut().insert("x-request-id", "nobody".parse().unwrap());
    request.headers_mut().insert("octobroker-service-account", "nobody".parse().unwrap());
    assert_eq!(send(world.address, request).await.unwrap().status(), 403);
    decision(&world, "nobody").await;

    let human = live(&world, &["--live", "nobody"]);

    let words: Vec<&str> = human.stdout.split_whitespace().collect();
    let said = words.join(" ");
    assert!(said.contains("the service account \"nobody\", which the caller names"), "{human:?}");
    assert!(said.contains("Where there is no list, no rule is for its issuer"), "{human:?}");
    world.close().await;
}

#[tokio::test]
async fn one_id_for_several_requests_is_told_with_the_newest_first() {
    let world = World::start("live-again", "").await;
    assert_eq!(asked(&world, "POST", "/api/users/Users-1/apikeys", "again").await, 403);
    decision(&world, "again").await;
    assert_eq!(asked(&world, "GET", "/api/users/me", "again").await, 200);
    let newest = until("the second is kept too", async || {
        let decision = decision(&world, "again").await;
        (decision["code"] == "ok").then_some(decision)
    });

    let newest = newest.await;
    assert_eq!(newest["earlier"][0]["code"], "request_not_allowed");
    let human = live(&world, &["--live", "again"]);
    assert_eq!(human.code, Some(0), "{human:?}");
    assert!(human.stdout.contains("1 more"), "{human:?}");
    world.close().await;
}

#[tokio::test]
async fn an_unknown_id_ends_with_1_and_no_broker_with_7() {
    let world = World::start("live-unknown", "").await;

    let unknown = live(&world, &["--live", "never/seen?x"]);
    let nobody =
        run(&["explain", "--live", "x", "--admin", "127.0.0.1:1"], &[], world.folder.path());
    let by_config =
        run(&["explain", "--live", "x", "--config", "none.yaml"], &[], world.folder.path());

    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""), "{unknown:?}");
    assert!(unknown.stderr.contains("no request with this id is remembered"), "{unknown:?}");
    assert_eq!(nobody.code, Some(7), "{nobody:?}");
    assert_eq!(by_config.code, Some(3), "{by_config:?}");
    world.close().await;
}
