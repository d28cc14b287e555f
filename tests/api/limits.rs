//! Bounds: what is at one passes, what is over it gets its code, and nobody else suffers.

use serde_json::json;

use crate::world::{Reply, Wire, World};

const SHORT: &str = "150ms";

impl World {
    /// A broker with these limits.
    async fn limited(limits: &str) -> Self {
        Self::start_with(|settings| settings.more = format!("limits: {{ {limits} }}")).await
    }

    /// The answer to a head of exactly so many bytes, the empty line at its end not counted.
    async fn padded(&self, bytes: usize) -> Reply {
        let head = format!(
            "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nX-Pad: \r\n",
            self.job()
        );
        let padding = "x".repeat(bytes - head.len());
        let mut wire = self.wire().await;
        wire.write(head.replace("X-Pad: ", &format!("X-Pad: {padding}")) + "\r\n").await;
        wire.answer().await
    }
}

#[tokio::test]
async fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
    for (limits, bytes) in [("head_size: 24KiB", 24 << 10), ("", 64 << 10)] {
        let world = World::limited(limits).await;

        assert_eq!(world.padded(bytes - 1).await.status, 200);
        assert_eq!(world.padded(bytes).await.status, 200);
        for bytes in [bytes + 1, bytes + 4_096] {
            let refused = world.padded(bytes).await;
            assert_eq!(refused.status, 431, "{bytes}: {refused:?}");
            assert_eq!(refused.header("octobroker-error"), Some("headers_too_large"));
        }
        assert_eq!(world.octopus.api_requests().len(), 2);
        world.close().await;
    }
}

#[tokio::test]
async fn a_target_may_be_as_long_as_the_limit_and_no_longer() {
    for (limits, bytes) in [("target_size: 2KiB", 2 << 10), ("", 8 << 10)] {
        let world = World::limited(limits).await;
        let job = world.job();
        for start in ["/api/Spaces-1/tasks?ids=", "/api/Spaces-1/"] {
            let target = |bytes: usize| start.to_owned() + &"x".repeat(bytes - start.len());

            let at_the_limit = world.get(&target(bytes)).bearer(&job).send().await;
            assert_eq!(at_the_limit.header("octobroker-error"), None, "{at_the_limit:?}");
            let over = world.get(&target(bytes + 1)).bearer(&job);
            over.refused(414, "headers_too_large").await;
        }
        assert_eq!(world.octopus.api_requests().len(), 2);
        world.close().await;
    }
}

#[tokio::test]
async fn a_head_may_have_as_many_lines_as_the_limit_and_no_more() {
    for (limits, lines) in [("headers: 7", 7), ("headers: 90", 90), ("", 100)] {
        let world = World::limited(limits).await;
        let job = world.job();
        let with_lines = |count: usize| {
            // `Host` and `Authorization` count.
            let call = world.get("/api/users/me").bearer(&job);
            (2..count).fold(call, |call, number| call.header("x-line", &number.to_string()))
        };

        // The pretend Octopus takes a hundred lines itself, the broker's own included.
        let at_the_limit = with_lines(lines).send().await;
        assert_eq!(at_the_limit.header("octobroker-error"), None, "{lines}: {at_the_limit:?}");
        with_lines(lines + 1).refused(431, "headers_too_large").await;
        if lines == 100 {
            world.octopus.take_complaints();
        }
        world.close().await;
    }
}

#[tokio::test]
async fn a_head_far_beyond_the_limit_is_not_read_to_its_end() {
    let world = World::start().await;
    let head = "GET /api HTTP/1.1\r\nHost: localhost\r\n";

    for more in ["X-Line: 0123456789\r\n".repeat(2_000), "x".repeat(1 << 20), "X: ".to_owned()] {
        let bytes = format!("{head}{more}{}", "y".repeat(1 << 20));
        let heard = crate::world::exchange_raw(world.address(), bytes).await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 431 "), "{heard:.80}");
    }
    let target = format!("GET /{} HTTP/1.1\r\n", "x".repeat(70_000)) + "Host: localhost\r\n\r\n";
    let heard = crate::world::exchange_raw(world.address(), target).await;
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{heard:.80}");
    assert_eq!(world.octopus.requests(), []);
    world.close().await;
}

#[tokio::test]
async fn silence_before_the_end_of_a_head_ends_the_connection() {
    let world = World::limited(&format!("head_timeout: {SHORT}")).await;

    for beginning in ["", "GET /api HT", "GET /api HTTP/1.1\r\nHost: localhost\r\nX-A"] {
        let mut wire = world.wire().await;
        wire.write(beginning).await;
        let heard = wire.rest().await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408 "), "{beginning}: {heard}");
    }
    assert_eq!(world.octopus.requests(), []);
    world.close().await;
}

#[tokio::test]
async fn a_connection_without_requests_ends_at_the_keep_alive_timeout() {
    // Long enough for a second request on a slow machine to come in time.
    let world = World::limited("head_timeout: 5m, keep_alive_timeout: 2s").await;
    let job = world.job();
    let mut silent = Vec::new();

    for request in [
        "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        format!(
            "POST /api/Spaces-1/channels HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        ),
    ] {
        let mut wire = world.wire().await;
        for _ in 0..2 {
            wire.write(&request).await;
            wire.answer().await;
        }
        silent.push((request, wire));
    }

    for (request, wire) in silent {
        assert!(wire.closes().await, "{request}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::start_with(|settings| {
        settings.octopus.extend([format!("\nidle_timeout: {SHORT}")]);
    })
    .await;
    let job = world.job();
    let head = "POST /api/Spaces-1/channels HTTP/1.1\r\nHost: localhost\r\n";

    for framing in [
        "Content-Length: 10\r\n\r\n",
        "Content-Length: 10\r\n\r\n12345",
        "Content-Length: 1000000\r\n\r\n12345",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut wire = world.wire().await;
        wire.write(format!("{head}Authorization: Bearer {job}\r\n{framing}")).await;

        let reply = wire.answer().await;

        assert_eq!(reply.status, 408, "{framing:?}: {reply:?}");
        assert_eq!(reply.header("octobroker-error"), Some("request_timeout"));
        assert!(wire.closes().await, "what comes now would be misread");
    }
    let whole = |request: &emulator::Recorded| !request.body_sha256.is_empty();
    assert!(!world.octopus.api_requests().iter().any(whole), "a part passed for the whole");
    world.close().await;
}

#[tokio::test]
async fn one_connection_more_than_the_limit_is_turned_away_and_a_freed_place_serves() {
    let world = World::limited("connections: 2").await;
    let request = "GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut wire = world.wire().await;
        wire.write(request).await;
        assert_eq!(wire.answer().await.status, 200);
        kept.push(wire);
    }

    let mut beyond = world.wire().await;
    let reply = beyond.answer().await;
    assert_eq!((reply.status, reply.header("octobroker-error")), (503, Some("overloaded")));
    assert!(reply.header("retry-after").is_some());
    assert!(beyond.closes().await);
    for wire in &mut kept {
        wire.write(request).await;
        assert_eq!(wire.answer().await.status, 200, "what is served already is not lost");
    }
    drop(kept.pop());

    world
        .until("the place is free", async || {
            let mut wire = Wire::open(world.address()).await;
            wire.try_write(request).await.is_ok() && wire.starts_with("HTTP/1.1 200").await
        })
        .await;
    drop(kept);
    world.close().await;
}

#[tokio::test]
async fn one_request_more_than_the_limit_is_refused_and_the_next_is_not() {
    let world = World::start_with(|settings| {
        settings.more = "limits: { concurrent_requests: 1 }".to_owned();
    })
    .await;
    let gate = world.octopus.hold_requests("/api/Spaces-1/tasks");
    let job = world.job();

    let first = world.get("/api/Spaces-1/tasks").bearer(&job).send();
    let rest = async {
        gate.wait_for(1).await;
        let refused = world.get("/api/users/me").bearer(&job).refused(503, "overloaded").await;
        assert_eq!(refused.header("retry-after"), Some("1"));
        gate.open();
    };
    let (first, ()) = tokio::join!(first, rest);

    assert_eq!(first.status, 200);
    world.audited_lines(2).await;
    world.get("/api/users/me").bearer(&job).ok().await;
    world.close().await;
}

#[tokio::test]
async fn idle_connections_by_the_hundred_keep_nobody_out() {
    let world = World::start().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(world.wire().await);
    }

    world.get("/api/users/me").bearer(&world.job()).ok().await;

    let listener = "octobroker_connections_open{listener=\"127.0.0.1:0\"}";
    assert!(world.metric(listener).await.unwrap() >= 300.0);
    drop(idle);
    world.until("they are gone", async || world.metric(listener).await == Some(0.0)).await;
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_request_along() {
    let world = World::start().await;
    let upload = "POST /api/Spaces-1/packages/raw";
    let rows = [
        ("GET /api/Spaces-1/tasks", "", String::new()),
        (upload, "Content-Length: 5\r\n", "hello".to_owned()),
        (upload, "Content-Length: 100000\r\n", "x".repeat(100_000)),
        (upload, "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        // Nobody is there for what follows either.
        ("GET /api/Spaces-1/tasks", "", "GET /api/Spaces-1/tasks HTTP/1.1\r\n".to_owned()),
    ];
    for (number, (line, headers, body)) in rows.into_iter().enumerate() {
        // The pretend Octopus that holds a request does not read its body, and notices nothing then.
        let is_noticed = line.starts_with("GET");
        let job = world.job();
        let gate = world.octopus.hold_requests("/api/Spaces-1/");
        let mut wire = world.wire().await;
        wire.write(format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job}\r\n{headers}\r\n{body}"
        ))
        .await;
        gate.wait_for(1).await;

        drop(wire);

        let line = world.audited(number + 1).await;
        assert_eq!((&line["status"], &line["aborted"]), (&json!(499), &json!(true)), "{number}");
        let is_rid = async || !is_noticed || gate.waiting() == 0;
        world.until("Octopus is rid of it", is_rid).await;
        let in_flight = world.metric("octobroker_requests_in_flight").await;
        assert_eq!(in_flight, Some(0.0));
    }
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_went_away_before_its_body_was_read_is_noticed_then() {
    let world = World::start().await;
    let (exchange, upload) =
        (world.octopus.hold_exchanges(), world.octopus.hold_requests("/api/Spaces-1/"));
    let mut wire = world.wire().await;
    wire.write(format!(
        "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        world.job()
    ))
    .await;
    drop(wire);
    exchange.wait_for(1).await;

    exchange.open();

    let line = world.audited(1).await;
    assert_eq!((&line["status"], &line["aborted"]), (&json!(499), &json!(true)));
    drop(upload);
    world.close().await;
}
