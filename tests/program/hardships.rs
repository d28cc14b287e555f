//! A process that lacks what others take for granted: descriptors, a log, memory for core files, a
//! home. It serves, or says what is missing; it never spins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::process::{Folder, Process, run, until};
use crate::world::{World, get, text};

impl World {
    /// Soft and hard limit of the process.
    fn limit(&self, name: &str) -> [String; 2] {
        let limits = self.process.proc("limits");
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut numbers = line.split_whitespace().map(str::to_owned);
        [numbers.next().unwrap(), numbers.next().unwrap()]
    }

    /// Ticks of CPU time that the process has used.
    fn ticks(&self) -> u64 {
        let stat = self.process.proc("stat");
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Whether the process takes less than a fifth of a core while nobody asks for anything.
    async fn is_at_rest(&self) -> bool {
        let before = self.ticks();
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.ticks() - before < 10
    }
}

#[tokio::test]
async fn no_core_file_can_hold_its_memory_and_descriptors_are_as_many_as_allowed() {
    let world = World::start_after("ulimit -Sn 256", "limits", "").await;

    assert_eq!(world.limit("Max core file size"), ["0", "0"]);
    let [soft, hard] = world.limit("Max open files");
    let [soft, hard] = [soft, hard].map(|limit| limit.parse().unwrap_or(u64::MAX));
    assert!(soft >= hard.min(20_064), "{soft} of {hard}");
    world.close().await;
}

#[tokio::test]
async fn with_few_descriptors_it_refuses_what_it_cannot_hold_and_serves_the_rest() {
    let mut world = World::start_after("ulimit -n 64", "descriptors", "").await;
    let request = "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut statuses = Vec::new();
    let mut held = Vec::new();
    for _ in 0..200 {
        let Ok(mut stream) = TcpStream::connect(world.address).await else { continue };
        let mut answer = [0; 12];
        let asked = async {
            stream.write_all(request.as_bytes()).await.ok()?;
            stream.read_exact(&mut answer).await.ok()
        };
        if let Ok(Some(_)) = tokio::time::timeout(Duration::from_secs(5), asked).await {
            statuses.push(String::from_utf8_lossy(&answer[9..]).into_owned());
        }
        held.push(stream);
    }

    assert!(statuses.iter().any(|status| status == "200"), "{statuses:?}");
    assert!(statuses.iter().all(|status| status == "200" || status == "503"), "{statuses:?}");
    assert!(world.is_at_rest().await);
    assert!(get(world.admin, "/metrics").await.is_some(), "the operator is let in");
    drop(held);
    until("it serves again", async || (world.asked().await == 200).then_some(())).await;
    assert!(world.process.is_running());
    world.close().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    for (name, prelude) in [
        ("closed", "exec 1>&- 2>&-"),
        ("full", "exec 2>/dev/full"),
        ("broken", "mkfifo pipe; true <pipe & exec 2>pipe; wait"),
    ] {
        let folder = Folder::new(name);
        let path = folder.path().join("api.sock");
        let yaml = format!(
            "octopus: {{ url: 'http://127.0.0.1:1' }}\nlisteners: [{{ bind: 'unix:{}' }}]\n\
             admin: {{ bind: '127.0.0.1:0' }}\n\
             issuers: {{ ci: {{ provider: custom, url: 'http://127.0.0.1:1', algorithms: [RS256] }} }}\n\
             service_accounts: {{ bot: {{ id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 }} }}\n\
             rules: [{{ name: web, issuer: ci, service_account: bot, claims: {{ sub: job }} }}]\n",
            path.display()
        );
        let config = folder.write("octobroker.yaml", &yaml);
        let arguments = ["serve", "--config", &config];
        let mut process = Process::start_after(prelude, &arguments, folder.path());

        for _ in 0..100 {
            let answer = until("it answers", async || {
                let stream = UnixStream::connect(&path).await.ok()?;
                let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
                let (mut sender, connection) = handshake.await.ok()?;
                tokio::spawn(connection);
                let request = http::Request::get("/api/users/me").header("host", "localhost");
                sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.ok()
            })
            .await;
            assert_eq!(answer.status(), 401, "{name}");
        }

        process.signal("PIPE");
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0), "{name}");
    }
}

#[tokio::test]
async fn while_nobody_reads_the_log_requests_wait_then_are_refused_and_no_line_is_lost() {
    let mut world = World::start("stuck-log", "").await;
    let refused = Arc::new(AtomicUsize::new(0));
    world.process.shut_ear();

    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (address, refused) = (world.address, Arc::clone(&refused));
            tokio::spawn(async move {
                let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
                let handshake = hyper::client::conn::http1::handshake(stream).await;
                let (mut sender, connection) = handshake.unwrap();
                tokio::spawn(connection);
                for _ in 0..40_000 {
                    let request = http::Request::get("/api/users/me").header("host", "localhost");
                    let request = request.body(Full::<Bytes>::default()).unwrap();
                    let answer = sender.send_request(request).await.unwrap();
                    if answer.status() == 503 {
                        return code(answer).await;
                    }
                    assert_eq!(answer.status(), 401);
                    refused.fetch_add(1, Ordering::Relaxed);
                    answer.into_body().collect().await.unwrap();
                }
                String::from("never")
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "overloaded");
    }
    assert!(get(world.admin, "/readyz").await.is_some(), "the operator is let in");

    world.process.open_ear();
    until("it serves again", async || (world.asked().await == 200).then_some(())).await;
    let refused = refused.load(Ordering::Relaxed);
    until("each line is read", async || {
        let heard = world.process.heard();
        (heard.matches("\"code\":\"credential_missing\"").count() == refused).then_some(())
    })
    .await;
    assert!(!world.process.stop().await.contains("lines of the log were lost"));
    world.close().await;
}

/// The code of a refusal.
async fn code(answer: http::Response<Incoming>) -> String {
    let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_needs_no_home_no_temporary_folder_and_no_writable_disk() {
    let prelude = "unset HOME TMPDIR TZ PATH; ulimit -f 0";
    let world = World::start_after(prelude, "bare", "").await;

    assert_eq!(world.asked().await, 200);

    world.close().await;
}

#[tokio::test]
async fn within_little_memory_it_serves_many() {
    // Data of all kinds, stacks included, in KiB.
    let mut world =
        World::start_after("ulimit -d 131072", "memory", "limits: { head_timeout: 5m }").await;
    let mut held = Vec::new();
    let half_a_head = format!("GET /api HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(60_000));
    for _ in 0..320 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(half_a_head.as_bytes()).await.unwrap();
        held.push(stream);
    }

    for _ in 0..200 {
        assert_eq!(world.asked().await, 200);
    }

    let open = world.gauge("octobroker_connections_open{listener=\"127.0.0.1:0\"}").await;
    assert!(open >= 320.0, "{open}");
    assert!(world.process.is_running());
    let metrics = text(get(world.admin, "/metrics").await.unwrap()).await;
    assert!(metrics.contains("\noctobroker_panics_total 0\n"), "{metrics}");
    drop(held);
    world.close().await;
}

#[tokio::test]
async fn what_is_no_file_of_a_configuration_is_told_in_words() {
    let folder = Folder::new("no-file");
    let folder_path = folder.path().display().to_string();
    for file in ["missing.yaml", &folder_path, "/dev/null", "/dev/zero"] {
        let ended = run(&["serve", "--config", file], &[], folder.path());

        assert_eq!(ended.code, Some(3), "{file}: {ended:?}");
        assert!(ended.stderr.len() > 20 && ended.stderr.len() < 2_000, "{file}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    }
}
