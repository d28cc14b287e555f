//! The exchange of an ID token for an access token, with an Octopus that is well.

use std::time::Duration;

use aws_lc_rs::digest;
use emulator::{ErrorStyle, ExpiresIn, Fault, RawAnswer, TokenEndpoint};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{Act, NOW, Puppet, Reply, World};

const DISCOVERY: &str = "/.well-known/openid-configuration";

impl World {
    /// A request of the job, with a token that was minted for it.
    pub(crate) async fn asked(&self) -> Reply {
        self.get("/api/users/me").bearer(&self.job()).send().await
    }

    /// Demands that a request of the job is served.
    pub(crate) async fn works(&self) {
        self.get("/api/users/me").bearer(&self.job()).ok().await;
    }

    /// Demands that a request of the job is refused so.
    pub(crate) async fn fails(&self, status: u16, code: &str) -> Reply {
        self.get("/api/users/me").bearer(&self.job()).refused(status, code).await
    }

    pub(crate) fn advance_seconds(&self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    fn discoveries(&self) -> usize {
        self.octopus.requests().iter().filter(|request| request.path().ends_with(DISCOVERY)).count()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[tokio::test]
async fn the_exchange_asks_with_four_fields_and_no_credential() {
    let world = World::start().await;
    let job = world.job();

    world.get("/api/users/me").bearer(&job).ok().await;

    let requests = world.octopus.requests();
    let targets: Vec<_> = requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, [DISCOVERY, "/token/v1", "/api/users/me"]);
    let exchange = &requests[1];
    let fields = format!(
        "{{\"grant_type\":\"urn:ietf:params:oauth:grant-type:token-exchange\",\"audience\":\"{}\",\
         \"subject_token\":\"{job}\",\
         \"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\"}}",
        world.account.id
    );
    let hash = digest::digest(&digest::SHA256, fields.as_bytes());
    assert_eq!(exchange.body_sha256, hex(hash.as_ref()));
    assert_eq!(exchange.header_values("content-type"), ["application/json"]);
    let mut names: Vec<_> = exchange.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host", "user-agent"]);
    world.close().await;
}

#[tokio::test]
async fn a_refusal_is_told_to_the_operator_in_octopuss_words_and_not_to_the_caller() {
    for style in [ErrorStyle::Rfc, ErrorStyle::Octopus] {
        let world = World::start().await;
        world.octopus.remove_identities(&world.account);
        world.octopus.set(|knobs| knobs.error_style = style);

        let reply = world.fails(403, "exchange_refused").await;

        assert!(!reply.text().contains("matching identity"), "{}", reply.text());
        let line = world.audited(1).await;
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains("Could not find matching identity"), "{detail}");
        assert_eq!((&line["code"], &line["cache"]), (&json!("exchange_refused"), &json!("miss")));
        world.close().await;
    }
}

#[tokio::test]
async fn what_a_token_at_its_end_is_answered_is_not_held_against_the_next() {
    let world = World::start().await;
    let mut claims = world.claims();
    (claims["iat"], claims["exp"]) = (json!(NOW - 200), json!(NOW - 10));
    claims.as_object_mut().unwrap().remove("nbf");

    // Within the leeway of clocks, but Octopus refuses it: once, for it is the same token each time.
    let late = world.mint(&claims);
    for _ in 0..5 {
        world.get("/api/users/me").bearer(&late).refused(403, "exchange_refused").await;
    }
    assert_eq!(world.octopus.exchanges(), 1);

    world.works().await;
    world.close().await;
}

#[tokio::test]
async fn what_is_said_to_a_token_at_its_end_is_not_said_to_one_that_waits_for_it() {
    let world = World::start().await;
    let gate = world.octopus.hold_exchanges();
    let mut claims = world.claims();
    (claims["iat"], claims["exp"]) = (json!(NOW - 200), json!(NOW - 10));
    claims.as_object_mut().unwrap().remove("nbf");
    let mut crowd = JoinSet::new();
    world.asking(&mut crowd, &world.mint(&claims), "/api/users/me");
    gate.wait_for(1).await;
    world.asking(&mut crowd, &world.job(), "/api/users/me");
    world
        .until("both wait for it", async || {
            world.metric("octobroker_requests_in_flight").await == Some(2.0)
        })
        .await;

    gate.open();

    let mut statuses = crowd.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses, world.octopus.exchanges()), (vec![200, 403], 2));
    world.close().await;
}

#[tokio::test]
async fn a_hostile_refusal_does_no_harm() {
    let world = World::start().await;
    let job = world.job();
    let statuses = [400, 401, 403];
    for (number, status) in statuses.into_iter().enumerate() {
        let text =
            format!("got {job}, {job}! \r\n{{\"forged\":1}}\u{1b}[31m {}", "x".repeat(10_000));
        let body = json!({ "error": "invalid_request", "error_description": text });
        world.octopus.set(|knobs| knobs.exchange_answer = Some(RawAnswer::json(status, &body)));

        let reply = world.get("/api/users/me").bearer(&job).refused(403, "exchange_refused").await;

        assert!(!reply.text().contains("forged"), "{}", reply.text());
        let line = world.audited(number + 1).await;
        assert!(line["detail"].as_str().unwrap().chars().count() < 600, "{line}");
        world.advance_seconds(11);
    }
    assert_eq!(world.log().lines().filter(|line| line.contains('\u{1b}')).count(), 0);
    world.close().await;
}

#[tokio::test]
async fn an_access_token_lives_as_long_as_octopus_says_within_bounds() {
    let raw = ExpiresIn::Raw;
    for (expires_in, seconds) in [
        (ExpiresIn::Seconds(3_600), 3_600),
        (ExpiresIn::Seconds(600), 600),
        (ExpiresIn::Text("300".to_owned()), 300),
        (ExpiresIn::Seconds(315_360_000), 3_600),
        (raw(json!(9_223_372_036_854_775_808_u64)), 3_600),
        (raw(json!(300.9)), 300),
        (ExpiresIn::Missing, 60),
        (raw(Value::Null), 60),
        (raw(json!(-1)), 60),
        (raw(json!("soon")), 60),
        (raw(json!("")), 60),
        (raw(json!([300])), 60),
        (raw(json!({})), 60),
        (raw(json!(true)), 60),
    ] {
        let world = World::start().await;
        world.octopus.set(|knobs| knobs.expires_in = expires_in.clone());
        world.works().await;

        // Up to the window in which it is renewed nobody asks again, after its end somebody does.
        let window = 120.min(seconds / 2);
        world.advance_seconds(seconds - window - 1);
        world.works().await;
        assert_eq!(world.octopus.exchanges(), 1, "{expires_in:?}");
        world.advance_seconds(window + 1);
        world.works().await;
        assert_eq!(world.octopus.exchanges(), 2, "{expires_in:?}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_life_that_no_number_holds_is_bounded_and_no_reason_to_refuse() {
    for (expires_in, seconds) in [("1e400", 3_600), ("-1e400", 60), ("1e-400", 0), ("-0.0", 0)] {
        let world = World::start().await;
        let token = format!("{{\"access_token\":\"none\",\"expires_in\":{expires_in}}}");
        let answer = RawAnswer::text(200, "application/json", token);
        world.octopus.set(|knobs| knobs.exchange_answer = Some(answer));

        // Octopus accepts no such token; that it was sent shows that the exchange was good.
        assert_eq!(world.asked().await.header("octobroker-error"), None, "{expires_in}");
        let exchanges = world.octopus.exchanges();
        world.advance_seconds(seconds + 31);
        world.asked().await;
        assert!(world.octopus.exchanges() > exchanges, "{expires_in}");
        world.octopus.take_complaints();
        world.close().await;
    }
}

#[tokio::test]
async fn an_access_token_without_life_serves_its_own_request_only() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.expires_in = ExpiresIn::Raw(json!(0)));

    for count in 1..=3 {
        world.works().await;
        assert_eq!(world.octopus.exchanges(), count);
    }
    world.close().await;
}

#[tokio::test]
async fn the_token_endpoint_is_the_published_path_on_the_configured_server() {
    let world = World::start().await;
    let foreign = "https://octopus.internal:8443".to_owned();
    world.octopus.set(|knobs| knobs.token_endpoint = TokenEndpoint::Host(foreign));

    world.works().await;

    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_published_token_endpoint_is_asked_if_the_operator_says_so() {
    let elsewhere = Puppet::start(|_| Act::say_and_close("HTTP/1.1 500 X\r\n\r\n")).await;
    let world = World::start_with(|settings| {
        settings.octopus.push_str("\ntoken_endpoint: published");
    })
    .await;

    let url = format!("{}/elsewhere/token", elsewhere.url());
    world.octopus.set(|knobs| knobs.token_endpoint = TokenEndpoint::Other(url));
    world.fails(503, "exchange_unavailable").await;
    assert!(elsewhere.heard()[0].text.starts_with("POST /elsewhere/token HTTP/1.1\r\n"));
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_published_token_endpoint_in_the_clear_gets_no_token() {
    let world = World::start_with(|settings| {
        settings.octopus.push_str("\ntoken_endpoint: published");
    })
    .await;
    for url in ["http://octopus.test/token/v1", "ftp://127.0.0.1/token", "/token/v1", "nonsense"] {
        world.octopus.set(|knobs| knobs.token_endpoint = TokenEndpoint::Other(url.to_owned()));

        world.fails(502, "exchange_failed").await;

        world.advance_seconds(31);
    }
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_written_token_endpoint_needs_no_discovery() {
    let world = World::start_with(|settings| {
        let endpoint = settings.octopus.replace("url:", "token_endpoint:");
        settings.octopus.extend([format!("\n{endpoint}/token/v1?x=1")]);
    })
    .await;

    world.works().await;

    assert_eq!(world.discoveries(), 0);
    let targets = world.octopus.requests().into_iter().map(|request| request.target);
    assert_eq!(targets.collect::<Vec<_>>(), ["/token/v1?x=1", "/api/users/me"]);
    world.close().await;
}

#[tokio::test]
async fn an_endpoint_that_has_moved_is_looked_for_once() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.expires_in = ExpiresIn::Seconds(60));
    world.works().await;
    assert_eq!((world.discoveries(), world.octopus.exchanges()), (1, 1));

    for status in [404, 405] {
        world.advance_seconds(60);
        world.octopus.fail_once("/token/v1", Fault::Status(status));
        world.works().await;
    }
    assert_eq!((world.discoveries(), world.octopus.exchanges()), (3, 5));

    world.octopus.set(|knobs| knobs.exchange_answer = Some(RawAnswer::status(404)));
    world.advance_seconds(60);
    world.fails(502, "exchange_failed").await;
    assert_eq!((world.discoveries(), world.octopus.exchanges()), (4, 7));
    let line = world.audited(4).await;
    assert!(line["detail"].as_str().unwrap().contains("before 2023.4"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn the_endpoint_is_looked_for_again_after_hours() {
    let world = World::start().await;

    for (hours, discoveries) in [(0, 1), (2, 1), (3, 1), (2, 2)] {
        world.advance_seconds(hours * 3_600);
        world.works().await;
        assert_eq!(world.discoveries(), discoveries);
    }
    world.close().await;
}
