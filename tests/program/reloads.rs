//! Reloading the real program: told by a signal, or by files that change as editors and Kubernetes
//! change them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::process::{Process, until};
use crate::world::{World, get, serving, text};

impl World {
    fn written(&self) -> String {
        fs::read_to_string(&self.config).unwrap()
    }

    /// Puts another file in the place of the configuration, as editors do.
    fn rewrite(&self, text: &str) {
        put(Path::new(&self.config), text);
    }

    async fn config_status(&self) -> Value {
        let status = text(get(self.admin, "/status").await.unwrap()).await;
        serde_json::from_str::<Value>(&status).unwrap()["config"].take()
    }

    async fn until_generation(&self, number: u64) {
        until("the configuration is in use", async || {
            (self.config_status().await["generation"] == number).then_some(())
        })
        .await;
    }

    async fn metric(&self, name: &str) -> Option<f64> {
        let page = text(get(self.admin, "/metrics").await.unwrap()).await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// Serves anew, with another file.
    async fn serve_with(&mut self, config: &Path) {
        self.config = config.display().to_string();
        let arguments = ["serve", "--config", &self.config];
        self.process = Process::start(&arguments, self.folder.path());
        [self.address, self.admin] =
            until("it says where it serves", async || serving(&self.process)).await;
    }
}

fn put(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}

/// The rule is for nobody who is here.
fn narrowed(text: &str) -> String {
    text.replace("claims: { sub: job }", "claims: { sub: nobody }")
}

#[tokio::test]
async fn a_signal_reloads_at_once_and_a_rule_that_is_narrowed_bites() {
    let mut world = World::start("reload-signal", "").await;
    let before = world.written();
    assert_eq!(world.asked().await, 200);

    // In place, as `cp` writes.
    fs::write(&world.config, narrowed(&before)).unwrap();
    world.process.signal("HUP");
    world.until_generation(2).await;
    assert_eq!(world.asked().await, 403);
    assert_eq!(get(world.admin, "/readyz").await.unwrap().status(), 200);

    world.rewrite(&before);
    world.process.signal("HUP");
    world.until_generation(3).await;
    assert_eq!(world.asked().await, 200);
    let heard = world.process.stop().await;
    assert_eq!(heard.matches("\"the configuration was reloaded\"").count(), 2, "{heard}");
    assert!(heard.contains("\"rules\":\"1 (0 new, 0 gone, 1 changed)\""), "{heard}");
    world.close().await;
}

#[tokio::test]
async fn a_file_that_takes_another_s_place_is_noticed() {
    let world = World::start("reload-rename", "").await;
    assert_eq!(world.asked().await, 200);

    world.rewrite(&narrowed(&world.written()));
    world.until_generation(2).await;

    assert_eq!(world.asked().await, 403);
    world.process.until_heard("a file of the configuration has changed").await;
    world.close().await;
}

#[tokio::test]
async fn a_mount_of_kubernetes_is_noticed_when_its_link_is_swapped() {
    let mut world = World::start("reload-mount", "").await;
    let text = world.written();
    let mount = world.folder.path().join("mount");
    for (version, text) in [("..1", &text), ("..2", &narrowed(&text))] {
        fs::create_dir_all(mount.join(version)).unwrap();
        fs::write(mount.join(version).join("octobroker.yaml"), text).unwrap();
    }
    symlink("..1", mount.join("..data")).unwrap();
    symlink("..data/octobroker.yaml", mount.join("octobroker.yaml")).unwrap();
    world.serve_with(&mount.join("octobroker.yaml")).await;
    assert_eq!(world.asked().await, 200);

    symlink("..2", mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    fs::remove_dir_all(mount.join("..1")).unwrap();
    world.until_generation(2).await;

    assert_eq!(world.asked().await, 403);
    let heard = world.process.stop().await;
    assert!(!heard.contains("\"level\":\"error\""), "{heard}");
    world.close().await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing_is_told_once_and_heals() {
    let mut world = World::start("reload-broken", "").await;
    let before = world.written();
    let successful = "octobroker_config_last_reload_successful";

    world.rewrite(&narrowed(&before).replace("issuer: ci", "issuer: cj"));
    until("it is told", async || (world.metric(successful).await == Some(0.0)).then_some(())).await;
    assert_eq!(world.asked().await, 200);
    let status = world.config_status().await;
    assert_eq!(status["generation"], 1);
    let problem = status["last_reload"]["problems"][0].as_str().unwrap().to_owned();
    assert!(
        problem.contains("octobroker.yaml:6:") && problem.contains("rules[0].issuer"),
        "{problem}"
    );

    world.rewrite(&format!("{before}# mended\n"));
    until("it is well", async || (world.metric(successful).await == Some(1.0)).then_some(())).await;
    assert_eq!(world.config_status().await["generation"], 2);
    let heard = world.process.stop().await;
    assert_eq!(heard.matches("\"level\":\"error\"").count(), 1, "{heard}");
    assert!(heard.contains("the last good one stays"), "{heard}");
    world.close().await;
}

#[tokio::test]
async fn a_named_file_that_comes_later_heals_a_configuration_too() {
    let world = World::start("reload-named", "").await;
    let keys = world.folder.path().join("ca.pem");
    let text = world.written();
    world.rewrite(&text.replace("[RS256]", "[RS256], ca_file: ca.pem"));
    world.process.signal("HUP");
    until("it is told", async || {
        (world.config_status().await["last_reload"]["is_successful"] == false).then_some(())
    })
    .await;

    let issuer = emulator::Issuer::builder(emulator::Clock::system()).tls().start().await;
    put(&keys, &issuer.ca_pem().unwrap());
    world.until_generation(2).await;

    assert_eq!(world.asked().await, 200);
    world.close().await;
}

#[tokio::test]
async fn a_pipe_is_read_once_and_there_is_nothing_to_reload() {
    let mut world = World::start("reload-pipe", "").await;
    let pipe = world.folder.path().join("pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (text, end) = (world.written(), pipe.clone());
    let writer = std::thread::spawn(move || fs::write(end, text));
    world.serve_with(&pipe).await;
    writer.join().unwrap().unwrap();

    world.process.signal("HUP");
    world.process.until_heard("there is nothing to reload").await;

    assert_eq!(world.asked().await, 200);
    world.process.signal("TERM");
    assert_eq!(world.process.ended().await, Some(0));
    world.close().await;
}

/// Asks on one connection, again and again, until `end`; gives how often it was served.
async fn ask_on(address: SocketAddr, job: String, end: Arc<AtomicBool>) -> usize {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut served = 0;
    while !end.load(Ordering::Relaxed) {
        let request = Request::get("/api/users/me").header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {job}"));
        let answer = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        text(answer).await;
        served += 1;
    }
    served
}

#[tokio::test]
async fn hundreds_of_reloads_under_load_lose_no_request_and_no_memory() {
    let world = World::start("reload-load", "").await;
    let written = world.written();
    let end = Arc::<AtomicBool>::default();
    let caller = tokio::spawn(ask_on(world.address, world.job.clone(), Arc::clone(&end)));
    let mut before = (0, 0);
    let last = 300;

    for number in 2..=last {
        // Another issuer and another pool each time.
        let issuer = format!(
            "issuers: {{ x{number}: {{ provider: custom, url: 'http://127.0.0.1:1', \
             algorithms: [RS256] }},"
        );
        let changed = written
            .replace("issuers: {", &issuer)
            .replace("octopus: {", &format!("octopus: {{ idle_timeout: {number}s,"));
        world.rewrite(&changed);
        world.process.signal("HUP");
        until("it is in use", async || {
            (world.config_status().await["generation"].as_u64() >= Some(number)).then_some(())
        })
        .await;
        if number == 200 {
            before = (world.process.memory("VmRSS"), world.process.descriptors());
        }
    }

    let after = (world.process.memory("VmRSS"), world.process.descriptors());
    end.store(true, Ordering::Relaxed);
    assert!(caller.await.unwrap() >= 100);
    assert!(after.0 < before.0 + 4 * 1024, "KiB: {before:?} {after:?}");
    assert!(after.1 < before.1 + 16, "descriptors: {before:?} {after:?}");
    world.close().await;
}
