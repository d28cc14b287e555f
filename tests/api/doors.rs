//! The exchange door and whoever comes to it: strangers who take their time, accounts that are one
//! at Octopus, the words of its refusals.

use std::time::Instant;

use serde_json::json;

use crate::world::{Wire, World};

const PUBLIC: &str = "{ bind: 127.0.0.1:0, public_url: 'https://broker.acme.example/' }";

/// The broker behind something that has a name of its own.
async fn behind_a_name() -> World {
    World::start_with(|settings| PUBLIC.clone_into(&mut settings.listeners)).await
}

#[tokio::test]
async fn a_login_that_drips_has_the_time_of_a_head_and_frees_its_place() {
    let world = World::start_with(|settings| {
        settings.more = "limits: { head_timeout: 1s, concurrent_requests: 1 }".to_owned();
    })
    .await;
    let head = "POST /token/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n";
    let mut wire = Wire::open(world.address()).await;
    wire.write(head).await;

    let begun = Instant::now();
    while wire.try_write("x").await.is_ok() {
        let in_flight = world.metric("octobroker_requests_in_flight").await;
        if begun.elapsed().as_millis() > 500 && in_flight == Some(0.0) {
            break;
        }
        assert!(begun.elapsed().as_secs() < 20, "a byte at a time keeps the place");
    }

    let reply = wire.answer().await;
    assert_eq!((reply.status, reply.header("octobroker-error")), (400, Some("request_timeout")));
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn of_accounts_with_one_id_the_one_is_meant_whose_audience_the_token_has() {
    // The order of a map is another each time.
    for _ in 0..6 {
        let world = World::start_with(|settings| {
            let twin = settings.service_accounts.replace("release-bot", "twin");
            let twin = twin.replace(" }", ", audience: ours }");
            settings.service_accounts = format!("{}\n{twin}", settings.service_accounts);
            let rule =
                settings.rules.replace("release-bot", "twin").replace("name: web", "name: of-twin");
            settings.rules = format!("{}\n{rule}", settings.rules);
        })
        .await;
        world.octopus.add_identity(&world.account, &world.issuer.url(), "*", Some("ours"));
        let mut claims = world.claims();

        world.log_in(&world.mint(&claims)).await;
        claims["aud"] = json!("ours");
        world.log_in(&world.mint(&claims)).await;

        let rules: Vec<_> = world.audited_lines(2).await;
        let rules: Vec<_> = rules.iter().map(|line| line["rule"].clone()).collect();
        assert_eq!(rules, ["web", "of-twin"]);

        // What misses is told of the account that was meant.
        claims["sub"] = json!("somebody");
        let fields = world.login_fields(&world.mint(&claims));
        let refused = world.call("POST", "/token/v1").json(&fields).send().await;
        assert_eq!(refused.header("octobroker-error"), Some("no_rule_matched"));
        let line = world.audited(3).await;
        assert_eq!(line["missed"][0]["rule"], "of-twin", "{line}");
        world.close().await;
    }
}

#[tokio::test]
async fn whoever_asks_for_a_token_is_refused_in_a_token_endpoint_s_words() {
    let world = World::start().await;
    let fields = world.login_fields(&world.job());

    for (reply, code) in [
        (world.call("POST", "/token/v1").host("evil.example"), "host_refused"),
        (
            world.call("POST", "/token/v1").header("origin", "https://evil.example"),
            "origin_refused",
        ),
        (world.call("POST", "/token/v1?apikey=API-CANARY"), "ambiguous_credentials"),
        (world.call("POST", "/token/v1?access_token=x"), "bad_request"),
    ] {
        let reply = reply.json(&fields).send().await;

        assert_eq!(reply.header("octobroker-error"), Some(code), "{reply:?}");
        assert_eq!(reply.json()["error"], "invalid_request", "{reply:?}");
        assert!(reply.json()["error_description"].as_str().unwrap().contains(code));
    }
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn without_a_name_of_ours_there_is_no_document() {
    let request = "GET /.well-known/openid-configuration HTTP/1.0\r\n\r\n";
    for (world, status) in [(World::start().await, "400"), (behind_a_name().await, "200")] {
        let mut wire = Wire::open(world.address()).await;
        wire.write(request).await;

        let text = wire.rest().await;

        assert_eq!(text.split(' ').nth(1), Some(status), "{text}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_location_is_moved_to_the_public_url() {
    let world = behind_a_name().await;

    let reply = world.get("/app-redirect").bearer(&world.job()).send().await;

    assert_eq!(reply.header("location"), Some("https://broker.acme.example/app"));
    world.close().await;
}

#[tokio::test]
async fn whoever_logs_in_gets_no_rest_of_an_older_token() {
    let world = World::start().await;
    let life = async || world.log_in(&world.job()).await.json()["expires_in"].as_u64().unwrap();

    let whole = life().await;
    world.advance_seconds(900);
    assert_eq!((life().await, world.octopus.exchanges()), (whole - 900, 1));

    // More than a quarter of it is gone.
    world.advance_seconds(1);
    assert_eq!((life().await, world.octopus.exchanges()), (whole, 2));
    let caches: Vec<_> =
        world.audited_lines(3).await.iter().map(|it| it["cache"].clone()).collect();
    assert_eq!(caches, ["miss", "hit", "miss"]);

    // While Octopus gives none, the one that is there serves.
    world.advance_seconds(1_000);
    world.octopus.fail_once("/token/v1", emulator::Fault::Status(500));
    assert_eq!(life().await, whole - 1_000);
    assert_eq!(world.audited(4).await["cache"], "hit");
    for (result, times) in [("miss", 2.0), ("hit", 2.0)] {
        let series = format!("octobroker_access_token_requests_total{{result=\"{result}\"}}");
        assert_eq!(world.metric(&series).await, Some(times), "{result}");
    }
    world.close().await;
}
