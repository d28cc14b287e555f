//! The life of a token that can be renewed.

use std::sync::atomic::{AtomicBool, Ordering};

use super::platform::Platform;
use super::*;
use crate::ambient::OwnToken;
use crate::tasks;
use crate::telemetry::{Format, Level, Sink, subscriber};

/// A job on GitHub Actions whose platform mints tokens of 300 s, unless it is told to refuse.
struct World {
    job: Surroundings,
    platform: Platform,
    refuses: Arc<AtomicBool>,
    identity: AmbientIdentity,
}

impl World {
    async fn start() -> Self {
        let mut job = Surroundings::with(&[("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY")]);
        let (clock, refuses) = (Arc::clone(&job.clock), Arc::new(AtomicBool::new(false)));
        let refusing = Arc::clone(&refuses);
        let platform = Platform::answering(move |_| {
            let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let token = token_for(AUDIENCE, now, 300);
            let status = if refusing.load(Ordering::SeqCst) { 403 } else { 200 };
            (status, json!({ "value": token }).to_string())
        })
        .await;
        job.variables.insert("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), platform.url("/"));
        let identity = job.named("github-actions").unwrap();
        Self { job, platform, refuses, identity }
    }

    async fn token(&self) -> Arc<OwnToken> {
        self.identity.id_token().await.unwrap()
    }

    fn requests(&self) -> usize {
        self.platform.asked().len()
    }

    fn age(&self, token: &OwnToken) -> f64 {
        300.0 - (token.expires() - self.job.clock.unix_seconds())
    }
}

/// Waits until a renewal has ended that gave nothing newer, and from now on so many seconds are to pass
/// before the next. That the platform was asked says less: its answer is still on its way.
async fn until_quiet_for(seconds: u64, job: &Surroundings, identity: &AmbientIdentity) {
    let quiet_until = job.clock.elapsed() + Duration::from_secs(seconds);
    until(|| identity.quiet_until() == Some(quiet_until)).await;
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let world = World::start().await;
    let callers = (0..200).map(|_| {
        let identity = world.identity.clone();
        tasks::spawn(async move { identity.id_token().await.unwrap() })
    });
    let callers: Vec<_> = callers.collect();

    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap());
    }

    assert_eq!(world.requests(), 1);
    assert!(tokens.iter().all(|token| Arc::ptr_eq(token, &tokens[0])));
}

#[tokio::test]
async fn a_job_of_many_hours_never_sees_an_expiry() {
    let world = World::start().await;
    for _ in 0..(6 * 60 * 4) {
        world.job.advance(15);
        let before = world.requests();

        let token = world.token().await;

        assert!(token.is_live_at(world.job.clock.unix_seconds()));
        assert!(world.age(&token) <= 255.0);
        if world.age(&token) >= 240.0 {
            until(|| world.identity.state().0.is_some_and(|held| !Arc::ptr_eq(&held, &token)))
                .await;
            assert_eq!(world.requests(), before + 1);
        }
    }
    // 6 h in steps of at most 255 s are 85 renewals.
    assert!((80..95).contains(&world.requests()), "{}", world.requests());
}

#[tokio::test]
async fn nothing_is_asked_before_the_last_minute_and_nobody_waits_in_it() {
    let world = World::start().await;
    let first = world.token().await;
    world.job.advance(239);
    assert!(Arc::ptr_eq(&first, &world.token().await));
    assert_eq!(world.requests(), 1);

    world.job.advance(1);
    assert!(Arc::ptr_eq(&first, &world.token().await), "at once, the old one");
    until(|| world.requests() == 2).await;

    // Joins the renewal if it is still under way.
    world.job.advance(56);
    let second = world.token().await;
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn after_a_long_pause_the_new_token_is_waited_for() {
    let world = World::start().await;
    world.token().await;
    for seconds in [296, 300, 100_000] {
        world.job.advance(seconds);
        assert!(world.age(&*world.token().await) < 1.0);
    }
    assert_eq!(world.requests(), 4);
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_old_token_while_it_lives() {
    let (sink, log) = Sink::memory();
    let world = World::start().await;
    let clock: Arc<dyn Clock> = Arc::clone(&world.job.clock) as _;
    let _log =
        tracing::subscriber::set_default(subscriber(Format::Json, Level::Debug, sink, clock));
    let first = world.token().await;
    world.refuses.store(true, Ordering::SeqCst);

    world.job.advance(240);
    for failures in 1..=3_u32 {
        let pause = 2_u64.pow(failures - 1);
        assert!(Arc::ptr_eq(&first, &world.token().await));
        until_quiet_for(pause, &world.job, &world.identity).await;
        // While the failure is fresh nothing is asked.
        assert!(Arc::ptr_eq(&first, &world.token().await));
        assert_eq!(world.requests(), failures as usize + 1);
        world.job.advance(pause);
    }
    assert_eq!(log.text().matches("can't be renewed").count(), 1, "said once");
    assert!(!log.text().contains("CANARY"), "{}", log.text());

    world.job.advance(59);
    let error = world.identity.id_token().await.unwrap_err();
    assert!(sentence(&error).contains("403"), "the old one is dead: {error}");

    world.refuses.store(false, Ordering::SeqCst);
    world.job.advance(20);
    assert!(world.age(&*world.token().await) < 1.0);
}

#[tokio::test]
async fn a_platform_that_repeats_its_old_token_is_not_asked_by_every_call() {
    let mut job = Surroundings::with(&[("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY")]);
    let answer = json!({ "value": token_for(AUDIENCE, NOW, 300) }).to_string();
    let platform = Platform::answering(move |_| (200, answer.clone())).await;
    job.variables.insert("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), platform.url("/"));
    let identity = job.named("github-actions").unwrap();
    let first = identity.id_token().await.unwrap();

    job.advance(290);
    for _ in 0..10 {
        assert!(Arc::ptr_eq(&first, &identity.id_token().await.unwrap()));
        until_quiet_for(1, &job, &identity).await;
    }
    // Time for a third asking, which would be wrong, to arrive.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(platform.asked().len(), 2);

    job.advance(10);
    let error = identity.id_token().await.unwrap_err();
    let text = sentence(&error);
    assert!(text.contains("expired at 2026-11-18T") && text.contains("see the clock"), "{text}");
}
