//! Octopus's rate limit: requests wait for their turn, and its 429 is passed on when that is of no
//! use.

use std::time::{Duration, Instant};

use emulator::{Clock, Issuer, Octopus, RateLimit, RawAnswer};
use serde_json::json;

use crate::world::{Settings, World};

const PROJECTS: &str = "/api/Spaces-1/projects";

impl World {
    /// With an Octopus that limits, and whose clock runs.
    async fn rate_limited(limit: u32, per_minute: u32, more: &str) -> Self {
        let clock = Clock::system();
        let issuer = Issuer::start(clock.clone()).await;
        let octopus = Octopus::start(clock.clone()).await;
        let now = clock.now_unix();
        let mut world = Self::of(issuer, octopus, clock);
        world.set_wall(now);
        let mut settings = Settings::of(&world);
        settings.more = more.to_owned();
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        // The token exchange is limited, too, and not what these tests are about.
        world.get("/api/users/me").bearer(&world.job()).ok().await;
        world.octopus.forget_requests();
        world.octopus.set(|knobs| knobs.rate_limit = Some(RateLimit { limit, per_minute }));
        world
    }

    fn refused_by_octopus(&self) -> usize {
        self.octopus.api_requests().iter().filter(|request| request.status == 429).count()
    }
}

#[tokio::test]
async fn twenty_callers_share_the_budget_and_none_sees_a_429() {
    let world = World::rate_limited(20, 600, "").await;
    let start = Instant::now();
    let job = world.job();

    let calls = (0..20).map(|_| async {
        for _ in 0..6 {
            let reply = world.get(PROJECTS).bearer(&job).send().await;
            assert_eq!(reply.status, 200);
        }
    });
    futures_util::future::join_all(calls).await;

    // 20 at once, then 10 a second: 100 more take 10 s.
    let used = 10.0 / start.elapsed().as_secs_f64();
    assert!(used > 0.8, "{:.0} % of the budget was used", used * 100.0);
    assert!(world.refused_by_octopus() <= 20, "{}", world.refused_by_octopus());
    let waits = "octobroker_rate_limit_waits_total{service_account=\"release-bot\"}";
    assert!(world.count(waits).await.unwrap() > 50);
    let left = "octobroker_rate_limit_remaining{service_account=\"release-bot\"}";
    // Some of it may have come back since.
    assert!(world.metric(left).await.unwrap() <= 10.0);
    world.close().await;
}

#[tokio::test]
async fn a_429_that_patience_can_wait_out_is_never_seen() {
    let world = World::rate_limited(1, 6_000, "").await;
    let body = json!({ "Name": "x" }).to_string();

    for _ in 0..5 {
        let reply =
            world.call("POST", PROJECTS).bearer(&world.job()).body(body.clone()).send().await;
        assert_ne!(reply.status, 429);
    }

    world.close().await;
}

#[tokio::test]
async fn without_patience_the_429_is_passed_on_untouched() {
    let world = World::rate_limited(1, 1, "limits: { rate_limit_wait: 0s }").await;
    let job = world.job();
    assert_eq!(world.get(PROJECTS).bearer(&job).send().await.status, 200);

    let reply = world.get(PROJECTS).bearer(&job).send().await;

    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("octobroker-error"), None);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.header("octopus-ratelimit-policy"), Some("l=1;rpm=1"));
    assert_eq!(reply.json()["ErrorMessage"], "Too many requests");
    world.close().await;
}

#[tokio::test]
async fn a_wait_beyond_all_patience_is_not_begun() {
    let world = World::rate_limited(1, 1, "").await;
    let job = world.job();
    assert_eq!(world.get(PROJECTS).bearer(&job).send().await.status, 200);
    let start = Instant::now();

    // The next turn is a minute away, patience ends in half of one.
    let reply = world.get(PROJECTS).bearer(&job).send().await;

    assert_eq!(reply.status, 429);
    assert!(start.elapsed() < Duration::from_secs(20));
    world.close().await;
}

#[tokio::test]
async fn what_can_not_be_sent_twice_gets_the_429() {
    let world = World::rate_limited(1, 600, "").await;
    let job = world.job();
    world.octopus.answer_once("/api/Spaces-1/packages", RawAnswer::status(429));

    let upload = world.call("POST", "/api/Spaces-1/packages/raw").bearer(&job);
    let reply = upload.body(vec![b'x'; 200_000]).send().await;

    assert_eq!(reply.status, 429);
    assert_eq!(world.octopus.api_requests().len(), 1);
    world.close().await;
}
