//! Clocks that are wrong, ours or others': only a token's own times go by the wall clock. Lifetimes,
//! pauses and waits do not feel it jump.

use std::time::{Duration, Instant};

use emulator::{ErrorStyle, IssuerEndpoint, RateLimit, RawAnswer};
use serde_json::json;

use crate::world::{NOW, SUBJECT, Settings, TemporaryFile, World};

const DAY: u64 = 24 * 3_600;

impl World {
    /// A job whose platform's clock shows this time.
    fn job_at(&self, unix_seconds: u64) -> String {
        let mut claims = self.claims();
        for (name, offset) in [("iat", 0), ("nbf", 0), ("exp", 300)] {
            claims[name] = (unix_seconds + offset).into();
        }
        self.mint(&claims)
    }

    /// Whoever asks acts as an account with an API key, so that no token's time counts.
    async fn keyed() -> (Self, TemporaryFile) {
        let mut world = Self::without_broker().await;
        let key = world.keep_secret(world.octopus.add_api_key(&world.account));
        let file = TemporaryFile::new("api-key", key);
        let mut settings = Settings::of(&world);
        settings.service_accounts =
            format!("release-bot: {{ api_key: {{ file: '{}' }} }}", file.path().display());
        settings.rules = settings.rules.replace("claims:", "audience: octobroker, claims:");
        "{ bind: 127.0.0.1:0, ambient: true }".clone_into(&mut settings.listeners);
        "ambient: { service_account: release-bot }".clone_into(&mut settings.more);
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        (world, file)
    }
}

#[tokio::test]
async fn a_token_that_a_wrong_clock_refused_is_taken_when_the_clock_is_right() {
    let world = World::start().await;
    let job = world.job();
    for _ in 0..3 {
        world.get("/api/users/me").bearer(&job).ok().await;
        world.set_wall(NOW + DAY);
        world.get("/api/users/me").bearer(&job).refused(401, "token_expired").await;
        world.set_wall(NOW - DAY);
        world.get("/api/users/me").bearer(&job).refused(401, "token_not_yet_valid").await;
        world.set_wall(NOW);
    }
    world.get("/api/users/me").bearer(&job).ok().await;
    world.close().await;
}

#[tokio::test]
async fn keys_are_neither_lost_nor_fetched_again_when_the_clock_jumps() {
    let world = World::start().await;
    let fetches = || world.issuer.requests(IssuerEndpoint::Jwks);
    let before = fetches();

    for wall in [NOW + 30 * DAY, NOW - 30 * DAY, NOW] {
        world.set_wall(wall);
        let job = world.job_at(wall);
        // Octopus goes by its own clock, and may refuse the exchange; the keys are there.
        let reply = world.get("/api/users/me").bearer(&job).send().await;
        let code = reply.header("octobroker-error");
        assert!(matches!(code, None | Some("exchange_refused")), "{reply:?}");
        world.advance_seconds(11);
    }

    assert_eq!(fetches(), before);
    world.close().await;
}

#[tokio::test]
async fn the_pause_after_a_failure_does_not_feel_the_clock_jump() {
    let world = World::start_with(|settings| {
        settings.more = "limits: { rate_limit_wait: 0s }".to_owned();
    })
    .await;
    let retry_after = Some(20);
    world.octopus.set(|knobs| knobs.error_style = ErrorStyle::RateLimited { retry_after });
    world.fails(503, "exchange_unavailable").await;
    world.octopus.set(|knobs| knobs.error_style = ErrorStyle::Rfc);

    for wall in [NOW + DAY, NOW - DAY] {
        world.set_wall(wall);
        let call = world.get("/api/users/me").bearer(&world.job_at(wall)).send().await;
        assert_eq!(call.header("retry-after"), Some("20"), "{wall}");
    }
    assert_eq!(world.octopus.exchanges(), 1);
    world.set_wall(NOW);
    world.advance_seconds(20);
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn a_date_in_retry_after_is_one_of_octopus_s_clock() {
    let date =
        |unix: u64| httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(unix));
    for octopus_now in [NOW, NOW + DAY, NOW - DAY] {
        let world = World::start_with(|settings| {
            settings.more = "limits: { rate_limit_wait: 0s }".to_owned();
        })
        .await;
        let limited = RawAnswer::status(429).header("date", &date(octopus_now));
        let limited = limited.header("retry-after", &date(octopus_now + 7));
        world.octopus.set(|knobs| knobs.exchange_answer = Some(limited));

        let reply = world.fails(503, "exchange_unavailable").await;

        assert_eq!(reply.header("retry-after"), Some("7"), "{octopus_now}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_rate_budget_does_not_feel_the_clock_jump() {
    let (world, _file) = World::keyed().await;
    world.get("/api/users/me").ok().await;
    // One at once, and ten a second.
    world.octopus.set(|knobs| knobs.rate_limit = Some(RateLimit { limit: 1, per_minute: 600 }));
    let start = Instant::now();

    for wall in [NOW, NOW + DAY, NOW - DAY, NOW] {
        world.set_wall(wall);
        // The pretend Octopus refills by its own clock.
        for _ in 0..3 {
            world.get("/api/users/me").ok().await;
            world.advance(Duration::from_millis(1));
            world.advance_others(Duration::from_millis(100));
        }
    }

    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    world.close().await;
}

#[tokio::test]
async fn a_stand_in_ends_in_its_time_whatever_the_clock_shows() {
    let world = World::start_with(|settings| {
        settings.more = "token_door: { stand_in_lifetime: 10m }".to_owned();
    })
    .await;
    let stand_in = world.stand_in().await;
    let ask = || world.get("/api/users/me").header("x-octopus-apikey", &stand_in);

    world.set_wall(NOW - DAY);
    world.advance_seconds(599);
    ask().ok().await;
    world.advance_seconds(1);

    ask().refused(401, "stand_in_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn an_id_token_of_our_own_is_renewed_when_the_clock_has_jumped_past_its_end() {
    let mut world = World::without_broker().await;
    let file = TemporaryFile::new("token", world.job());
    let mut settings = Settings::of(&world);
    "{ bind: 127.0.0.1:0, ambient: true }".clone_into(&mut settings.listeners);
    settings.more = format!(
        "ambient: {{ token: {{ file: '{}' }}, service_account: release-bot }}",
        file.path().display()
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    world.get("/api/users/me").ok().await;

    world.set_wall(NOW + DAY);
    world.get("/api/users/me").refused(503, "exchange_unavailable").await;
    world.set_wall(NOW);
    world.advance_seconds(30);

    let me = world.get("/api/users/me").ok().await;
    assert_eq!(me.json()["Username"], json!("release-bot"));
    assert_eq!(world.audit().last().unwrap()["subject"], json!(SUBJECT));
    world.close().await;
}
