//! What the server complains about.

use emulator::{Clock, Octopus};

use crate::World;
use crate::wire::Wire;

#[tokio::test]
async fn a_request_with_two_carriers_is_refused_and_remembered() {
    let world = World::start().await;
    let token = world.access_token().await;
    let key = world.octopus.add_api_key(&world.account);

    let head = format!(
        "GET /api/users/me HTTP/1.1\r\nAuthorization: Bearer {token}\r\nX-Octopus-ApiKey: {key}"
    );
    let answer = world.send(&head, b"").await;

    assert_eq!(answer.status, 400);
    let complaints = world.octopus.take_complaints();
    let expected =
        "GET /api/users/me: several credentials at once (Authorization, X-Octopus-ApiKey)";
    assert_eq!(complaints, [expected]);
    let recorded = world.octopus.requests().pop().unwrap();
    assert_eq!((recorded.credential, recorded.status), (None, 400));
}

#[tokio::test]
async fn workload_credentials_are_complained_about_without_being_shown() {
    let world = World::start().await;
    let id_token = world.id_token();

    world.get("/api/users/me", &id_token).await;
    world.get("/api/users/me", "API-STANDIN").await;
    let head = format!("POST /token/v1 HTTP/1.1\r\nAuthorization: Bearer {id_token}");
    world.send(&head, b"{}").await;

    let complaints = world.octopus.take_complaints();
    assert_eq!(complaints.len(), 4, "{complaints:?}");
    let shown = complaints.join("\n");
    assert!(!shown.contains(&id_token) && !shown.contains("STANDIN"), "{shown}");
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.octopus.successful_exchanges(), 0);
}

#[tokio::test]
async fn hop_by_hop_and_forwarding_headers_are_complained_about() {
    let world = World::start().await;
    let token = world.access_token().await;
    for header in [
        "Keep-Alive: timeout=5",
        "Proxy-Authorization: Basic x",
        "TE: gzip",
        "Trailer: X-Sum",
        "Upgrade: h2c",
        "X-Forwarded-For: 10.0.0.1",
        "Forwarded: for=10.0.0.1",
        "Cookie: a=b",
        "Octobroker-Service-Account: deployer",
    ] {
        let head = format!("GET /api/x HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{header}");
        let answer = world.send(&head, b"").await;

        assert_eq!(answer.status, 400, "{header}");
        assert!(!world.octopus.take_complaints().is_empty(), "{header}");
    }
}

#[tokio::test]
async fn both_framings_at_once_are_seen_although_the_library_hides_one() {
    let world = World::start().await;
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;

    let request = format!(
        "POST /api/x HTTP/1.1\r\nHost: {address}\r\nContent-Length: 5\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    wire.write(request.as_bytes()).await;

    assert_eq!(wire.answer().await.status, 400);
    let complaints = world.octopus.take_complaints();
    let expected = "POST /api/x: both Content-Length and Transfer-Encoding are sent";
    assert_eq!(complaints, [expected]);
}

#[tokio::test]
async fn host_and_target_must_be_its_own() {
    let world = World::start().await;
    let address = world.octopus.address();
    for (target, host) in [
        ("/api", "Host: evil.test\r\n".to_owned()),
        ("/api", String::new()),
        ("/api", format!("Host: {address}\r\nHost: {address}\r\n")),
        ("http://evil.test/api", format!("Host: {address}\r\n")),
        ("/api#fragment", format!("Host: {address}\r\n")),
    ] {
        let mut wire = Wire::open(address).await;
        let request = format!("GET {target} HTTP/1.1\r\n{host}\r\n");
        wire.write(request.as_bytes()).await;

        assert_eq!(wire.answer().await.status, 400, "{target} {host}");
        assert_eq!(world.octopus.take_complaints().len(), 1, "{target} {host}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_complained_about() {
    let octopus = Octopus::start(Clock::system()).await;
    let mut wire = Wire::open(octopus.address()).await;

    wire.write(b"\x16\x03\x01 this is TLS on a plain port\r\n\r\n").await;
    let _ = wire.rest().await;

    assert_eq!(octopus.take_complaints().len(), 1);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a panic is caught by a task of its own")]
async fn a_server_with_complaints_fails_its_test_when_dropped() {
    let ended = tokio::spawn(async {
        let octopus = Octopus::start(Clock::system()).await;
        let mut wire = Wire::open(octopus.address()).await;
        wire.write(b"GET /api HTTP/1.1\r\nHost: evil.test\r\n\r\n").await;
        wire.answer().await;
        octopus.stop().await;
    });

    assert!(ended.await.unwrap_err().is_panic());
}
