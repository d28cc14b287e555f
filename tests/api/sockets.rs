//! Unix sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::UnixStream;

use crate::world::{Settings, World};

impl World {
    /// Starts the broker with a Unix socket beside its TCP listener.
    async fn with_socket(name: &str) -> (Self, PathBuf) {
        let mut world = Self::without_broker().await;
        let path = socket_path(name);
        let mut settings = Settings::of(&world);
        settings.listeners = format!(
            "{{ bind: 127.0.0.1:0 }}\n{{ bind: 'unix:{}', mode: \"0660\" }}",
            path.display()
        );
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        (world, path)
    }
}

fn socket_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("octobroker-{}-{name}.sock", std::process::id()))
}

async fn get(path: &PathBuf, token: &str) -> u16 {
    let stream = UnixStream::connect(path).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/api/users/me")
        .header("host", "octobroker")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn requests_come_in_over_a_unix_socket_too() {
    let (world, path) = World::with_socket("requests").await;

    assert_eq!(get(&path, &world.job()).await, 200);

    let line = world.audited(1).await;
    assert_eq!(line["listener"], format!("unix:{}", path.display()));
    let peer = line["peer"].as_str().unwrap();
    assert!(peer.starts_with("unix uid="), "{peer}");
    assert!(peer.ends_with(&format!("pid={}", std::process::id())), "{peer}");
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_request_along_here_too() {
    let (world, path) = World::with_socket("gone").await;
    let job = world.job();
    let gate = world.octopus.hold_requests("/api/users/me");
    let caller = tokio::spawn(async move { get(&path, &job).await });
    gate.wait_for(1).await;

    caller.abort();

    let line = world.audited(1).await;
    assert_eq!((&line["status"], &line["aborted"]), (&json!(499), &json!(true)));
    world.close().await;
}

#[tokio::test]
async fn the_socket_has_its_mode_and_goes_with_the_broker() {
    let (mut world, path) = World::with_socket("mode").await;

    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    world.stop_broker().await;

    assert_eq!(mode, 0o660);
    assert!(!path.exists());
    world.close().await;
}

#[tokio::test]
async fn a_socket_that_a_killed_process_left_behind_is_replaced() {
    let path = socket_path("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());

    let (world, path) = World::with_socket("stale").await;

    assert_eq!(get(&path, &world.job()).await, 200);
    world.close().await;
}
