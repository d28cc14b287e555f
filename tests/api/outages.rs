//! The exchange with an Octopus that is not well: each sickness has its answer, is remembered for
//! its time, and nobody is flooded.

use std::time::Duration;

use emulator::{ErrorStyle, Fault, RawAnswer};
use serde_json::json;

use crate::world::{Act, Puppet, Settings, World};

impl World {
    fn exchange_answers(&self, answer: RawAnswer) {
        self.octopus.set(|knobs| knobs.exchange_answer = Some(answer));
    }

    /// Demands that the next exchange happens exactly so many seconds from now.
    async fn nobody_exchanges_for(&self, seconds: u64) {
        let before = self.octopus.exchanges();
        self.advance(Duration::from_millis(seconds * 1_000 - 1));
        let reply = self.asked().await;
        assert_ne!(reply.status, 200);
        assert_eq!(self.octopus.exchanges(), before, "before {seconds} s have passed");
        self.advance(Duration::from_millis(1));
        self.asked().await;
        assert_eq!(self.octopus.exchanges(), before + 1, "after {seconds} s");
    }
}

/// A rate limit of exchanges is waited out elsewhere: `rate_limited_exchanges.rs`.
fn without_patience(settings: &mut Settings) {
    "limits: { rate_limit_wait: 0s }".clone_into(&mut settings.more);
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_a_failed_exchange() {
    let world = World::start().await;
    let json = |text: &str| RawAnswer::text(200, "application/json", text);
    let token = |value: &str| json(&format!("{{\"access_token\":{value},\"expires_in\":300}}"));
    let long = format!("\"{}\"", "t".repeat(20_000));
    let endless = " ".repeat(100_000);
    let deep = "[".repeat(1_000);
    let rows = [
        RawAnswer::text(200, "text/html", "<html>signed in</html>"),
        json(""),
        json("null"),
        json("[]"),
        json("{}"),
        json("\"t\""),
        json("{\"access_token\":\"t\"} trailing"),
        json(&deep),
        json(&endless),
        json("{\"access_token\":\"t\"}").header("content-encoding", "gzip"),
        token("null"),
        token("\"\""),
        token("7"),
        token("\"a\\r\\nX-Evil: 1\""),
        token("\"a\\u0000\""),
        token("\"a b\""),
        token("\"\u{e4}\""),
        token(&long),
        json("{\"access_token\":\"a\",\"access_token\":\"b\"}"),
        json("{\"access_token\":\"a\",\"token_type\":\"mac\"}"),
        json("{\"access_token\":\"a\",\"error\":\"invalid_request\"}"),
        json("{\"error\":\"invalid_request\",\"error_description\":\"x\"}"),
        RawAnswer::status(204),
        RawAnswer::json(201, &json!({ "access_token": "t" })),
        RawAnswer::json(206, &json!({ "access_token": "t" })),
        RawAnswer::status(418),
        RawAnswer::status(404),
    ];
    for answer in rows {
        let shown = format!("{answer:.200?}");
        world.exchange_answers(answer);
        let reply = world.asked().await;
        let code = reply.header("octobroker-error");
        assert_eq!((reply.status, code), (502, Some("exchange_failed")), "{shown}: {reply:?}");
        world.advance_seconds(31);
    }
    assert_eq!(world.octopus.api_requests(), []);
    assert_eq!(world.metric("octobroker_access_tokens_cached").await, Some(0.0));
    world.close().await;
}

#[tokio::test]
async fn a_refusal_is_remembered_for_ten_seconds() {
    let world = World::start().await;
    world.octopus.remove_identities(&world.account);

    world.fails(403, "exchange_refused").await;
    world.fails(403, "exchange_refused").await;
    assert_eq!(world.octopus.exchanges(), 1);
    world.nobody_exchanges_for(10).await;
    world.nobody_exchanges_for(10).await;

    world.octopus.add_identity(&world.account, &world.issuer.url(), "*", None);
    world.fails(403, "exchange_refused").await;
    world.advance_seconds(10);
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_well_is_left_alone_twice_as_long_each_time() {
    let world = World::start().await;
    for status in [500, 502, 503, 504] {
        world.exchange_answers(RawAnswer::status(status));
        let reply = world.fails(503, "exchange_unavailable").await;
        assert_eq!(reply.header("retry-after"), Some("1"), "{status}");

        for pause in [1, 2, 4, 8, 16, 30, 30] {
            world.nobody_exchanges_for(pause).await;
        }

        world.octopus.set(|knobs| knobs.exchange_answer = None);
        world.advance_seconds(30);
        world.works().await;
        // The streak is over, and so is the token.
        world.advance_seconds(3_600);
    }
    world.close().await;
}

#[tokio::test]
async fn failures_of_long_ago_are_not_in_a_row_with_new_ones() {
    let world = World::start().await;
    world.exchange_answers(RawAnswer::status(503));
    world.fails(503, "exchange_unavailable").await;
    for pause in [1, 2, 4] {
        world.nobody_exchanges_for(pause).await;
    }

    world.advance_seconds(8 + 600);

    let reply = world.fails(503, "exchange_unavailable").await;
    assert_eq!(reply.header("retry-after"), Some("1"));
    world.close().await;
}

#[tokio::test]
async fn the_pause_that_octopus_asks_for_is_kept() {
    for (retry_after, pause, told) in [
        (Some(7), 7, "7"),
        (Some(120), 120, "120"),
        (Some(0), 1, "1"),
        (Some(86_400), 600, "600"),
        (None, 1, "1"),
    ] {
        let world = World::start_with(without_patience).await;
        world.octopus.set(|knobs| knobs.error_style = ErrorStyle::RateLimited { retry_after });

        let reply = world.fails(503, "exchange_unavailable").await;

        assert_eq!(reply.header("retry-after"), Some(told), "{retry_after:?}");
        world.nobody_exchanges_for(pause).await;
        world.close().await;
    }
}

#[tokio::test]
async fn a_sick_server_may_ask_for_a_pause_as_well() {
    let world = World::start().await;
    world.exchange_answers(RawAnswer::status(503).header("retry-after", "40"));

    let reply = world.fails(503, "exchange_unavailable").await;

    assert_eq!(reply.header("retry-after"), Some("40"));
    world.nobody_exchanges_for(40).await;
    world.close().await;
}

#[tokio::test]
async fn the_maintenance_page_is_no_refusal() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.error_style = ErrorStyle::Html503);

    let reply = world.fails(503, "exchange_unavailable").await;

    assert!(!reply.text().contains("Maintenance"), "{}", reply.text());
    let line = world.audited(1).await;
    assert!(line["detail"].as_str().unwrap().contains("503"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let trap = Puppet::start(|_| Act::say_and_close("HTTP/1.1 200 OK\r\n\r\n")).await;
    let world = World::start().await;
    let here = world.octopus.url();

    for status in [301, 302, 303, 307, 308] {
        for target in [format!("{}/token", trap.url()), format!("{here}/api/token/v1")] {
            let fault = Fault::Redirect(target, status);
            world.octopus.set(|knobs| knobs.exchange_fault = Some(fault));

            world.fails(502, "exchange_failed").await;

            world.advance_seconds(31);
        }
    }
    world.octopus.set(|knobs| knobs.exchange_fault = None);
    assert!(trap.heard().is_empty(), "{:?}", trap.heard());
    assert_eq!(world.octopus.api_requests(), []);
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn a_discovery_that_leads_elsewhere_is_not_followed() {
    let trap = Puppet::start(|_| Act::say_and_close("HTTP/1.1 200 OK\r\n\r\n")).await;
    let world = World::start().await;
    let fault = Fault::Redirect(format!("{}/.well-known/openid-configuration", trap.url()), 302);
    world.octopus.set(|knobs| knobs.discovery_fault = Some(fault));

    world.fails(502, "exchange_failed").await;

    assert!(trap.heard().is_empty(), "{:?}", trap.heard());
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn an_exchange_that_does_not_end_is_given_up_in_time() {
    let drip = Fault::Drip { bytes: 1, pause: Duration::from_secs(1) };
    for fault in [
        Fault::Hang,
        Fault::Stall,
        drip,
        Fault::Refuse,
        Fault::Reset,
        Fault::Garbage,
        Fault::Truncate,
    ] {
        // What must succeed afterwards has to end within it as well.
        let world = World::start_with(|settings| {
            settings.more = "limits: { exchange_timeout: 3s }".to_owned();
        })
        .await;
        world.octopus.set(|knobs| knobs.exchange_fault = Some(fault.clone()));

        let reply = world.asked().await;

        let code = reply.header("octobroker-error");
        assert_eq!((reply.status, code), (503, Some("exchange_unavailable")), "{fault:?}");
        world.octopus.set(|knobs| knobs.exchange_fault = None);
        world.advance_seconds(1);
        world.works().await;
        world.close().await;
    }
}

#[tokio::test]
async fn a_sick_discovery_has_the_same_answers() {
    for (answer, status, code) in [
        (RawAnswer::status(404), 502, "exchange_failed"),
        (RawAnswer::text(200, "text/html", "<html>"), 502, "exchange_failed"),
        (RawAnswer::json(200, &json!({})), 502, "exchange_failed"),
        (RawAnswer::json(200, &json!({ "token_endpoint": 7 })), 502, "exchange_failed"),
        (RawAnswer::text(200, "application/json", " ".repeat(100_000)), 502, "exchange_failed"),
        (RawAnswer::status(503), 503, "exchange_unavailable"),
        (RawAnswer::status(429).header("retry-after", "5"), 503, "exchange_unavailable"),
    ] {
        let world = World::start_with(without_patience).await;
        world.octopus.set(|knobs| knobs.discovery_answer = Some(answer));

        world.fails(status, code).await;

        assert_eq!(world.octopus.exchanges(), 0);
        world.octopus.set(|knobs| knobs.discovery_answer = None);
        world.advance_seconds(30);
        world.works().await;
        world.close().await;
    }
}

#[tokio::test]
async fn the_broker_starts_without_octopus_and_serves_when_it_comes() {
    let mut world = World::without_broker().await;
    for fault in [Fault::Refuse, Fault::Reset, Fault::Hang] {
        world.octopus.set(|knobs| knobs.connect_fault = Some(fault));
        let mut settings = Settings::of(&world);
        // What must succeed when it has come has to end within these as well.
        settings.octopus.push_str("\nconnect_timeout: 3s\nidle_timeout: 3s");
        settings.more = "limits: { exchange_timeout: 3s }".to_owned();
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;

        world.fails(503, "exchange_unavailable").await;
        let bare = world.get("/api").send().await;
        assert!(matches!(bare.status, 502 | 504), "{bare:?}");

        world.octopus.set(|knobs| knobs.connect_fault = None);
        world.advance_seconds(1);
        world.works().await;
        world.get("/api").ok().await;
        world.stop_broker().await;
    }
    world.close().await;
}

#[tokio::test]
async fn one_identitys_refusal_is_not_anothers() {
    let world = World::start_with(|settings| {
        settings.rules = "{ name: web, issuer: ci, service_account: release-bot, \
                          claims: { sub: { one_of: [good, bad] } } }"
            .to_owned();
    })
    .await;
    world.octopus.remove_identities(&world.account);
    world.octopus.add_identity(&world.account, &world.issuer.url(), "good", None);
    let job = |subject: &str| world.mint(&world.issuer.claims(subject, &world.account.id));

    world.get("/api/users/me").bearer(&job("bad")).refused(403, "exchange_refused").await;
    world.get("/api/users/me").bearer(&job("good")).ok().await;
    world.get("/api/users/me").bearer(&job("bad")).refused(403, "exchange_refused").await;

    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}
