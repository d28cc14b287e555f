//! Octopus, or what stands in its place, answers badly: nobody mistakes a part for the whole, sees
//! another caller's answer, or waits for ever.

use std::time::{Duration, Instant};

use emulator::Fault;
use serde_json::json;

use crate::world::{Act, Puppet, Reply, World};

/// A broker whose requests all get these bytes, and then the end of the connection.
async fn answered_with(bytes: &str) -> (World, Puppet) {
    let bytes = bytes.to_owned();
    World::before_puppet(move |_| Act::say_and_close(bytes.clone()), |_| {}).await
}

#[tokio::test]
async fn what_is_no_http_answer_is_refused() {
    let huge =
        format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(200_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Line: 1\r\n".repeat(5_000));
    for bytes in [
        "this is not HTTP\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/3.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\u{0}c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        &huge,
        &many,
    ] {
        let (world, _puppet) = answered_with(bytes).await;
        let reply = world.asked().await;
        let code = reply.header("octobroker-error");
        assert_eq!(
            (reply.status, code),
            (502, Some("upstream_invalid")),
            "{bytes:.60?}: {reply:?}"
        );
        world.close().await;
    }
}

#[tokio::test]
async fn an_answer_without_a_whole_head_is_refused() {
    for bytes in
        ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 100 Continue\r\n\r\n"]
    {
        let (world, _puppet) = answered_with(bytes).await;
        let reply = world.asked().await;
        let code = reply.header("octobroker-error").unwrap_or_default();
        assert!(["upstream_invalid", "upstream_unreachable"].contains(&code), "{bytes}: {reply:?}");
        assert_eq!(reply.status, 502);
        world.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_caller() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello".to_owned(),
        format!("{chunked}5\r\nhello\r\n"),
        format!("{chunked}5\r\nhel"),
        format!("{chunked}xyz\r\nhello\r\n0\r\n\r\n"),
        format!("{chunked}5\r\nhello\r\n0\r\n"),
    ] {
        let (world, _puppet) = answered_with(&bytes).await;
        let mut wire = world.wire().await;
        let job = world.job();
        wire.write(format!(
            "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job}\r\n\r\n"
        ))
        .await;

        let heard = wire.rest().await;

        let is_whole = heard.ends_with("0\r\n\r\n") || heard.contains("content-length: 5\r\n");
        assert!(!is_whole && !heard.contains("octobroker-error"), "{bytes:?}: {heard}");
        let line = world.audited(1).await;
        assert_eq!((&line["code"], &line["aborted"]), (&json!("upstream_invalid"), &json!(true)));
        world.close().await;
    }
}

#[tokio::test]
async fn an_answer_has_one_framing_for_the_caller() {
    let chunks = "5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n";
    for (bytes, body) in [
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), "hello"),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{chunks}"), "hello"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end".to_owned(), "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end".to_owned(), "until the end"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n".to_owned(), ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more".to_owned(), "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nhello".to_owned(), "hello"),
    ] {
        let (world, _puppet) = answered_with(&bytes).await;
        let mut wire = world.wire().await;
        let job = world.job();
        wire.write(format!(
            "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job}\r\n\r\n"
        ))
        .await;

        let reply: Reply = wire.answer().await;

        assert_eq!((reply.text().as_str(), reply.is_complete), (body, true), "{bytes:?}");
        let framings = ["content-length", "transfer-encoding"].map(|name| reply.headers.contains_key(name));
        assert!(framings != [true, true], "{bytes:?}: {reply:?}");
        assert!(!reply.headers.contains_key("upgrade"), "{reply:?}");
        wire.write("GET /api HTTP/1.0\r\n\r\n").await;
        let rest = wire.rest().await;
        assert!(rest.starts_with("HTTP/1."), "{bytes:?}: the connection is out of step: {rest}");
        world.close().await;
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_are_nobodys_answer() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let script = move |number| match number {
        0 => Act::say(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood{evil}")),
        _ => Act::say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"),
    };
    let (world, puppet) = World::before_puppet(script, |_| {}).await;

    assert_eq!(world.asked().await.text(), "good");
    assert_eq!(world.asked().await.text(), "next");

    let connections: Vec<_> = puppet.heard().iter().map(|heard| heard.connection).collect();
    assert_eq!(connections, [1, 2]);
    world.close().await;
}

#[tokio::test]
async fn answers_without_end_before_the_answer_are_not_waited_for() {
    let informational = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(10_000);
    let script = move |_| Act::say(informational.clone());
    let (world, _puppet) = World::before_puppet(script, |settings| {
        settings.octopus.push_str("\nidle_timeout: 2s");
    })
    .await;

    let reply = world.asked().await;

    assert!(matches!(reply.status, 502 | 504), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn an_octopus_that_is_not_there_is_told_from_one_that_is_silent() {
    for (fault, status, code) in [
        (Fault::Refuse, 502, "upstream_invalid"),
        (Fault::Reset, 502, "upstream_unreachable"),
        (Fault::Garbage, 502, "upstream_invalid"),
        (Fault::Hang, 504, "upstream_timeout"),
    ] {
        let world = World::start_with(|settings| {
            settings.octopus.push_str("\nidle_timeout: 3s\nconnect_timeout: 3s");
        })
        .await;
        world.octopus.set(|knobs| knobs.api_fault = Some(fault.clone()));
        world.fails(status, code).await;
        world.octopus.set(|knobs| knobs.api_fault = None);
        world.works().await;
        world.close().await;
    }
    let world = World::start_with(|settings| {
        let exchange = settings.octopus.replace("url:", "token_endpoint:");
        settings.octopus = format!("url: http://127.0.0.1:1\n{exchange}/token/v1");
    })
    .await;
    world.fails(502, "upstream_unreachable").await;
    world.close().await;
}

#[tokio::test]
async fn silence_in_the_middle_of_an_answer_ends_it_uncleanly() {
    let world = World::start_with(|settings| {
        settings.octopus.push_str("\nidle_timeout: 2s");
    })
    .await;
    for fault in [Fault::Stall, Fault::Truncate] {
        world.octopus.fail_once("/api/users", fault);
        assert!(!world.asked().await.is_complete);
    }
    let codes: Vec<_> =
        world.audited_lines(2).await.iter().map(|line| line["code"].clone()).collect();
    assert_eq!(codes, ["upstream_timeout", "upstream_invalid"]);

    let pause = Duration::from_millis(400);
    world.octopus.fail_once("/api/users", Fault::Drip { bytes: 50, pause });
    let start = Instant::now();
    let reply = world.asked().await;
    assert!(start.elapsed() > Duration::from_secs(2), "it was not slow: {reply:?}");
    assert!(reply.is_complete, "who is slow but not silent has all the time that it needs");
    world.close().await;
}
