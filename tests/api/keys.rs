//! The life of an issuer's keys: fetched once, rotated at first use, kept when the issuer is sick.

use std::time::Duration;

use emulator::{Algorithm, Clock, Fault, Issuer, IssuerEndpoint, RawAnswer, SigningKey};
use futures_util::future::join_all;

use crate::forge::{judged, refused};
use crate::world::{NOW, Settings, World, get};

const SECOND: Duration = Duration::from_secs(1);
const COOL_DOWN: Duration = Duration::from_secs(10);
const REFRESH: Duration = Duration::from_secs(15 * 60);

#[tokio::test]
async fn an_unknown_key_id_asks_the_issuer_once_and_then_at_most_every_ten_seconds() {
    let world = World::start().await;
    assert_eq!(fetches(&world), [1, 1]);

    for _ in 0..5 {
        refused(&world, "unknown", &unknown(&world), "key_unknown").await;
    }
    assert_eq!(fetches(&world), [2, 2], "at once, and no more");
    world.advance(COOL_DOWN.saturating_sub(SECOND));
    refused(&world, "cooling down", &unknown(&world), "key_unknown").await;
    assert_eq!(fetches(&world), [2, 2]);
    world.advance(SECOND);
    refused(&world, "cooled down", &unknown(&world), "key_unknown").await;

    assert_eq!(fetches(&world), [3, 3]);
    world.close().await;
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_costs_one_fetch_and_slows_nobody() {
    let world = World::start().await;
    let gate = world.issuer.hold(IssuerEndpoint::Jwks);
    let tokens: Vec<_> = (0..200).map(|_| unknown(&world)).collect();
    let flood = join_all(tokens.iter().map(|token| world.get("/api").bearer(token).send()));
    let good = async {
        gate.wait_for(1).await;
        for _ in 0..5 {
            world.get("/api/users/me").bearer(&world.job()).ok().await;
        }
        assert_eq!(gate.waiting(), 1, "one request for all of them");
        gate.open();
    };

    let (replies, ()) = tokio::join!(flood, good);

    for reply in replies {
        assert_eq!((reply.status, reply.header("octobroker-error")), (401, Some("key_unknown")));
    }
    assert_eq!(fetches(&world), [2, 2]);
    world.close().await;
}

#[tokio::test]
async fn nobody_waits_for_a_refresh_that_age_asks_for() {
    let world = World::start().await;
    let gate = world.issuer.hold(IssuerEndpoint::Jwks);
    world.advance(REFRESH.saturating_sub(SECOND));
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    assert_eq!(fetches(&world), [1, 1], "young enough");

    world.advance(SECOND);
    world.get("/api/users/me").bearer(&world.job()).ok().await;

    gate.wait_for(1).await;
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    gate.open();
    world.until("the set is new", async || refreshes(&world, "ok").await == Some(2.0)).await;
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    assert_eq!(fetches(&world), [2, 2]);
    world.close().await;
}

#[tokio::test]
async fn a_new_key_works_at_first_use_and_the_old_one_no_more() {
    let world = World::start().await;
    let of_old_key = world.job();
    world.get("/api/users/me").bearer(&of_old_key).ok().await;
    let old = world.issuer.key();
    let new = SigningKey::generate(Algorithm::Rs256, "ci-2");

    world.issuer.set_keys(vec![new.clone(), old.clone()]);
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.get("/api/users/me").bearer(&of_old_key).ok().await;
    assert_eq!(fetches(&world), [2, 2]);

    world.issuer.set_keys(vec![new]);
    world.advance(COOL_DOWN);
    let line = judged(&world, &unknown(&world)).await;
    assert_eq!(line["code"], "key_unknown");
    world.get("/api/users/me").bearer(&of_old_key).refused(401, "key_unknown").await;
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}

/// Jenkins makes a new pair under the same id.
#[tokio::test]
async fn a_new_key_of_the_same_id_works_at_once_and_another_after_a_while() {
    let world = World::start().await;
    let of_old_key = world.job();
    world.issuer.set_keys(vec![SigningKey::generate(Algorithm::Rs256, "ci-1")]);
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 2, "at the start, and once more");

    world.issuer.set_keys(vec![SigningKey::generate(Algorithm::Rs256, "ci-1")]);
    assert_eq!(judged(&world, &world.job()).await["code"], "signature_invalid", "not yet read");
    world.advance(COOL_DOWN);
    assert_eq!(judged(&world, &world.job()).await["code"], "ok");

    let line = judged(&world, &of_old_key).await;
    assert_ne!(line["code"], "ok", "{line}");
    world.close().await;
}

#[tokio::test]
async fn no_sickness_of_the_issuer_replaces_a_good_set() {
    let trap = Issuer::start(Clock::fixed(NOW)).await;
    let world = World::start().await;
    let elsewhere = format!("{}/.well-known/jwks", trap.url());
    let sick = sicknesses(elsewhere);
    let count = sick.len();
    for (fault, answer) in sick {
        let what = format!("{fault:?} {:.80?}", answer.as_ref().map(|answer| &answer.body));
        world.issuer.set_fault(IssuerEndpoint::Jwks, fault);
        world.issuer.set_answer(IssuerEndpoint::Jwks, answer);
        world.advance(COOL_DOWN);
        let line = judged(&world, &unknown(&world)).await;
        assert_eq!(
            (&line["status"], &line["code"]),
            (&503.into(), &"keys_unavailable".into()),
            "{what}"
        );
        let line = judged(&world, &world.job()).await;
        assert_eq!(line["code"], "ok", "{what}");
    }

    let failures = refreshes(&world, "failed").await;
    assert_eq!(failures, u32::try_from(count).ok().map(f64::from));
    assert_eq!(world.metric("octobroker_jwks_keys{issuer=\"ci\"}").await, Some(1.0));
    for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
        assert_eq!(trap.requests(endpoint), 0, "a redirect to another origin was followed");
    }
    world.issuer.set_answer(IssuerEndpoint::Jwks, None);
    world.advance(COOL_DOWN);
    assert_eq!(judged(&world, &unknown(&world)).await["code"], "key_unknown", "well again");
    world.close().await;
}

#[tokio::test]
async fn a_sick_issuer_is_not_asked_at_every_request() {
    let world = World::start().await;
    world.issuer.set_fault(IssuerEndpoint::Discovery, Some(Fault::Status(500)));
    world.advance(REFRESH);
    for _ in 0..20 {
        let failures = refreshes(&world, "failed").await;
        world.get("/api/users/me").bearer(&world.job()).ok().await;
        if failures == Some(0.0) {
            world
                .until("it was tried", async || refreshes(&world, "failed").await > failures)
                .await;
        }
    }
    assert_eq!(refreshes(&world, "failed").await, Some(1.0), "no time has passed");

    world.advance(SECOND);
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.until("it is tried again", async || refreshes(&world, "failed").await == Some(2.0)).await;
    world.close().await;
}

#[tokio::test]
async fn a_new_key_works_even_while_an_older_answer_is_on_its_way() {
    let world = World::start().await;
    let gate = world.issuer.hold(IssuerEndpoint::Jwks);
    let pause = Duration::from_millis(200);
    world.issuer.set_fault(IssuerEndpoint::Jwks, Some(Fault::Drip { bytes: 400, pause }));
    world.advance(REFRESH);
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    gate.wait_for(1).await;
    gate.let_through(1);
    world.until("the old set is being sent", async || gate.waiting() == 0).await;
    gate.open();

    world.issuer.set_keys(vec![SigningKey::generate(Algorithm::Rs256, "ci-2")]);

    world.get("/api/users/me").bearer(&world.job()).ok().await;
    assert_eq!(fetches(&world), [3, 3]);
    world.close().await;
}

#[tokio::test]
async fn the_last_good_set_serves_for_a_day() {
    let world = World::start().await;
    for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
        world.issuer.set_fault(endpoint, Some(Fault::Refuse));
    }
    for _ in 0..23 {
        world.advance(Duration::from_secs(3_600));
        world.get("/api/users/me").bearer(&world.job()).ok().await;
    }
    world.advance(Duration::from_secs(3_599));
    let job = world.job();
    world.get("/api/users/me").bearer(&job).ok().await;

    world.advance(SECOND);

    world.get("/api/users/me").bearer(&job).refused(503, "keys_unavailable").await;
    world.get("/api/users/me").bearer(&world.job()).refused(503, "keys_unavailable").await;
    for endpoint in [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks] {
        world.issuer.set_fault(endpoint, None);
    }
    world.advance(SECOND);
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}

#[tokio::test]
async fn two_hundred_callers_of_a_cold_start_cost_one_discovery_and_one_key_fetch() {
    let mut world = World::without_broker().await;
    let gate = world.issuer.hold(IssuerEndpoint::Discovery);
    let settings = Settings::of(&world).to_yaml();
    world.serve(&settings).await;
    assert_eq!(get(world.admin(), "/readyz").await.status, 503);
    let tokens: Vec<_> = (0..200).map(|_| world.job()).collect();
    let callers =
        join_all(tokens.iter().map(|token| world.get("/api/users/me").bearer(token).ok()));
    let opening = async {
        gate.wait_for(1).await;
        assert_eq!(world.octopus.exchanges(), 0);
        gate.open();
    };

    let (replies, ()) = tokio::join!(callers, opening);

    assert_eq!(replies.len(), 200);
    assert_eq!(fetches(&world), [1, 1]);
    assert_eq!(world.octopus.exchanges(), 1);
    world.until_ready().await;
    world.close().await;
}

/// What may come instead of a key set; `elsewhere` is a redirect's target.
fn sicknesses(elsewhere: String) -> Vec<(Option<Fault>, Option<RawAnswer>)> {
    let other = SigningKey::shared(Algorithm::Rs256).with_kid("ci-9").public_jwk();
    let text = |text: &str| Some(RawAnswer::text(200, "application/json", text));
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("{{\"keys\":[{other}],\"pad\":\"{}\"}}", "x".repeat(10 << 20));
    vec![
        (Some(Fault::Refuse), None),
        (Some(Fault::Reset), None),
        (Some(Fault::Garbage), None),
        (Some(Fault::Truncate), None),
        (Some(Fault::Status(404)), None),
        (Some(Fault::Status(500)), None),
        (Some(Fault::Html(200)), None),
        (Some(Fault::Html(503)), None),
        (Some(Fault::Redirect(elsewhere.clone(), 302)), None),
        (Some(Fault::Redirect(elsewhere, 307)), None),
        (Some(Fault::Redirect("http://169.254.169.254/".to_owned(), 301)), None),
        (Some(Fault::Redirect("file:///etc/passwd".to_owned(), 301)), None),
        (Some(Fault::Redirect("/.well-known/jwks".to_owned(), 302)), None),
        (None, text("")),
        (None, text("null")),
        (None, text("[]")),
        (None, text("{}")),
        (None, text("{\"keys\":{}}")),
        (None, text("{\"keys\":[]}")),
        (None, text("{\"keys\":[null,7,{}]}")),
        (None, text("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"ci-9\",\"k\":\"c2VjcmV0\"}]}")),
        (None, text(&format!("{{\"keys\":[{other}]"))),
        (None, text(&format!("{{\"keys\":[{other}]}}x"))),
        (None, text(&format!("[[{other}]]"))),
        (None, text(&deep)),
        (None, text(&huge)),
        (None, Some(RawAnswer::text(201, "application/json", format!("{{\"keys\":[{other}]}}")))),
    ]
}

/// How often the discovery document and the key set were fetched.
fn fetches(world: &World) -> [usize; 2] {
    [IssuerEndpoint::Discovery, IssuerEndpoint::Jwks].map(|of| world.issuer.requests(of))
}

/// A token of a key that the issuer does not publish.
fn unknown(world: &World) -> String {
    let key = SigningKey::shared(Algorithm::Rs256).with_kid("nobody");
    world.keep_secret(world.issuer.mint_with(&key, &world.claims()))
}

async fn refreshes(world: &World, outcome: &str) -> Option<f64> {
    let series = format!("octobroker_jwks_refreshes_total{{issuer=\"ci\",outcome=\"{outcome}\"}}");
    world.metric(&series).await
}
