//! All servers fail at once, in turns and in every mixture, while callers of all kinds go on asking:
//! every answer is one that is documented, and nothing is left behind.

use std::time::Duration;

use emulator::{ErrorStyle, Fault, IssuerEndpoint};
use futures_util::future::join_all;

use crate::world::{Reply, Settings, World};

/// A sequence that is the same in every run (a linear congruential generator of Knuth's).
struct Dice(u64);

impl Dice {
    fn throw<'a, T>(&mut self, sides: &'a [T]) -> &'a T {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = usize::try_from(self.0 >> 33).unwrap();
        &sides[number % sides.len()]
    }
}

/// What a broker may say while the servers around it are not well.
const SAID: [(u16, &str); 7] = [
    (502, "exchange_failed"),
    (502, "upstream_unreachable"),
    (502, "upstream_invalid"),
    (503, "keys_unavailable"),
    (503, "exchange_unavailable"),
    (504, "upstream_timeout"),
    (401, "key_unknown"),
];

fn sicknesses() -> Vec<Option<Fault>> {
    vec![
        None,
        None,
        None,
        Some(Fault::Refuse),
        Some(Fault::Reset),
        Some(Fault::Garbage),
        Some(Fault::Truncate),
        Some(Fault::Status(500)),
        Some(Fault::Html(503)),
        Some(Fault::Status(429)),
        Some(Fault::Stall),
        Some(Fault::Drip { bytes: 40, pause: Duration::from_millis(20) }),
    ]
}

impl World {
    fn falls_sick(&self, dice: &mut Dice) {
        let all = sicknesses();
        let connect = [None, None, None, None, Some(Fault::Refuse), Some(Fault::Reset)];
        let limited = ErrorStyle::RateLimited { retry_after: Some(1) };
        let style = [ErrorStyle::Rfc, ErrorStyle::Rfc, ErrorStyle::Html503, limited];
        self.octopus.set(|knobs| {
            knobs.exchange_fault.clone_from(dice.throw(&all));
            knobs.discovery_fault.clone_from(dice.throw(&all));
            knobs.api_fault.clone_from(dice.throw(&all));
            knobs.connect_fault.clone_from(dice.throw(&connect));
            knobs.error_style.clone_from(dice.throw(&style));
        });
        if *dice.throw(&[false, false, true]) {
            self.octopus.revoke_access_tokens();
        }
        for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
            self.issuer.set_fault(endpoint, dice.throw(&all).clone());
        }
    }

    fn recovers(&self) {
        self.octopus.set(|knobs| *knobs = emulator::octopus::Knobs::default());
        for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
            self.issuer.set_fault(endpoint, None);
        }
    }

    /// Requests, uploads and logins at the same time.
    async fn crowd(&self, stand_in: &str) -> Vec<Reply> {
        let job = self.job();
        let reads = (0..4).map(|_| self.get("/api/users/me").bearer(&job).send());
        let uploads = (0..2).map(|_| {
            let call = self.call("POST", "/api/Spaces-1/packages/raw").bearer(&job);
            call.body(vec![b'x'; 100_000]).send()
        });
        let keys = (0..2).map(|_| {
            self.get("/api/Spaces-1/channels").header("x-octopus-apikey", stand_in).send()
        });
        let (reads, uploads, keys) =
            tokio::join!(join_all(reads), join_all(uploads), join_all(keys));
        reads.into_iter().chain(uploads).chain(keys).collect()
    }
}

/// What is given up after `timeout`.
fn bounded(settings: &mut Settings, timeout: &str) {
    settings.octopus.extend([format!("\nidle_timeout: {timeout}\nconnect_timeout: {timeout}")]);
    settings.more = format!(
        "limits: {{ exchange_timeout: {timeout}, rate_limit_wait: 0s }}\nlog: {{ level: error }}"
    );
}

#[tokio::test]
async fn whatever_fails_around_it_the_broker_says_what_and_is_well_when_they_are() {
    let world = World::start_with(|settings| bounded(settings, "5s")).await;
    let stand_in = world.stand_in().await;
    let mut dice = Dice(20_260_501);
    let mut count = 1;

    for round in 0..25 {
        // Most storms pass quickly. The last have the bounds within which all has to be well again.
        match round {
            0 => world.reload_with(|settings| bounded(settings, "300ms")).await,
            22 => world.reload_with(|settings| bounded(settings, "5s")).await,
            _ => {}
        }
        world.falls_sick(&mut dice);
        for reply in world.crowd(&stand_in).await {
            count += 1;
            match reply.header("octobroker-error") {
                Some("stand_in_unknown") => assert_eq!(reply.status, 401),
                Some(code) => assert!(SAID.contains(&(reply.status, code)), "{reply:?}"),
                None => {
                    assert!(matches!(reply.status, 200 | 201 | 401 | 429 | 500 | 503), "{reply:?}");
                }
            }
        }
        world.advance_seconds(*dice.throw(&[1, 5, 31, 600, 3_000]));
    }

    world.recovers();
    // The longest pause that any of them is given.
    world.advance_seconds(60);
    world.octopus.revoke_access_tokens();
    world.works().await;
    let in_flight = "octobroker_requests_in_flight";
    world.until("nobody waits", async || world.count(in_flight).await == Some(0)).await;
    world.audited(count + 1).await;
    assert_eq!(world.count("octobroker_panics_total").await, Some(0));
    world.close().await;
}
