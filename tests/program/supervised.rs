//! Under a service manager that wants to be told: the socket of `sd_notify`, and systemd's words.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::execs::Stage;
use crate::process::{Folder, Process, until};
use crate::world::{World, get, serving};

/// Its issuer can't be reached: started is not ready.
const UNREACHABLE: &str = "octopus: { url: 'http://127.0.0.1:9' }\n\
    listeners: [{ bind: '127.0.0.1:0' }]\n\
    admin: { bind: '127.0.0.1:0' }\n\
    issuers: { ci: { provider: custom, url: 'http://127.0.0.1:9', algorithms: [RS256] } }\n\
    service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
    rules: [{ name: web, issuer: ci, service_account: bot, claims: { sub: job } }]\n";

/// Listens as systemd does.
struct Manager(UnixDatagram);

impl Manager {
    /// Under a name that no file has.
    fn listen(test: &str) -> (Self, String) {
        let name = format!("octobroker-{test}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        (Self(UnixDatagram::bind_addr(&address).unwrap()), format!("@{name}"))
    }

    /// The next message that says anything else than that the program lives.
    fn heard(&self) -> String {
        self.0.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        loop {
            let message = self.next();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4_096];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

fn since_boot() -> u128 {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap()).as_micros()
}

/// Asserts that a reload began after `asked`, and gives how it ended.
fn reload(manager: &Manager, asked: u128) -> String {
    let began = manager.heard();
    let at =
        began.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{began}"));
    let at: u128 = at.parse().unwrap();
    assert!((asked..=since_boot()).contains(&at), "{asked} {at}");
    manager.heard()
}

#[tokio::test]
async fn it_is_told_of_the_start_each_reload_and_the_end() {
    let (manager, name) = Manager::listen("told");
    let mut world = World::start_in(&[("NOTIFY_SOCKET", &name)], "told").await;
    assert_eq!(manager.heard(), "READY=1\nSTATUS=serving");

    let asked = since_boot();
    world.process.signal("HUP");
    assert_eq!(reload(&manager, asked), "READY=1\nSTATUS=serving; the configuration was reloaded");

    let asked = since_boot();
    fs::write(&world.config, "no configuration").unwrap();
    world.process.signal("HUP");
    let ended = reload(&manager, asked);
    assert!(ended.starts_with("READY=1\nSTATUS=serving by the last good configuration"), "{ended}");
    assert_eq!(world.asked().await, 200);

    world.process.signal("TERM");
    assert_eq!(manager.heard(), "STOPPING=1\nSTATUS=draining");
    assert_eq!(world.process.ended().await, Some(0));
    world.close().await;
}

#[tokio::test]
async fn started_means_that_connections_are_taken() {
    // systemd's own socket is a file. Its path must be short.
    let path = std::env::temp_dir().join(format!("octobroker-notify-{}", std::process::id()));
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let folder = Folder::new("started");
    let config = folder.write("octobroker.yaml", UNREACHABLE);
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let process = Process::start_in(&variables, &["serve", "--config", &config], folder.path());

    assert_eq!(manager.heard(), "READY=1\nSTATUS=serving");

    let [_, admin] = until("it says where it serves", async || serving(&process)).await;
    assert_eq!(get(admin, "/livez").await.unwrap().status(), 200);
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_watchdog_hears_of_it_again_and_again() {
    let (manager, name) = Manager::listen("watched");
    let variables = [("NOTIFY_SOCKET", &*name), ("WATCHDOG_USEC", "200000")];
    let world = World::start_in(&variables, "watched").await;

    manager.0.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told: Vec<String> = (0..4).map(|_| manager.next()).collect();

    assert!(told.iter().filter(|message| *message == "WATCHDOG=1").count() >= 3, "{told:?}");
    world.close().await;
}

#[tokio::test]
async fn who_asks_for_a_reload_where_none_can_be_is_answered() {
    let (manager, name) = Manager::listen("pipe");
    let folder = Folder::new("supervised-pipe");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (reader, arguments) = (pipe.clone(), ["serve", "--config", pipe.to_str().unwrap()]);
    let writer = std::thread::spawn(move || fs::write(reader, UNREACHABLE));
    let process = Process::start_in(&[("NOTIFY_SOCKET", &name)], &arguments, folder.path());
    writer.join().unwrap().unwrap();
    assert_eq!(manager.heard(), "READY=1\nSTATUS=serving", "{}", process.heard());

    let asked = since_boot();
    process.signal("HUP");

    assert_eq!(reload(&manager, asked), "READY=1\nSTATUS=serving; there was nothing to reload");
}

#[tokio::test]
async fn a_manager_that_is_not_there_is_no_reason_not_to_serve() {
    for name in ["@octobroker-nobody", "/nowhere/notify", "vsock:2:1"] {
        let world = World::start_in(&[("NOTIFY_SOCKET", name)], "unsupervised").await;
        assert_eq!(world.asked().await, 200);
        world.process.until_heard("the service manager can't be told").await;
        world.close().await;
    }
}

#[tokio::test]
async fn the_command_of_exec_is_not_the_service() {
    let stage = Stage::set("supervised-exec").await;
    let (_manager, name) = Manager::listen("exec");
    let token = stage.path("token").display().to_string();
    let variables = [
        ("OCTOBROKER_TOKEN_FILE", &*token),
        ("NOTIFY_SOCKET", &name),
        ("WATCHDOG_USEC", "1000000"),
        ("WATCHDOG_PID", "1"),
    ];

    let ended = stage.exec_in(&variables, &[], &["env"]).await;

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        assert!(!ended.stdout.contains(name), "{}", ended.stdout);
    }
}
