//! Octopus limits the rate of exchanges: whoever needs a token waits until it may be asked again, as
//! long as its own patience lasts, and all of them share the next try.

use std::time::{Duration, Instant};

use emulator::{ErrorStyle, Fault, RawAnswer};
use http::Request;
use tokio::task::JoinHandle;

use crate::world::{Reply, Settings, World, send};

const WAITS: &str = "octobroker_rate_limit_waits_total{service_account=\"release-bot\"}";

impl World {
    /// Every exchange gets a 429 from now on, with this pause.
    fn limit_exchanges(&self, retry_after: u64) {
        let retry_after = Some(retry_after);
        self.octopus.set(|knobs| knobs.error_style = ErrorStyle::RateLimited { retry_after });
    }

    /// Exchanges are taken again, and the pause is over.
    fn end_of_limit(&self, retry_after: u64) {
        self.octopus.set(|knobs| knobs.error_style = ErrorStyle::Rfc);
        self.advance_seconds(retry_after);
    }

    /// A request of the job, under way.
    fn job_asks(&self) -> JoinHandle<Reply> {
        let address = self.address();
        let request = Request::get("/api/users/me").header("host", "localhost");
        let bearer = format!("Bearer {}", self.job());
        let request = request.header("authorization", bearer).body(<_>::default()).unwrap();
        tokio::spawn(send(address, request))
    }

    async fn until_waiting(&self, count: u64) {
        let what = format!("{count} requests wait");
        self.until(&what, async || self.count(WAITS).await == Some(count)).await;
    }
}

fn without_patience(settings: &mut Settings) {
    "limits: { rate_limit_wait: 0s }".clone_into(&mut settings.more);
}

#[tokio::test]
async fn a_request_waits_for_the_time_that_octopus_asks_for_and_is_served() {
    let world = World::start().await;
    world.limit_exchanges(2);
    let asking = world.job_asks();
    world.until_waiting(1).await;

    world.end_of_limit(2);

    let reply = tokio::time::timeout(Duration::from_secs(60), asking).await;
    assert_eq!(reply.expect("an answer").unwrap().status, 200);
    assert_eq!(world.octopus.exchanges(), 2);
    let line = world.audited(1).await;
    assert!(line["exchange_ms"].as_f64().unwrap() >= 0.0, "{line}");
    world.close().await;
}

#[tokio::test]
async fn octopus_is_not_asked_before_it_may_be() {
    let world = World::start().await;
    world.limit_exchanges(1);
    let asking = world.job_asks();
    world.until_waiting(1).await;

    world.octopus.set(|knobs| knobs.error_style = ErrorStyle::Rfc);
    world.advance(Duration::from_millis(999));
    // The whole pause passes in real time, and the broker's own says that it is not over.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(world.octopus.exchanges(), 1);

    world.advance(Duration::from_millis(1));
    assert_eq!(asking.await.unwrap().status, 200);
    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn all_who_wait_share_the_next_try() {
    let world = World::start().await;
    world.limit_exchanges(1);
    let asking: Vec<_> = (0..100).map(|_| world.job_asks()).collect();
    world.until_waiting(100).await;
    assert_eq!(world.octopus.exchanges(), 1);

    world.end_of_limit(1);

    for reply in asking {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_limit_that_goes_on_is_waited_out_again() {
    let world = World::start().await;
    world.limit_exchanges(1);
    let asking = world.job_asks();
    world.until_waiting(1).await;

    let time_passes = async |exchanges: usize| {
        let what = format!("{exchanges} exchanges");
        world
            .until(&what, async || {
                world.advance(Duration::from_millis(20));
                world.octopus.exchanges() >= exchanges
            })
            .await;
    };
    time_passes(3).await;
    world.octopus.set(|knobs| knobs.error_style = ErrorStyle::Rfc);
    time_passes(4).await;

    assert_eq!(asking.await.unwrap().status, 200);
    assert_eq!(world.count(WAITS).await, Some(1), "one request has waited");
    world.close().await;
}

#[tokio::test]
async fn a_wait_beyond_patience_is_not_begun_and_the_caller_learns_how_long() {
    let world = World::start().await;
    world.limit_exchanges(31);

    for _ in 0..3 {
        let start = Instant::now();
        let reply = world.fails(503, "exchange_unavailable").await;
        assert_eq!(reply.header("retry-after"), Some("31"));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    assert_eq!((world.octopus.exchanges(), world.count(WAITS).await), (1, Some(0)));
    world.close().await;
}

#[tokio::test]
async fn patience_is_each_caller_s_own() {
    let world = World::start().await;
    world.limit_exchanges(3);
    let patient = world.job_asks();
    world.until_waiting(1).await;

    world.reload_with(without_patience).await;
    let reply = world.fails(503, "exchange_unavailable").await;
    assert_eq!(reply.header("retry-after"), Some("3"));
    assert!(!patient.is_finished());

    world.end_of_limit(3);
    assert_eq!(patient.await.unwrap().status, 200);
    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_login_waits_as_a_request_does() {
    let world = World::start().await;
    world.limit_exchanges(1);
    let job = world.job();
    let login = async { world.log_in(&job).await.json() };
    let end = async {
        world.until_waiting(1).await;
        world.end_of_limit(1);
    };

    let (answer, ()) = tokio::join!(login, end);

    let stand_in = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());
    world.get("/api/users/me").header("x-octopus-apikey", &stand_in).ok().await;
    world.close().await;
}

#[tokio::test]
async fn nobody_waits_with_an_id_token_that_ends_before() {
    let world = World::start().await;
    world.limit_exchanges(25);
    let mut claims = world.claims();
    claims["exp"] = (crate::world::NOW + 20).into();
    let short = world.mint(&claims);

    let call = world.get("/api/users/me").bearer(&short);
    let reply = call.refused(503, "exchange_unavailable").await;

    assert_eq!(reply.header("retry-after"), Some("25"));
    assert_eq!(world.count(WAITS).await, Some(0));
    world.close().await;
}

#[tokio::test]
async fn callers_who_hang_up_leave_nothing_behind() {
    let world = World::start().await;
    world.limit_exchanges(1);
    let asking: Vec<_> = (0..20).map(|_| world.job_asks()).collect();
    world.until_waiting(20).await;

    for one in asking {
        one.abort();
    }
    let in_flight = "octobroker_requests_in_flight";
    world.until("they are gone", async || world.count(in_flight).await == Some(0)).await;
    world.end_of_limit(1);
    world.works().await;

    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn who_has_a_token_does_not_feel_a_limit_of_its_renewal() {
    let world = World::start().await;
    world.works().await;
    world.limit_exchanges(20);
    // In the window in which every token is renewed, whatever its share of chance.
    world.advance_seconds(3_600 - 80);

    for _ in 0..5 {
        world.works().await;
    }
    world.until("the renewal was tried", async || world.octopus.exchanges() == 2).await;
    world.works().await;

    assert_eq!(world.count(WAITS).await, Some(0));
    world.close().await;
}

#[tokio::test]
async fn a_limit_without_a_pause_and_one_of_the_discovery_are_waited_out_as_well() {
    for path in ["/token/v1", "/.well-known/openid-configuration"] {
        let world = World::start().await;
        world.octopus.fail_once(path, Fault::Status(429));
        let asking = world.job_asks();
        world.until_waiting(1).await;

        world.advance_seconds(1);

        assert_eq!(asking.await.unwrap().status, 200, "{path}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_well_is_not_waited_for() {
    let world = World::start().await;
    let sick = RawAnswer::status(503).header("retry-after", "1");
    world.octopus.set(|knobs| knobs.exchange_answer = Some(sick));

    let reply = world.fails(503, "exchange_unavailable").await;

    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!((world.octopus.exchanges(), world.count(WAITS).await), (1, Some(0)));
    world.close().await;
}
