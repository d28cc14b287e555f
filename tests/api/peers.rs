//! What one address may cost the others: refused credentials and connections.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::forge::claims_with;
use crate::world::{Reply, Wire, World};

/// On a listener that other machines reach.
async fn open_to_all(limits: &str) -> World {
    World::start_with(|settings| {
        settings.listeners = String::from("{ bind: 0.0.0.0:0, plaintext: true }");
        settings.more = format!("limits: {{ {limits} }}");
    })
    .await
}

impl World {
    /// A token of the default job that is no other.
    fn job_number(&self, number: u32) -> String {
        self.mint(&claims_with(self, "jti", json!(format!("job-{number}"))))
    }

    /// A token under the signature of another.
    fn forged(&self) -> String {
        let (one, other) = (self.job_number(1_001), self.job_number(1_002));
        let (input, _) = one.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        format!("{input}.{signature}")
    }

    /// A request with a token from one of this machine's addresses.
    async fn asked_from(&self, source: &str, token: &str) -> Reply {
        let mut wire = self.wire_from(source).await;
        wire.write(format!(
            "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        ))
        .await;
        wire.answer().await
    }

    async fn wire_from(&self, source: &str) -> Wire {
        let target = SocketAddr::from(([127, 0, 0, 1], self.address().port()));
        Wire::open_from(source.parse().unwrap(), target).await
    }
}

#[tokio::test]
async fn a_peer_whose_credentials_fail_too_often_has_to_wait_and_nobody_else() {
    let world = open_to_all("failed_authentications: 1, failed_authentications_burst: 3").await;
    let (known, unknown, forged) = (world.job_number(1), world.job_number(2), world.forged());
    let code =
        |reply: &Reply| (reply.status, reply.header("octobroker-error").unwrap_or("ok").to_owned());
    assert_eq!(world.asked_from("127.0.0.1", &known).await.status, 200);

    for token in [&*forged, "API-NOBODYKNOWSTHISONE", "no.token"] {
        assert_eq!(world.asked_from("127.0.0.1", token).await.status, 401, "{token}");
    }
    for token in [&*forged, "API-NOBODYKNOWSTHISONE", "no.token", &unknown] {
        let reply = world.asked_from("127.0.0.1", token).await;
        assert_eq!(code(&reply), (429, "rate_limited".to_owned()), "{token}");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.json()["code"], "rate_limited");
    }

    assert_eq!(world.asked_from("127.0.0.1", &known).await.status, 200, "a known token passes");
    assert_eq!(world.asked_from("127.0.0.2", &forged).await.status, 401);
    assert_eq!(world.asked_from("127.0.0.2", &unknown).await.status, 200);
    let verified =
        "octobroker_token_verifications_total{issuer=\"ci\",outcome=\"signature_invalid\"}";
    assert_eq!(world.count(verified).await, Some(2), "a forgery too many is not even looked at");
    world.advance(Duration::from_secs(1));
    assert_eq!(world.asked_from("127.0.0.1", &forged).await.status, 401);
    assert_eq!(world.asked_from("127.0.0.1", &forged).await.status, 429);
    world.close().await;
}

#[tokio::test]
async fn who_shows_no_credential_or_is_not_allowed_has_not_failed() {
    let world = open_to_all("failed_authentications: 1, failed_authentications_burst: 1").await;
    let job = world.job();
    let stranger = world.mint(&world.issuer.claims("repo:acme/other", &world.account.id));

    for _ in 0..5 {
        assert_eq!(world.asked_from("127.0.0.1", "").await.status, 401);
        assert_eq!(world.asked_from("127.0.0.1", &stranger).await.status, 403);
    }

    assert_eq!(world.asked_from("127.0.0.1", &job).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn the_processes_of_one_machine_do_not_lock_each_other_out() {
    let world = World::start_with(|settings| {
        let limits = "failed_authentications: 1, failed_authentications_burst: 1";
        settings.more = format!("limits: {{ {limits}, peer_connections: 1 }}");
    })
    .await;
    let forged = world.forged();
    let open = [world.wire().await, world.wire().await];

    for _ in 0..20 {
        assert_eq!(world.asked_from("127.0.0.1", &forged).await.status, 401);
    }
    drop(open);
    world.close().await;
}

#[tokio::test]
async fn a_peer_has_its_connections_and_no_more() {
    let world = open_to_all("peer_connections: 2").await;
    let request = "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut wire = world.wire_from("127.0.0.1").await;
        wire.write(request).await;
        assert_eq!(wire.answer().await.status, 200);
        kept.push(wire);
    }

    let mut beyond = world.wire_from("127.0.0.1").await;
    let reply = beyond.answer().await;
    assert_eq!((reply.status, reply.header("octobroker-error")), (503, Some("overloaded")));
    assert!(beyond.closes().await);
    let mut other = world.wire_from("127.0.0.2").await;
    other.write(request).await;
    assert_eq!(other.answer().await.status, 200);
    kept.clear();
    world
        .until("the places are free", async || {
            let mut wire = world.wire_from("127.0.0.1").await;
            wire.try_write(request).await.is_ok() && wire.starts_with("HTTP/1.1 200").await
        })
        .await;
    world.close().await;
}

#[tokio::test]
async fn logins_that_never_come_keep_no_places_of_others() {
    let world = open_to_all("concurrent_requests: 8, head_timeout: 5m").await;
    let begin = "POST /token/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    let mut kept = Vec::new();
    for in_flight in 1..=2 {
        let mut wire = world.wire_from("127.0.0.1").await;
        wire.write(begin).await;
        world
            .until("it is waited for", async || {
                world.metric("octobroker_requests_in_flight").await == Some(f64::from(in_flight))
            })
            .await;
        kept.push(wire);
    }

    let mut third = world.wire_from("127.0.0.1").await;
    third.write(begin).await;
    let reply = third.answer().await;

    assert_eq!((reply.status, reply.header("octobroker-error")), (429, Some("rate_limited")));
    assert!(reply.header("retry-after").is_some());
    assert!(reply.text().contains("Too many logins from this address have begun"));
    let mut other = world.wire_from("127.0.0.2").await;
    other.write(begin.to_owned() + "not json!").await;
    assert_eq!(other.answer().await.header("octobroker-error"), Some("bad_request"));
    assert_eq!(world.asked_from("127.0.0.1", &world.job_number(1)).await.status, 200);
    drop(kept);
    world.close().await;
}
