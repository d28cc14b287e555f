//! The end in order: what runs is finished, nothing new is begun, and there is a limit to it.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::world::{Wire, World, get};

const REQUEST: &str = "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n";

impl World {
    async fn until_nobody_listens(&self, address: std::net::SocketAddr) {
        self.until("nobody listens", async || TcpStream::connect(address).await.is_err()).await;
    }

    /// A connection with a request on it that Octopus holds.
    async fn held(&self) -> Wire {
        let mut wire = self.wire().await;
        let job = self.job();
        wire.write(format!(
            "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\nContent-Length: 5\r\n\r\nhello"
        ))
        .await;
        wire
    }
}

#[tokio::test]
async fn running_requests_are_finished_and_new_connections_refused() {
    let mut world = World::start().await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/packages");
    let mut held = world.held().await;
    gate.wait_for(1).await;
    let (address, admin) = (world.address(), world.admin());

    let run = world.begin_stop();
    world.until_nobody_listens(address).await;
    let readiness = get(admin, "/readyz").await;
    assert_eq!((readiness.status, readiness.text().as_str()), (503, "waiting for: draining\n"));
    assert_eq!(get(admin, "/livez").await.status, 200);
    assert!(!run.is_finished());
    gate.open();

    let reply = held.answer().await;
    assert_eq!((reply.status, reply.header("connection")), (201, Some("close")));
    assert!(held.closes().await);
    run.await.unwrap();
    world.until_nobody_listens(admin).await;
    world.close().await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let mut world = World::start().await;
    let mut kept = Vec::new();
    for is_used in [true, true, false] {
        let mut wire = world.wire().await;
        if is_used {
            wire.write(REQUEST).await;
            assert_eq!(wire.answer().await.status, 200);
        }
        kept.push(wire);
    }
    let listener = "octobroker_connections_open{listener=\"127.0.0.1:0\"}";
    world.until("all are served", async || world.metric(listener).await >= Some(3.0)).await;

    world.begin_stop().await.unwrap();

    for wire in kept {
        assert!(wire.closes().await);
    }
    world.close().await;
}

#[tokio::test]
async fn an_upload_that_has_begun_is_finished() {
    let mut world = World::start().await;
    let mut wire = world.wire().await;
    let job = world.job();
    wire.write(format!(
        "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Bearer {job}\r\nContent-Length: 300000\r\n\r\n"
    ))
    .await;
    wire.write(vec![b'x'; 100_000]).await;
    world.until("it has begun", async || world.octopus.api_requests().len() == 1).await;
    let address = world.address();

    let run = world.begin_stop();
    world.until_nobody_listens(address).await;
    wire.write(vec![b'x'; 200_000]).await;

    assert_eq!(wire.answer().await.status, 201);
    run.await.unwrap();
    assert_eq!(world.one_request().body_bytes, 300_000);
    world.close().await;
}

#[tokio::test]
async fn the_drain_has_a_limit() {
    let mut world = World::start_with(|settings| {
        settings.more = "limits: { drain: 200ms }".to_owned();
    })
    .await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/packages");
    let held = world.held().await;
    gate.wait_for(1).await;

    let run = world.begin_stop();
    tokio::time::timeout(Duration::from_secs(10), run).await.unwrap().unwrap();

    assert_eq!(gate.waiting(), 1);
    drop((held, gate));
    world.close().await;
}

#[tokio::test]
async fn a_head_that_comes_during_the_drain_gets_an_answer_or_an_end() {
    let mut world = World::start().await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/packages");
    let mut held = world.held().await;
    gate.wait_for(1).await;
    // Behind the running request on the same connection: pipelined before the end was told.
    held.write(REQUEST).await;
    let address = world.address();

    let run = world.begin_stop();
    world.until_nobody_listens(address).await;
    gate.open();

    assert_eq!(held.answer().await.status, 201);
    let rest = held.rest().await;
    assert!(rest.is_empty() || rest.contains("octobroker-error: draining"), "{rest}");
    run.await.unwrap();
    world.close().await;
}
