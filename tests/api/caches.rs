//! Access tokens: exchanged once for all who wait, shared with nobody else, renewed while the old
//! one still serves.

use emulator::{ExpiresIn, Issuer, ServiceAccount};
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{NOW, World, send};

impl World {
    /// A job of any subject that asks for the default account.
    fn job_of(&self, subject: &str) -> String {
        self.mint(&self.issuer.claims(subject, &self.account.id))
    }

    /// A request in a task of its own: it goes on while the test looks on.
    pub(crate) fn asking(&self, crowd: &mut JoinSet<u16>, job: &str, target: &str) {
        let (address, bearer) = (self.address(), format!("Bearer {job}"));
        let request = http::Request::get(target).header("host", "localhost");
        let request = request.header("authorization", bearer).body(<_>::default()).unwrap();
        crowd.spawn(async move { send(address, request).await.status });
    }

    async fn obtained(&self, result: &str) -> u64 {
        let series = format!("octobroker_access_token_requests_total{{result=\"{result}\"}}");
        self.count(&series).await.unwrap()
    }

    /// Waits until so many exchanges have given a token.
    async fn until_exchanged(&self, count: usize) {
        self.until("the exchange is over", async || {
            self.octopus.successful_exchanges() == count
                && self.exchanged("ok").await >= count as u64
        })
        .await;
    }

    async fn exchanged(&self, outcome: &str) -> u64 {
        let series =
            "octobroker_exchanges_total{outcome=\"OUTCOME\",service_account=\"release-bot\"}";
        self.count(&series.replace("OUTCOME", outcome)).await.unwrap_or_default()
    }
}

/// Rules for any subject of a second account beside the first.
async fn with_two_accounts() -> (World, ServiceAccount) {
    let mut world = World::without_broker().await;
    let other = world.octopus.add_service_account("tooling-bot");
    world.octopus.add_identity(&other, &world.issuer.url(), "*", None);
    let mut settings = crate::world::Settings::of(&world);
    settings.service_accounts.extend([format!("\ntooling-bot: {{ id: {} }}", other.id)]);
    let claims = "claims: { sub: { one_of: [job-1, job-2, 'job-1 ', job-3] } }";
    settings.rules = format!(
        "{{ name: web, issuer: ci, service_account: release-bot, {claims} }}\n\
         {{ name: tools, issuer: ci, service_account: tooling-bot, {claims} }}"
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    (world, other)
}

#[tokio::test]
async fn two_hundred_first_requests_make_one_exchange() {
    let world = World::start().await;
    let gate = world.octopus.hold_exchanges();
    let job = world.job();
    let mut crowd = JoinSet::new();
    for _ in 0..200 {
        world.asking(&mut crowd, &job, "/api/users/me");
    }
    gate.wait_for(1).await;
    world
        .until("all wait for it", async || {
            world.metric("octobroker_requests_in_flight").await == Some(200.0)
        })
        .await;

    gate.open();

    assert!(crowd.join_all().await.iter().all(|status| *status == 200));
    assert_eq!((world.octopus.exchanges(), world.octopus.api_requests().len()), (1, 200));
    assert_eq!((world.obtained("miss").await, world.obtained("joined").await), (1, 199));
    world.close().await;
}

#[tokio::test]
async fn a_failing_exchange_is_told_to_all_who_wait() {
    let world = World::start().await;
    world.octopus.remove_identities(&world.account);
    let gate = world.octopus.hold_exchanges();
    let job = world.job();
    let mut crowd = JoinSet::new();
    for _ in 0..50 {
        world.asking(&mut crowd, &job, "/api/users/me");
    }
    gate.wait_for(1).await;

    gate.open();

    assert!(crowd.join_all().await.iter().all(|status| *status == 403));
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.exchanged("refused").await, 1);
    world.fails(403, "exchange_refused").await;
    assert!(world.obtained("remembered_failure").await >= 1);
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_costs_the_others_nothing() {
    let world = World::start().await;
    let gate = world.octopus.hold_exchanges();
    let job = world.job();
    let mut first = JoinSet::new();
    world.asking(&mut first, &job, "/api/users/me");
    gate.wait_for(1).await;
    let mut crowd = JoinSet::new();
    for _ in 0..5 {
        world.asking(&mut crowd, &job, "/api/users/me");
    }

    first.shutdown().await;
    let line = world.audited(1).await;
    assert_eq!((&line["status"], &line["aborted"]), (&json!(499), &json!(true)));
    gate.open();

    assert!(crowd.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn all_callers_may_hang_up_and_the_token_is_kept() {
    let world = World::start().await;
    let gate = world.octopus.hold_exchanges();
    let mut crowd = JoinSet::new();
    world.asking(&mut crowd, &world.job(), "/api/users/me");
    gate.wait_for(1).await;

    crowd.shutdown().await;
    gate.open();
    world.until_exchanged(1).await;

    world.works().await;
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn two_identities_at_once_are_never_swapped() {
    let (world, other) = with_two_accounts().await;
    let gate = world.octopus.hold_exchanges();
    let release = world.job_of("job-1");
    let tooling = world.mint(&world.issuer.claims("job-1", &other.id));
    let mut crowd = JoinSet::new();
    for _ in 0..10 {
        world.asking(&mut crowd, &release, "/api/Spaces-1/release");
        world.asking(&mut crowd, &tooling, "/api/Spaces-1/tooling");
    }
    gate.wait_for(2).await;

    gate.open();

    assert!(crowd.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(world.octopus.exchanges(), 2);
    for request in world.octopus.api_requests() {
        let account = request.target.replace("/api/Spaces-1/", "") + "-bot";
        assert_eq!(request.credential, Some(account), "{}", request.target);
    }
    world.close().await;
}

#[tokio::test]
async fn the_next_job_of_an_identity_uses_the_same_access_token() {
    let world = World::start().await;

    for minute in 0..5 {
        let mut claims = world.claims();
        claims["run_id"] = json!(minute);
        world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;
        world.advance_seconds(60);
    }

    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!((world.obtained("miss").await, world.obtained("hit").await), (1, 4));
    assert_eq!(world.metric("octobroker_access_tokens_cached").await, Some(1.0));
    world.close().await;
}

#[tokio::test]
async fn another_subject_gets_a_token_of_its_own() {
    let (world, other) = with_two_accounts().await;

    for (count, subject) in ["job-1", "job-2", "job-1 ", "job-3", "JOB-1"].iter().enumerate() {
        let reply = world.get("/api/users/me").bearer(&world.job_of(subject)).send().await;
        let is_known = subject.starts_with("job-");
        assert_eq!(
            (reply.status == 200, world.octopus.exchanges()),
            (is_known, (count + 1).min(4))
        );
    }
    let tooling = world.mint(&world.issuer.claims("job-1", &other.id));
    world.get("/api/users/me").bearer(&tooling).ok().await;
    assert_eq!(world.octopus.exchanges(), 5);
    world.close().await;
}

#[tokio::test]
async fn another_issuer_or_audience_gets_a_token_of_its_own() {
    let mut world = World::without_broker().await;
    let second = Issuer::start(emulator::Clock::fixed(NOW)).await;
    world.octopus.trust_issuer(&second);
    world.octopus.add_identity(&world.account, &second.url(), "*", None);
    world.octopus.add_identity(&world.account, &world.issuer.url(), "*", Some("custom"));
    let mut settings = crate::world::Settings::of(&world);
    settings.issuers.extend([format!(
        "\nci-2: {{ provider: custom, url: '{}', algorithms: [RS256] }}",
        second.url()
    )]);
    let id = world.account.id.clone();
    settings.service_accounts.extend([format!("\ncustom-bot: {{ id: {id}, audience: custom }}")]);
    settings.rules = [
        "ci, service_account: release-bot",
        "ci-2, service_account: release-bot",
        "ci, service_account: custom-bot",
    ]
    .iter()
    .enumerate()
    .map(|(number, rule)| {
        format!("{{ name: rule-{number}, issuer: {rule}, claims: {{ sub: job }} }}")
    })
    .collect::<Vec<_>>()
    .join("\n");
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let jobs = [
        world.issuer.mint(&world.issuer.claims("job", &id)),
        second.mint(&second.claims("job", &id)),
        world.issuer.mint(&world.issuer.claims("job", "custom")),
    ]
    .map(|job| world.keep_secret(job));

    for round in 0..2 {
        for (number, job) in jobs.iter().enumerate() {
            world.get("/api/users/me").bearer(job).ok().await;
            assert_eq!(world.octopus.exchanges(), if round == 0 { number + 1 } else { 3 });
        }
    }
    world.close().await;
}

#[tokio::test]
async fn an_access_token_is_renewed_while_the_old_one_serves() {
    let world = World::start().await;
    world.works().await;
    world.advance_seconds(3_600 - 60);
    let gate = world.octopus.hold_exchanges();

    for _ in 0..20 {
        world.works().await;
    }
    gate.wait_for(1).await;
    assert_eq!(world.octopus.exchanges(), 2, "one renews, nobody waits");
    gate.open();
    world.until_exchanged(2).await;

    world.octopus.forget_requests();
    world.works().await;
    let tokens = world.octopus.issued_access_tokens();
    let request = world.one_request();
    assert_eq!(request.header("authorization").unwrap(), format!("Bearer {}", tokens[1]));
    assert_eq!((world.obtained("renewed").await, world.obtained("hit").await), (1, 20));
    world.advance_seconds(60);
    world.works().await;
    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_token_in_use() {
    let world = World::start().await;
    world.works().await;
    let identities = |there| {
        if there {
            world.octopus.add_identity(&world.account, &world.issuer.url(), "*", None);
        } else {
            world.octopus.remove_identities(&world.account);
        }
    };
    identities(false);
    world.advance_seconds(3_600 - 60);

    world.works().await;
    world.until("the renewal has failed", async || world.exchanged("refused").await == 1).await;
    world.works().await;
    assert_eq!(world.octopus.exchanges(), 2, "a failure is remembered");
    world.advance_seconds(54);
    world.works().await;
    world.until("so has the next", async || world.exchanged("refused").await == 2).await;
    world.advance_seconds(2);
    world.fails(403, "exchange_refused").await;

    identities(true);
    world.advance_seconds(10);
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn a_short_life_is_used_to_three_quarters() {
    for (life, used_until) in [(8, 5), (20, 14), (100, 94)] {
        let world = World::start().await;
        world.octopus.set(|knobs| knobs.expires_in = ExpiresIn::Seconds(life));
        world.works().await;
        let gate = world.octopus.hold_exchanges();

        world.advance_seconds(used_until);
        world.works().await;
        gate.wait_for(1).await;
        world.advance_seconds(1);
        let mut crowd = JoinSet::new();
        world.asking(&mut crowd, &world.job(), "/api/users/me");
        gate.open();
        assert_eq!(crowd.join_all().await, [200], "{life}");
        assert_eq!(world.octopus.exchanges(), 2, "{life}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_job_whose_id_token_has_expired_gets_nothing() {
    let world = World::start().await;
    let job = world.job();
    world.get("/api/users/me").bearer(&job).ok().await;

    world.advance_seconds(300 + 29);
    world.get("/api/users/me").bearer(&job).ok().await;
    world.advance_seconds(1);
    world.get("/api/users/me").bearer(&job).refused(401, "token_expired").await;

    world.works().await;
    assert_eq!(world.octopus.exchanges(), 1, "the access token itself lives on");
    world.close().await;
}

#[tokio::test]
async fn a_wall_clock_that_jumps_ahead_ends_access_tokens() {
    let world = World::start().await;
    world.works().await;

    world.set_wall(NOW + 3_600);
    let mut claims = world.claims();
    for (claim, time) in [("iat", NOW + 3_600), ("nbf", NOW), ("exp", NOW + 3_900)] {
        claims[claim] = json!(time);
    }
    world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;

    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_prolongs_nothing() {
    let world = World::start().await;
    world.works().await;

    world.advance_seconds(3_600);
    world.set_wall(NOW);
    // Good by the broker's clock and by Octopus's, which is right.
    let mut claims = world.claims();
    for (claim, time) in [("iat", NOW + 10), ("nbf", NOW + 10), ("exp", NOW + 3_610)] {
        claims[claim] = json!(time);
    }
    world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;

    assert_eq!(world.octopus.exchanges(), 2, "its hour is over on the monotonic clock");
    world.close().await;
}
