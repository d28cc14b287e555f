//! Each of the servers that the broker speaks to fails in every way: it is told as that server's
//! fault, nobody waits without end, and all is well again when the server is.

use std::time::{Duration, Instant};

use emulator::octopus::Octopus;
use emulator::{Clock, Fault, Issuer, IssuerEndpoint, SigningKey};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use crate::world::{NOW, Settings, World, send};

impl World {
    /// Octopus goes, and with it every connection.
    async fn octopus_goes(&mut self) -> std::net::SocketAddr {
        let address = self.octopus.address();
        let clock = Clock::fixed(NOW);
        let other = Octopus::start(clock).await;
        std::mem::replace(&mut self.octopus, other).stop().await;
        address
    }

    /// Octopus is there again, with the same accounts and none of the access tokens that it gave.
    async fn octopus_comes(&mut self, address: std::net::SocketAddr) {
        self.octopus = Octopus::builder(Clock::fixed(NOW)).at(address).start().await;
        self.octopus.trust_issuer(&self.issuer);
        let account = self.octopus.add_service_account("release-bot");
        assert_eq!(account, self.account, "the same to everybody who knew it");
        self.octopus.add_identity(&account, &self.issuer.url(), "*", None);
    }

    /// The issuer goes and comes back at its address, perhaps with other keys.
    async fn issuer_restarts(&mut self, keys: Option<Vec<SigningKey>>) {
        let (address, job) = (self.issuer.address(), self.job());
        let other = Issuer::start(Clock::fixed(NOW)).await;
        std::mem::replace(&mut self.issuer, other).stop().await;
        // The keys that are known serve on.
        self.get("/api/users/me").bearer(&job).ok().await;
        self.issuer = Issuer::start_at(Clock::fixed(NOW), address).await;
        if let Some(keys) = keys {
            self.issuer.set_keys(keys);
        }
        self.octopus.trust_issuer(&self.issuer);
    }
}

/// Faults that end, or would never end, an answer of a server.
fn faults() -> Vec<Fault> {
    vec![
        Fault::Refuse,
        Fault::Reset,
        Fault::Garbage,
        Fault::Truncate,
        Fault::Stall,
        Fault::Hang,
        Fault::Status(500),
        Fault::Html(503),
        Fault::Drip { bytes: 1, pause: Duration::from_secs(4) },
    ]
}

/// Whether an answer under this fault ends only when somebody gives it up.
fn has_no_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Stall | Fault::Hang | Fault::Drip { .. })
}

#[tokio::test]
async fn an_octopus_that_restarts_has_forgotten_every_token_and_nobody_notices() {
    let mut world = World::start().await;
    let stand_in = world.stand_in().await;
    world.works().await;

    let address = world.octopus_goes().await;
    world.fails(502, "upstream_unreachable").await;
    world.octopus_comes(address).await;

    world.works().await;
    world.get("/api/users/me").header("x-octopus-apikey", &stand_in).ok().await;
    assert_eq!(world.octopus.exchanges(), 1);
    let statuses: Vec<u16> =
        world.octopus.api_requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [401, 200, 200]);
    world.close().await;
}

#[tokio::test]
async fn requests_in_the_middle_of_a_restart_are_told_and_the_next_are_served() {
    let mut world = World::start().await;
    world.works().await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/projects");
    let under_way: Vec<_> = (0..20)
        .map(|number| {
            let method = if number % 2 == 0 { "GET" } else { "POST" };
            let request = http::Request::builder().method(method).uri("/api/Spaces-1/projects");
            let request = request.header("host", "localhost");
            let request = request.header("authorization", format!("Bearer {}", world.job()));
            let body = if number % 2 == 0 { "" } else { "{}" };
            tokio::spawn(send(world.address(), request.body(body.into()).unwrap()))
        })
        .collect();
    gate.wait_for(20).await;

    let address = world.octopus_goes().await;

    for reply in under_way {
        let reply = reply.await.unwrap();
        let code = reply.header("octobroker-error").unwrap_or_default();
        assert_eq!(reply.status, 502, "{reply:?}");
        assert!(["upstream_invalid", "upstream_unreachable"].contains(&code), "{reply:?}");
    }
    world.octopus_comes(address).await;
    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn an_octopus_that_signs_with_another_key_is_none_of_our_business() {
    let world = World::start().await;
    world.works().await;

    world.octopus.rotate_signing_key();
    world.works().await;
    world.octopus.revoke_access_tokens();
    world.works().await;

    assert_eq!(world.octopus.exchanges(), 2);
    world.close().await;
}

#[tokio::test]
async fn an_issuer_that_restarts_is_not_missed_and_one_with_other_keys_is_believed_at_once() {
    let mut world = World::start().await;
    world.works().await;
    let before = world.job();

    world.issuer_restarts(None).await;
    world.works().await;
    world.get("/api/users/me").bearer(&before).ok().await;

    let other = SigningKey::generate(emulator::Algorithm::Rs256, "ci-2");
    world.issuer_restarts(Some(vec![other])).await;
    world.advance_seconds(10);
    world.works().await;
    world.get("/api/users/me").bearer(&before).refused(401, "key_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn an_issuer_that_is_sick_from_the_start_is_given_up_in_time_and_believed_when_it_is_well() {
    let cases = [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks]
        .into_iter()
        .flat_map(|endpoint| faults().into_iter().map(move |fault| (endpoint, fault)));
    let checks = cases.map(|(endpoint, fault)| async move {
        let mut world = World::without_broker().await;
        world.issuer.set_fault(endpoint, Some(fault.clone()));
        let settings = Settings::of(&world).to_yaml();
        world.serve(&settings).await;
        let start = Instant::now();

        let reply = world.asked().await;

        let code = reply.header("octobroker-error");
        let what = format!("{endpoint:?} {fault:?}: {reply:?}");
        assert_eq!((reply.status, code), (503, Some("keys_unavailable")), "{what}");
        assert!(reply.headers.contains_key("retry-after"), "{what}");
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        world.until_ready().await;
        world.issuer.set_fault(endpoint, None);
        world.advance_seconds(30);
        world.works().await;
        world.close().await;
    });
    join_all(checks).await;
}

#[tokio::test]
async fn an_exchange_that_fails_on_its_way_costs_one_request_and_a_moment() {
    let cases = ["/token/v1", "/.well-known/openid-configuration"]
        .into_iter()
        .flat_map(|path| faults().into_iter().map(move |fault| (path, fault)));
    let checks = cases.map(|(path, fault)| async move {
        // What does end has all the time that it needs.
        let timeout = if has_no_end(&fault) { "5s" } else { "5m" };
        let world = World::start_with(|settings| {
            settings.more = format!("limits: {{ exchange_timeout: {timeout} }}");
        })
        .await;
        world.octopus.fail_once(path, fault.clone());
        let crowd = (0..10).map(|_| world.asked());

        let replies = join_all(crowd).await;

        for reply in replies {
            let code = reply.header("octobroker-error").unwrap_or_default();
            assert!(
                matches!(
                    (reply.status, code),
                    (503, "exchange_unavailable") | (502, "exchange_failed")
                ),
                "{path} {fault:?}: {reply:?}"
            );
        }
        assert!(world.octopus.exchanges() <= 1, "{path} {fault:?}");
        assert!(world.octopus.knobs().faults_once.is_empty(), "{path} {fault:?} hit nobody");
        world.advance_seconds(1);
        world.works().await;
        world.close().await;
    });
    // Few at once, so that nothing but the fault takes as long as the timeout.
    stream::iter(checks).buffer_unordered(6).collect::<()>().await;
}

#[tokio::test]
async fn an_octopus_that_fails_under_a_request_costs_that_request_and_no_other() {
    // Less than the pause of what drips; what is well has to come within it.
    let quick = |settings: &mut Settings| {
        settings.octopus.push_str("\nidle_timeout: 3s\nconnect_timeout: 3s");
    };
    let checks = faults().into_iter().map(|fault| async move {
        let world = World::start_with(quick).await;
        world.works().await;
        let passed = matches!(fault, Fault::Status(_) | Fault::Html(_));
        for (method, body) in [("GET", ""), ("POST", "{}")] {
            world.octopus.fail_once("/api/Spaces-1", fault.clone());
            let call = world.call(method, "/api/Spaces-1/channels").bearer(&world.job());

            let reply = call.body(body).send().await;

            let is_ours = reply.headers.contains_key("octobroker-error");
            let what = format!("{method} {fault:?}: {reply:?}");
            if passed {
                assert!(reply.status >= 500 && !is_ours, "{what}");
            } else if reply.status == 200 || reply.status == 201 {
                // A read that was sent once more; or an answer that broke off in its middle.
                let is_repeated = method == "GET" && reply.is_complete;
                assert!(is_repeated || !reply.is_complete, "{what}");
            } else {
                assert!(matches!(reply.status, 502 | 504) && is_ours, "{what}");
            }
            world.works().await;
        }
        let in_flight = "octobroker_requests_in_flight";
        world.until("nobody waits", async || world.count(in_flight).await == Some(0)).await;
        world.close().await;
    });
    join_all(checks).await;
}
