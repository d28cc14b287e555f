//! What comes back from Octopus: everything that is the caller's, nothing that is not.

use emulator::RawAnswer;
use serde_json::json;

use crate::world::World;

impl World {
    /// A request that asks for whatever Octopus was told to answer.
    async fn answered(&self, answer: RawAnswer) -> crate::world::Reply {
        self.octopus.answer_once("/api/Spaces-1/tasks", answer);
        self.get("/api/Spaces-1/tasks").bearer(&self.job()).send().await
    }
}

#[tokio::test]
async fn an_answer_of_any_status_is_passed_on_as_it_is() {
    let world = World::start().await;

    for status in [200, 201, 202, 206, 400, 403, 404, 405, 409, 418, 422, 500, 502, 503, 599] {
        let body = json!({ "ErrorMessage": "of Octopus", "Errors": ["a", "b"], "status": status });
        let answer = RawAnswer::json(status, &body).header("etag", "\"v1\"");

        let reply = world.answered(answer.header("vary", "Accept")).await;

        assert_eq!((reply.status, reply.json()), (status, body));
        assert_eq!(reply.header("octobroker-error"), None);
        assert_eq!(reply.header("etag"), Some("\"v1\""));
        assert_eq!(reply.header("vary"), Some("Accept"));
    }
    assert_eq!(world.octopus.api_requests().len(), 15, "one request in is one request out");
    let line = world.audited(15).await;
    assert_eq!((&line["code"], &line["upstream_status"]), (&json!("ok"), &json!(599)));
    world.close().await;
}

#[tokio::test]
async fn what_octopus_may_not_tell_callers_is_dropped() {
    let world = World::start().await;
    let job = world.job();

    let mut wire = world.wire().await;
    wire.write(format!(
        "GET /api/odd-headers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job}\r\n\r\n"
    ))
    .await;
    let reply = wire.answer().await;

    let mut names: Vec<_> = reply.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "date", "x-octopus-node", "x-request-id"]);
    for name in
        ["www-authenticate", "set-cookie", "octobroker-error", "alt-svc", "proxy-authenticate"]
    {
        let reply = world.answered(RawAnswer::status(403).header(name, "Negotiate")).await;
        assert_eq!((reply.status, reply.header(name)), (403, None));
    }
    world.close().await;
}

#[tokio::test]
async fn a_location_on_octopus_is_moved_to_the_broker_and_others_are_not() {
    let world = World::start().await;
    let job = world.job();
    let (octopus, broker) = (world.octopus.url(), format!("http://{}", world.address()));
    let other_port = format!("{octopus}9/app");

    for (status, location, expected) in [
        (302, format!("{octopus}/app?x=%2f#/y"), format!("{broker}/app?x=%2f#/y")),
        (301, format!("{octopus}/a%2fb/../c"), format!("{broker}/a%2fb/../c")),
        (307, octopus.clone(), format!("{broker}/")),
        (303, "/app".to_owned(), "/app".to_owned()),
        (308, "../app".to_owned(), "../app".to_owned()),
        (302, "//evil.test/app".to_owned(), "//evil.test/app".to_owned()),
        (302, "https://login.test/a?b".to_owned(), "https://login.test/a?b".to_owned()),
        (302, other_port.clone(), other_port),
        (201, format!("{octopus}/api/packages/1"), format!("{broker}/api/packages/1")),
    ] {
        let answer = RawAnswer::status(status).header("location", &location);
        world.octopus.answer_once("/api/Spaces-1/tasks", answer);

        let reply = world.get("/api/Spaces-1/tasks").bearer(&job).send().await;

        assert_eq!((reply.status, reply.header("location")), (status, Some(expected.as_str())));
        assert_eq!(world.octopus.api_requests().len(), 1, "a redirect was followed");
        world.octopus.forget_requests();
    }
    world.close().await;
}

#[tokio::test]
async fn a_location_is_moved_to_the_name_that_the_caller_used() {
    let world = World::start().await;
    let host = format!("localhost:{}", world.address().port());

    let reply = world.get("/app-redirect").host(&host).bearer(&world.job()).send().await;

    assert_eq!(reply.header("location"), Some(format!("http://{host}/app").as_str()));
    world.close().await;
}

#[tokio::test]
async fn answers_without_a_body_keep_the_connection_in_step() {
    let world = World::start().await;
    let job = world.job();
    let mut wire = world.wire().await;
    let line = |method: &str, path: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job}\r\n\r\n"
        )
    };
    let not_modified = RawAnswer::status(304).header("etag", "\"v1\"");

    wire.write(line("HEAD", "/api/Spaces-1/packages/Acme.1/raw")).await;
    let (status, headers) = wire.head().await;
    assert_eq!(status, 200);
    assert!(headers["content-length"].to_str().unwrap().parse::<usize>().unwrap() > 10);
    wire.write(line("DELETE", "/mcp")).await;
    let (status, headers) = wire.head().await;
    assert_eq!((status, headers.get("content-length")), (204, None));
    world.octopus.answer_once("/api/Spaces-1", not_modified);
    wire.write(line("GET", "/api/Spaces-1")).await;
    let (status, headers) = wire.head().await;
    assert_eq!((status, headers["etag"].to_str().unwrap()), (304, "\"v1\""));
    world.octopus.answer_once("/api/Spaces-1", RawAnswer::status(200));
    wire.write(line("GET", "/api/Spaces-1")).await;
    assert_eq!(wire.answer().await.body.len(), 0);

    wire.write(line("GET", "/api/users/me")).await;
    assert_eq!(wire.answer().await.json()["Username"], "release-bot");
    world.close().await;
}

#[tokio::test]
async fn a_refusal_of_head_has_no_body() {
    let world = World::start().await;
    let mut wire = world.wire().await;

    for _ in 0..2 {
        wire.write("HEAD /api/users/me HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let (status, headers) = wire.head().await;
        assert_eq!(
            (status, headers["octobroker-error"].to_str().unwrap()),
            (401, "credential_missing")
        );
    }
    world.close().await;
}

#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let world = World::start().await;
    let body: Vec<u8> = (0..=255).cycle().take(70_000).collect();

    for coding in ["gzip", "br", "deflate"] {
        let answer = RawAnswer::text(200, "application/json", body.clone());
        let reply = world.answered(answer.header("content-encoding", coding)).await;

        assert_eq!(reply.header("content-encoding"), Some(coding));
        assert_eq!(reply.body, body);
    }
    world.close().await;
}

#[tokio::test]
async fn a_download_keeps_its_length() {
    let world = World::start().await;

    for bytes in [0, 1, 65_536, 1_000_003] {
        let target = format!("/api/Spaces-1/packages/Acme.1/raw?bytes={bytes}");
        let reply = world.get(&target).bearer(&world.job()).ok().await;

        assert_eq!(reply.header("content-length"), Some(bytes.to_string().as_str()));
        assert_eq!((reply.body.len(), reply.is_complete), (bytes, true));
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    }
    world.close().await;
}

#[tokio::test]
async fn events_arrive_one_by_one_before_the_stream_ends() {
    let world = World::start().await;
    let gate = world.octopus.hold_events();
    let mut wire = world.wire().await;
    let job = world.job();

    wire.write(format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
         Mcp-Session-Id: session-1\r\nAuthorization: Bearer {job}\r\n\r\n"
    ))
    .await;
    let (status, headers) = wire.head().await;
    assert_eq!((status, &headers["content-type"]), (200, &"text/event-stream".parse().unwrap()));
    assert_eq!(headers["mcp-session-id"], "session-1");

    for number in 1..=3 {
        gate.wait_for(1).await;
        assert_eq!(world.audit().len(), 0, "the request is still running");
        gate.let_through(1);
        let event = String::from_utf8(wire.chunk().await.unwrap()).unwrap();
        assert!(event.contains(&format!("id: {number}\n")), "{event}");
    }
    assert_eq!(wire.chunk().await, None);
    let line = world.audited(1).await;
    assert_eq!((&line["status"], &line["aborted"]), (&json!(200), &json!(false)));
    world.close().await;
}

#[tokio::test]
async fn octopus_may_advise_on_its_rate_limit() {
    let world = World::start().await;
    let answer = RawAnswer::json(200, &json!({}))
        .header("octopus-ratelimit-policy", "l=200;rpm=600")
        .header("octopus-ratelimit", "r=7;t=18");

    let reply = world.answered(answer).await;

    assert_eq!(reply.header("octopus-ratelimit-policy"), Some("l=200;rpm=600"));
    assert_eq!(reply.header("octopus-ratelimit"), Some("r=7;t=18"));
    world.close().await;
}
