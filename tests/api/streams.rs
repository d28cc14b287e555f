//! Bodies in motion: nothing waits for a whole, whoever is slow holds up only itself, and what is
//! given up is given up on both sides. (Sizes and memory: `tests/program`.)

use std::time::Duration;

use emulator::Fault;
use serde_json::json;

use crate::world::{Act, Wire, World};

impl World {
    /// A connection on which an upload of so many bytes has begun.
    async fn uploading(&self, bytes: u64) -> Wire {
        let mut wire = self.wire().await;
        let job = self.job();
        wire.write(format!(
            "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\nContent-Length: {bytes}\r\n\r\n"
        ))
        .await;
        wire.write(vec![b'x'; 100_000]).await;
        wire
    }
}

async fn with_idle_timeout(timeout: &str) -> World {
    World::start_with(|settings| {
        settings.octopus.extend([format!("\nidle_timeout: {timeout}")]);
    })
    .await
}

#[tokio::test]
async fn an_upload_is_on_its_way_before_it_is_whole() {
    let world = World::start().await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/packages");
    let mut wire = world.uploading(200_000).await;

    gate.wait_for(1).await;
    wire.write(vec![b'x'; 100_000]).await;
    gate.open();

    let reply = wire.answer().await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.json()["PackageSizeBytes"], 200_000);
    let request = world.one_request();
    assert_eq!(request.header_values("content-length"), ["200000"]);
    assert_eq!(request.header("transfer-encoding"), None);
    let line = world.audited(1).await;
    assert_eq!(line["bytes_in"], 200_000);
    world.close().await;
}

#[tokio::test]
async fn an_early_answer_reaches_the_caller_at_once_and_the_upload_stops() {
    let world = World::start().await;
    world.octopus.fail_once("/api/Spaces-1/packages", Fault::Status(413));
    let mut wire = world.uploading(1 << 40).await;

    let reply = wire.answer().await;

    assert_eq!((reply.status, reply.header("octobroker-error")), (413, None));
    assert!(wire.closes().await);
    world.close().await;
}

#[tokio::test]
async fn an_early_answer_stops_the_upload_though_octopus_goes_on_reading() {
    let answer = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno";
    let (world, puppet) = World::before_puppet(move |_| Act::say(answer), |_| {}).await;
    let mut wire = world.uploading(1 << 40).await;

    let reply = wire.answer().await;

    assert_eq!((reply.status, reply.text().as_str()), (409, "no"));
    assert!(wire.closes().await, "the rest of the upload is of no use to anybody");
    assert_eq!(world.asked().await.status, 409);
    let connections: Vec<_> = puppet.heard().iter().map(|heard| heard.connection).collect();
    assert_eq!(connections, [1, 2], "the rest of a body would be read as a request");
    world.close().await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_whole_for_octopus() {
    let world = World::start().await;
    world.works().await;
    for (round, bytes) in [150_000, 1 << 40].into_iter().enumerate() {
        world.octopus.forget_requests();
        let wire = world.uploading(bytes).await;
        world.until("it has begun", async || world.octopus.api_requests().len() == 1).await;

        drop(wire);

        let requests = world.audited_lines(2 + 2 * round).await;
        assert_ne!(requests.last().unwrap()["code"], "ok", "{requests:?}");
        world
            .until("its place is free", async || {
                world.metric("octobroker_requests_in_flight").await == Some(0.0)
            })
            .await;
        world.works().await;
        assert_eq!(world.octopus.api_requests()[0].body_sha256, "");
    }
    world.close().await;
}

#[tokio::test]
async fn a_server_that_stops_reading_an_upload_is_given_up() {
    let (world, _puppet) = World::before_puppet(
        |_| Act::Hang,
        |settings| {
            settings.octopus.push_str("\nidle_timeout: 300ms");
        },
    )
    .await;
    let mut wire = world.uploading(1 << 30).await;
    let pieces = async {
        for _ in 0..10_000 {
            if wire.try_write(vec![b'x'; 100_000]).await.is_err() {
                break;
            }
        }
    };
    // The sockets' buffers fill up, then nothing moves.
    let _ = tokio::time::timeout(Duration::from_secs(5), pieces).await;

    let line = world.audited(1).await;

    assert_eq!(
        (&line["status"], &line["code"]),
        (&json!(504), &json!("upstream_timeout")),
        "{line}"
    );
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_is_slow_is_not_taken_for_a_silent_octopus() {
    let world = with_idle_timeout("2s").await;
    let mut wire = world.uploading(100_010).await;
    let mut pause = tokio::time::interval(Duration::from_millis(400));
    for _ in 0..10 {
        pause.tick().await;
        wire.write("x").await;
    }

    assert_eq!(wire.answer().await.status, 201, "longer in all than the idle timeout");
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_stops_reading_is_left_and_starves_nobody() {
    let world = with_idle_timeout("3s").await;
    let job = world.job();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut wire = world.wire().await;
        wire.write(format!(
            "GET /api/Spaces-1/packages/Acme.1/raw?bytes=100000000 HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.head().await.0, 200);
        slow.push(wire);
    }

    for _ in 0..20 {
        world.works().await;
    }

    let lines = world.audited_lines(28).await;
    let aborted: Vec<_> = lines.iter().filter(|line| line["aborted"] == true).collect();
    assert_eq!(aborted.len(), 8);
    for line in aborted {
        assert!(line["bytes_out"].as_u64().unwrap() < 30_000_000, "{line}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_download_in_chunks_of_any_size_arrives_whole() {
    let world = World::start().await;
    for (bytes, pause) in [(1, 0), (7, 0), (1_000, 1)] {
        let drip = Fault::Drip { bytes, pause: Duration::from_millis(pause) };
        world.octopus.fail_once("/api/Spaces-1/packages", drip);
        let target = "/api/Spaces-1/packages/Acme.1/raw?bytes=300";

        let reply = world.get(target).bearer(&world.job()).ok().await;

        let expected: Vec<u8> = (0..=255).cycle().take(300).collect();
        assert_eq!((reply.body.as_ref(), reply.is_complete), (expected.as_slice(), true));
    }
    world.close().await;
}
