//! Issuers whose tokens serve once: one login or one request, of all who present it.

use std::time::Duration;

use emulator::Fault;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{NOW, Reply, SUBJECT, Settings, World};

const REMEMBERED: &str = "octobroker_used_tokens_remembered";

fn once(settings: &mut Settings) {
    settings.issuers = settings.issuers.replace(" }", ", replay: once }");
}

impl World {
    async fn once() -> Self {
        Self::start_with(once).await
    }

    async fn presented(&self, token: &str) -> Reply {
        self.get("/api/users/me").bearer(token).send().await
    }

    async fn serves(&self, token: &str) {
        self.get("/api/users/me").bearer(token).ok().await;
    }

    async fn is_replayed(&self, token: &str) {
        self.get("/api/users/me").bearer(token).refused(401, "token_replayed").await;
    }

    fn job_with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.mint(&claims)
    }
}

#[tokio::test]
async fn a_token_serves_one_request_and_the_job_s_next_token_the_next() {
    let world = World::once().await;
    let job = world.job();

    world.serves(&job).await;
    for _ in 0..3 {
        world.is_replayed(&job).await;
    }
    world.serves(&world.job()).await;

    assert_eq!(world.octopus.api_requests().len(), 2);
    assert_eq!(world.metric(REMEMBERED).await, Some(2.0));
    let lines = world.audited_lines(5).await;
    assert_eq!(lines[0]["jti"], lines[1]["jti"]);
    assert_eq!((&lines[1]["code"], &lines[1]["rule"]), (&json!("token_replayed"), &json!("web")));
    world.close().await;
}

#[tokio::test]
async fn a_token_serves_as_often_as_it_likes_where_nothing_is_said() {
    for replay in ["", ", replay: reuse"] {
        let world = World::start_with(|settings| {
            settings.issuers = settings.issuers.replace(" }", &format!("{replay} }}"));
        })
        .await;
        let job = world.job();
        for _ in 0..5 {
            world.serves(&job).await;
        }
        assert_eq!(world.metric(REMEMBERED).await, Some(0.0));
        world.close().await;
    }
}

#[tokio::test]
async fn a_login_is_the_one_use_and_its_stand_in_serves_on() {
    let world = World::once().await;
    let job = world.job();
    let answer = world.log_in(&job).await.json();
    let stand_in = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());

    world.is_replayed(&job).await;
    let again = world.call("POST", "/token/v1").json(&world.login_fields(&job)).send().await;

    let members = again.json();
    assert_eq!((again.status, again.header("octobroker-error")), (400, Some("token_replayed")));
    assert_eq!((&members["error"], &members["status"]), (&json!("invalid_request"), &json!(400)));
    for _ in 0..5 {
        world.get("/api/users/me").header("x-octopus-apikey", &stand_in).ok().await;
    }
    // Its access token is replaced with the ID token that it keeps.
    world.octopus.revoke_access_tokens();
    world.get("/api/users/me").header("x-octopus-apikey", &stand_in).ok().await;
    world.close().await;
}

#[tokio::test]
async fn of_all_who_come_with_one_token_at_once_one_is_served() {
    let world = World::once().await;
    let job = world.job();
    let gate = world.octopus.hold_exchanges();
    let crowd = join_all((0..30).map(|_| world.presented(&job)));
    let open = async {
        gate.wait_for(1).await;
        let in_flight = "octobroker_requests_in_flight";
        world.until("all are there", async || world.count(in_flight).await == Some(30)).await;
        gate.open();
    };

    let (replies, ()) = tokio::join!(crowd, open);

    let served = replies.iter().filter(|reply| reply.status == 200).count();
    let is_replayed = |reply: &&Reply| reply.header("octobroker-error") == Some("token_replayed");
    let replayed = replies.iter().filter(is_replayed);
    assert_eq!((served, replayed.count()), (1, 29));
    assert_eq!(world.octopus.api_requests().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn what_is_not_served_uses_nothing_up() {
    let world = World::start_with(|settings| {
        once(settings);
        settings.rules = settings.rules.replace("claims:", "allow: [read], claims:");
    })
    .await;
    let job = world.job();
    let bearer = |method, target| world.call(method, target).bearer(&job);

    bearer("POST", "/api/Spaces-1/projects").refused(403, "request_not_allowed").await;
    let named = bearer("GET", "/api/users/me").header("octobroker-service-account", "other");
    named.refused(403, "no_rule_matched").await;
    bearer("GET", "/api/users/me")
        .header("x-octopus-apikey", "API-X")
        .refused(400, "ambiguous_credentials")
        .await;
    for fault in [Fault::Refuse, Fault::Status(500), Fault::Garbage] {
        world.octopus.fail_once("/token/v1", fault);
        bearer("GET", "/api/users/me").refused(503, "exchange_unavailable").await;
        world.advance_seconds(31);
    }
    world.octopus.remove_identities(&world.account);
    bearer("GET", "/api/users/me").refused(403, "exchange_refused").await;
    world.octopus.add_identity(&world.account, &world.issuer.url(), "*", None);
    world.advance_seconds(11);
    assert_eq!(world.metric(REMEMBERED).await, Some(0.0));

    world.serves(&job).await;
    world.is_replayed(&job).await;
    world.close().await;
}

#[tokio::test]
async fn a_login_for_which_there_is_no_room_uses_nothing_up() {
    let world = World::start_with(|settings| {
        once(settings);
        settings.more = "limits: { stand_ins: 1 }".to_owned();
    })
    .await;
    world.stand_in().await;
    let job = world.job();

    let full = world.call("POST", "/token/v1").json(&world.login_fields(&job)).send().await;

    assert_eq!((full.status, full.header("octobroker-error")), (503, Some("overloaded")));
    world.serves(&job).await;
    world.close().await;
}

#[tokio::test]
async fn what_octopus_makes_of_a_request_gives_nothing_back() {
    let world = World::once().await;
    world.serves(&world.job()).await;
    for fault in [Fault::Status(500), Fault::Status(403), Fault::Garbage] {
        let job = world.job();
        world.octopus.fail_once("/api/Spaces-1", fault);
        let post = world.call("POST", "/api/Spaces-1/channels").bearer(&job).body("{}");
        assert!(post.send().await.status >= 400);
        world.is_replayed(&job).await;
    }
    world.close().await;
}

#[tokio::test]
async fn a_request_that_the_broker_repeats_is_one_use() {
    let world = World::once().await;
    world.serves(&world.job()).await;
    world.octopus.revoke_access_tokens();
    let job = world.job();

    world.serves(&job).await;

    world.is_replayed(&job).await;
    world.close().await;
}

#[tokio::test]
async fn a_token_needs_an_id_to_be_told_from_others() {
    let world = World::once().await;
    let without = world.job_with(|claims| {
        claims.as_object_mut().unwrap().remove("jti");
    });
    let empty = world.job_with(|claims| claims["jti"] = "".into());

    for token in [without, empty] {
        world.get("/api/users/me").bearer(&token).refused(401, "claims_invalid").await;
    }

    let line = world.audited(2).await;
    assert!(line["detail"].as_str().unwrap().contains("jti"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn a_token_is_known_by_its_issuer_and_id_and_by_nothing_else() {
    let world = World::once().await;
    let with_id = |id: &str, run: u64| {
        world.job_with(|claims| {
            claims["jti"] = id.into();
            claims["run"] = run.into();
        })
    };

    world.serves(&with_id("one", 1)).await;
    world.is_replayed(&with_id("one", 2)).await;
    world.serves(&with_id("ONE", 3)).await;
    world.serves(&with_id("one ", 4)).await;

    world.close().await;
}

#[tokio::test]
async fn neither_a_reload_nor_a_clock_lets_a_token_serve_again() {
    let world = World::once().await;
    let job = world.job();
    world.serves(&job).await;

    world.reload_with(once).await;
    world.is_replayed(&job).await;
    world.reload_with(|_| {}).await;
    world.serves(&job).await;
    world
        .reload_with(|settings| {
            once(settings);
            settings.issuers = settings.issuers.replace("ci:", "renamed:");
            settings.rules = settings.rules.replace("issuer: ci", "issuer: renamed");
        })
        .await;
    world.is_replayed(&job).await;

    // Ahead, so far that it is forgotten; and back.
    world.advance(Duration::from_secs(1));
    world.set_wall(NOW + 24 * 3_600);
    assert_eq!(world.metric(REMEMBERED).await, Some(0.0));
    world.get("/api/users/me").bearer(&job).refused(401, "token_expired").await;
    for wall in [NOW, NOW + 300, NOW - 20] {
        world.set_wall(wall);
        world.is_replayed(&job).await;
    }
    world.set_wall(NOW);
    let later = world.job_with(|claims| claims["exp"] = (NOW + 301).into());
    world.serves(&later).await;
    world.close().await;
}

#[tokio::test]
async fn a_token_is_forgotten_when_nobody_accepts_it_any_more() {
    let world = World::once().await;
    let job = world.job();
    world.serves(&job).await;

    world.advance_seconds(329);
    world.is_replayed(&job).await;
    world.advance_seconds(1);
    world.get("/api/users/me").bearer(&job).refused(401, "token_expired").await;
    assert_eq!(world.metric(REMEMBERED).await, Some(1.0));
    world.advance_seconds(5);

    assert_eq!(world.metric(REMEMBERED).await, Some(0.0));
    world.close().await;
}

#[tokio::test]
async fn when_the_memory_is_full_the_newest_is_refused_and_none_forgotten() {
    let world = World::start_with(|settings| {
        once(settings);
        settings.more = "limits: { used_tokens: 2 }".to_owned();
    })
    .await;
    let [first, second] = [world.job(), world.job()];
    world.serves(&first).await;
    world.serves(&second).await;
    let long = world.job_with(|claims| claims["exp"] = (NOW + 3_000).into());

    world.get("/api/users/me").bearer(&long).refused(503, "overloaded").await;
    let login = world.call("POST", "/token/v1").json(&world.login_fields(&long)).send().await;
    assert_eq!((login.status, login.header("octobroker-error")), (503, Some("overloaded")));
    world.is_replayed(&first).await;
    world.is_replayed(&second).await;

    world.advance_seconds(336);
    world.serves(&long).await;
    world.is_replayed(&long).await;
    assert_eq!(world.octopus.api_requests().len(), 3);
    world.close().await;
}

#[tokio::test]
async fn each_issuer_says_for_its_own_tokens() {
    let mut world = World::without_broker().await;
    let other = emulator::Issuer::start(emulator::Clock::fixed(NOW)).await;
    world.octopus.trust_issuer(&other);
    world.octopus.add_identity(&world.account, &other.url(), "*", None);
    let mut settings = Settings::of(&world);
    settings.issuers = settings.issuers.replace(" }", ", replay: once }");
    settings.issuers.extend([format!(
        "\nsecond: {{ provider: custom, url: '{}', algorithms: [RS256], replay: once }}",
        other.url()
    )]);
    settings.rules.push_str(
        "\n{ name: second, issuer: second, service_account: release-bot, claims: { sub: job } }",
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let job = world.job_with(|claims| claims["jti"] = "same".into());
    let mut claims = other.claims("job", &world.account.id);
    claims["jti"] = "same".into();
    let of_other = world.keep_secret(other.mint(&claims));

    world.serves(&job).await;
    world.serves(&of_other).await;
    world.is_replayed(&job).await;
    world.is_replayed(&of_other).await;

    assert_eq!(world.audit()[0]["subject"], json!(SUBJECT));
    world.close().await;
}
