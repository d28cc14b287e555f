//! Sick servers, each sickness seen from the wire.

use std::io::ErrorKind;
use std::time::Duration;

use emulator::Fault;

use crate::World;
use crate::wire::Wire;

const DISCOVERY: &str = "/.well-known/openid-configuration";

impl World {
    async fn asked(&self, path: &str) -> Wire {
        let address = self.octopus.address();
        let mut wire = Wire::open(address).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        wire.write(request.as_bytes()).await;
        wire
    }

    async fn with_fault(&self, fault: Fault) -> Wire {
        self.octopus.set(|knobs| knobs.discovery_fault = Some(fault));
        self.asked(DISCOVERY).await
    }
}

#[tokio::test]
async fn refuse_closes_without_a_byte() {
    let world = World::start().await;

    let mut wire = world.with_fault(Fault::Refuse).await;

    assert_eq!(wire.rest().await.unwrap(), b"");
}

#[tokio::test]
async fn reset_resets() {
    let world = World::start().await;

    let mut wire = world.with_fault(Fault::Reset).await;

    assert_eq!(wire.rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn garbage_is_not_http() {
    let world = World::start().await;

    let mut wire = world.with_fault(Fault::Garbage).await;

    let bytes = wire.rest().await.unwrap();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP"), "{bytes:?}");
}

#[tokio::test]
async fn truncate_promises_more_than_it_sends() {
    let world = World::start().await;

    let mut wire = world.with_fault(Fault::Truncate).await;

    let answer = String::from_utf8(wire.rest().await.unwrap()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let promised: usize = promised.parse().unwrap();
    assert!(!body.is_empty() && body.len() < promised, "{answer}");
}

#[tokio::test]
async fn hang_is_silent_until_the_server_stops() {
    let world = World::start().await;
    let mut wire = world.with_fault(Fault::Hang).await;
    let wait = Duration::from_millis(50);
    assert!(tokio::time::timeout(wait, wire.more()).await.is_err());

    world.octopus.stop().await;

    assert_eq!(wire.rest().await.unwrap_or_default(), b"");
}

#[tokio::test]
async fn stall_breaks_off_in_the_body() {
    let world = World::start().await;
    let mut wire = world.with_fault(Fault::Stall).await;
    wire.until("{").await;

    world.octopus.stop().await;

    let rest = String::from_utf8(wire.rest().await.unwrap_or_default()).unwrap();
    assert!(!rest.contains('}'), "{rest}");
}

#[tokio::test]
async fn drip_gives_the_real_answer_slowly() {
    let world = World::start().await;
    let pause = Duration::from_millis(1);

    let mut wire = world.with_fault(Fault::Drip { bytes: 16, pause }).await;

    let answer = wire.answer().await;
    assert_eq!(answer.json()["issuer"], world.octopus.url());
}

#[tokio::test]
async fn statuses_pages_and_redirects_replace_the_answer() {
    let world = World::start().await;

    let answer = world.with_fault(Fault::Status(502)).await.answer().await;
    assert_eq!(answer.status, 502);
    let answer = world.with_fault(Fault::Html(503)).await.answer().await;
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("text/html")));
    assert!(answer.text().contains("Undergoing Maintenance"));
    let answer = world.with_fault(Fault::Redirect("http://x.test/".into(), 307)).await;
    let mut answer = answer;
    let answer = answer.answer().await;
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://x.test/")));
}

#[tokio::test]
async fn a_fault_can_hit_once_and_be_taken_away() {
    let world = World::start().await;
    world.octopus.fail_once("/token", Fault::Status(500));

    assert_eq!(world.exchange(&world.id_token()).await.status, 500);
    assert_eq!(world.exchange(&world.id_token()).await.status, 200);
    assert_eq!((world.octopus.exchanges(), world.octopus.successful_exchanges()), (2, 1));

    world.with_fault(Fault::Status(500)).await.answer().await;
    world.octopus.set(|knobs| knobs.discovery_fault = None);
    assert_eq!(world.asked(DISCOVERY).await.answer().await.status, 200);
}

#[tokio::test]
async fn api_and_exchange_have_faults_of_their_own() {
    let world = World::start().await;
    let token = world.access_token().await;

    world.octopus.set(|knobs| knobs.api_fault = Some(Fault::Status(503)));
    assert_eq!(world.get("/api/x", &token).await.status, 503);
    assert_eq!(world.get("/api/x", "unknown").await.status, 401);
    assert_eq!(world.exchange(&world.id_token()).await.status, 200);

    world.octopus.set(|knobs| knobs.exchange_fault = Some(Fault::Status(504)));
    assert_eq!(world.exchange(&world.id_token()).await.status, 504);
}

#[tokio::test]
async fn connections_can_fail_before_a_byte_is_read() {
    let world = World::start().await;

    world.octopus.set(|knobs| knobs.connect_fault = Some(Fault::Refuse));
    let mut refused = Wire::open(world.octopus.address()).await;
    assert_eq!(refused.rest().await.unwrap_or_default(), b"");
    world.octopus.set(|knobs| knobs.connect_fault = Some(Fault::Reset));
    let mut reset = Wire::open(world.octopus.address()).await;
    assert_eq!(reset.rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);

    assert!(world.octopus.requests().is_empty());
}

#[tokio::test]
async fn stop_closes_the_port_and_every_connection() {
    let world = World::start().await;
    let address = world.octopus.address();
    let mut idle = Wire::open(address).await;

    world.octopus.stop().await;

    assert_eq!(idle.rest().await.unwrap_or_default(), b"");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
