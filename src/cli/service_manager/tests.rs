use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::*;

/// Listens under a name of the test's own.
fn listen(test: &str) -> (UnixDatagram, String) {
    let name = format!("octobroker-{test}-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixDatagram::bind_addr(&address).unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener, format!("@{name}"))
}

/// What was told and not yet heard.
fn heard(listener: &UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 256];
    let mut messages = Vec::new();
    while let Ok(length) = listener.recv(&mut buffer) {
        messages.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    messages
}

fn manager(variables: &[(&str, &str)]) -> ServiceManager {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    ServiceManager { since_boot: || Duration::from_micros(1_234_567), ..ServiceManager::of(&find) }
}

#[tokio::test]
async fn each_state_is_one_message_in_the_words_of_systemd() {
    let (listener, name) = listen("states");
    let manager = manager(&[("NOTIFY_SOCKET", &name)]);

    manager.ready("serving").await;
    manager.reloading().await;
    manager.stopping().await;

    let told = [
        "READY=1\nSTATUS=serving",
        "RELOADING=1\nMONOTONIC_USEC=1234567",
        "STOPPING=1\nSTATUS=draining",
    ];
    assert_eq!(heard(&listener), told);
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_twice_in_its_span() {
    let (listener, name) = listen("watchdog");
    let manager = manager(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "30000000")]);

    manager.feed_watchdog(Workers::default());
    tokio::time::sleep(Duration::from_secs(61)).await;

    assert_eq!(heard(&listener), ["WATCHDOG=1"; 5], "at 0, 15, 30, 45 and 60 s");
}

#[test]
fn a_watchdog_is_who_watches_this_process() {
    let own = std::process::id().to_string();
    let two = Some(Duration::from_secs(2));
    let rows = [
        (None, None, None),
        (Some("2000000"), None, two),
        (Some("2000000"), Some(&*own), two),
        (Some("2000000"), Some("1"), None),
        (Some("2000000"), Some(""), None),
        (Some("0"), None, None),
        (Some("-1"), None, None),
        (Some("1"), None, Some(limits::WATCHDOG_SPAN_MIN)),
    ];
    for (span, pid, expected) in rows {
        let span = span.map(|span| ("WATCHDOG_USEC", span));
        let pid = pid.map(|pid| ("WATCHDOG_PID", pid));
        let variables: Vec<_> = span.into_iter().chain(pid).collect();
        assert_eq!(manager(&variables).watchdog, expected, "{variables:?}");
    }
}

#[test]
fn what_can_be_no_address_is_nobody() {
    let long = format!("@{}", "a".repeat(200));
    for name in ["", "notify", "./notify", "vsock:2:1234", "/a\0b", &long] {
        assert!(manager(&[("NOTIFY_SOCKET", name)]).socket.is_none(), "{name}");
    }
    for name in ["/run/systemd/notify", "@notify"] {
        assert!(manager(&[("NOTIFY_SOCKET", name)]).socket.is_some(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_or_hangs_holds_nothing_up() {
    let (listener, name) = listen("hangs");
    let manager = manager(&[("NOTIFY_SOCKET", &name)]);

    // Nobody reads: the queue of the socket is full soon, and each message ends nonetheless.
    for _ in 0..2_000 {
        let address = manager.socket.as_ref().unwrap();
        let sent = notify::send(address, "WATCHDOG=1");
        if tokio::time::timeout(Duration::from_secs(5), sent).await.is_err() {
            break;
        }
    }
    manager.ready("serving").await;
    assert!(!heard(&listener).iter().any(|message| message.contains("READY")));

    drop(listener);
    manager.ready("serving").await;
}
