//! Signals: one stops in order, two stop now, and a hang-up stops nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Process, until};
use crate::world::{World, get, serving};

impl World {
    /// An upload of 300,000 bytes, a third of it sent and read.
    async fn uploading(&self) -> TcpStream {
        let mut upload = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\nContent-Length: 300000\r\n\r\n",
            self.job
        );
        upload.write_all(head.as_bytes()).await.unwrap();
        upload.write_all(&vec![b'x'; 100_000]).await.unwrap();
        until("it has begun", async || (self.octopus.api_requests().len() == 1).then_some(()))
            .await;
        upload
    }

    async fn until_nobody_listens(&self) {
        until("nobody listens", async || {
            TcpStream::connect(self.address).await.is_err().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_signal_lets_an_upload_finish_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let mut world = World::start(&format!("drain-{signal}"), "").await;
        let mut upload = world.uploading().await;

        world.process.signal(signal);
        world.until_nobody_listens().await;
        assert_eq!(get(world.admin, "/readyz").await.unwrap().status(), 503);
        assert!(world.process.is_running());
        upload.write_all(&vec![b'x'; 200_000]).await.unwrap();
        let mut answer = String::new();
        upload.read_to_string(&mut answer).await.unwrap();

        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        assert_eq!(world.process.ended().await, Some(0));
        assert!(world.process.heard().contains("all requests have ended"));
        assert_eq!(world.octopus.api_requests()[0].body_bytes, 300_000);
        world.close().await;
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_now() {
    let mut world = World::start("twice", "limits: { drain: 5m }").await;
    let mut upload = world.uploading().await;
    world.process.signal("TERM");
    world.until_nobody_listens().await;
    assert!(world.process.is_running());

    world.process.signal("TERM");

    assert_eq!(world.process.ended().await, Some(0));
    let mut answer = String::new();
    let _ = upload.read_to_string(&mut answer).await;
    assert_eq!(answer, "", "a part must not pass for the whole");
    assert_eq!(world.octopus.api_requests()[0].body_sha256, "");
    world.close().await;
}

#[tokio::test]
async fn the_drain_ends_at_its_limit() {
    let mut world = World::start("limit", "limits: { drain: 200ms }").await;
    let upload = world.uploading().await;

    world.process.signal("TERM");

    // By default it would last half a minute.
    let ended = tokio::time::timeout(Duration::from_secs(25), world.process.ended()).await;
    assert_eq!(ended.unwrap(), Some(0));
    assert!(world.process.heard().contains("are cut"), "{}", world.process.heard());
    drop(upload);
    world.close().await;
}

#[tokio::test]
async fn a_hang_up_stops_nothing() {
    let mut world = World::start("hangup", "").await;
    for _ in 0..20 {
        world.process.signal("HUP");
        assert_eq!(world.asked().await, 200);
    }

    assert!(world.process.is_running());
    world.close().await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_neither_requests_nor_signals() {
    let mut world = World::start("unheard-log", "").await;
    let arguments = ["serve", "--config", &world.config];
    world.process = Process::start_half_heard(&arguments, world.folder.path());
    [world.address, world.admin] = serving(&world.process).unwrap();

    // A pipe holds 64 KiB, which is some eighty lines.
    for _ in 0..300 {
        assert_eq!(world.asked().await, 200);
    }

    assert_eq!(get(world.admin, "/livez").await.unwrap().status(), 200);
    world.process.signal("TERM");
    assert_eq!(world.process.ended().await, Some(0));
    world.close().await;
}
