//! What is refused before anybody asks who sent it, and that nothing of it reaches Octopus.

use serde_json::json;

use crate::world::{Settings, World};

impl World {
    /// The answer to a request with a good token whose target is written as it is.
    async fn asked_raw(&self, request_line: &str, more: &str) -> crate::world::Reply {
        let mut wire = self.wire().await;
        let (host, job) = (self.address(), self.job());
        let head = format!("{request_line}\r\nHost: {host}\r\nAuthorization: Bearer {job}\r\n");
        wire.write(format!("{head}{more}\r\n")).await;
        wire.answer().await
    }

    fn assert_nothing_arrived(&self) {
        assert_eq!(self.octopus.requests(), []);
    }
}

#[tokio::test]
async fn a_path_with_two_readings_is_refused() {
    let world = World::start().await;

    for path in [
        // B-120, B-121: dot segments, plain and escaped, and backslashes.
        "/api/Spaces-1/projects/../users",
        "/api/Spaces-1/projects/./x",
        "/api/Spaces-1/projects/..",
        "/api/Spaces-1/projects/.",
        "/api/Spaces-1/projects/%2e%2e/x",
        "/api/Spaces-1/projects/.%2e/x",
        "/api/Spaces-1/projects/%2E/x",
        "/api/Spaces-1/projects/..%2fx",
        "/api/Spaces-1/projects/x%2f..%2f..%2fusers",
        "/api/Spaces-1/projects/%5c..%5cx",
        "/api/Spaces-1/projects\\..\\users",
        // B-122: the same behind a second and a third escape.
        "/api/Spaces-1/projects/%252e%252e/x",
        "/api/Spaces-1/projects/%25252e%25252e/x",
        "/api/Spaces-1/projects/%252fx",
        "/api/Spaces-1/projects/%255cx",
        "/api/Spaces-1/projects/%253bx",
        "/api/Spaces-1/projects/%2500",
        "/api/Spaces-1/projects/%25%32%65%25%32%65/x",
        "/api/Spaces-1/projects/%25%32%66x",
        "/api/Spaces-1/projects/%25%35%63x",
        "/api/Spaces-1/projects/%252%65%25%32e/x",
        "/api/Spaces-1/projects/%25%32%35%32%65/x",
        // B-123: look-alikes.
        "/api/Spaces-1/projects/%c0%ae%c0%ae/x",
        "/api/Spaces-1/projects/%e0%80%ae/x",
        "/api/Spaces-1/projects/%u002e%u002e/x",
        "/api/Spaces-1/projects/%ef%bc%8e%ef%bc%8e/x",
        "/api/Spaces-1/projects/%ef%bc%8fx",
        // B-124: doubled slashes.
        "//api/Spaces-1/projects",
        "/api//Spaces-1/projects",
        "///api",
        "/api/Spaces-1/projects//",
        // B-125, B-126: parameters, and what Windows makes of a name's end.
        "/api/Spaces-1/projects;x=1/y",
        "/api/Spaces-1/projects/x;y",
        "/api/Spaces-1/%3b/../projects",
        "/api/Spaces-1/projects/x.",
        "/api/Spaces-1/projects/x%20",
        "/api/Spaces-1/projects/x%00",
        "/api/Spaces-1/projects/x%00.json",
        "/api/Spaces-1/projects/x::$DATA",
        // B-128: escapes that are none, and line ends.
        "/api/Spaces-1/projects/%zz",
        "/api/Spaces-1/projects/%2",
        "/api/Spaces-1/projects/%",
        "/api/Spaces-1/projects/x%0d%0aHost:%20evil",
    ] {
        let reply = world.asked_raw(&format!("GET {path} HTTP/1.1"), "").await;

        // A backslash is no part of a target at all: hyper itself may refuse it.
        let is_by_hyper = path.contains('\\') && reply.body.is_empty();
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        assert!(is_by_hyper || reply.json()["code"] == "unsafe_path", "{path}: {reply:?}");
    }
    world.assert_nothing_arrived();
    world.close().await;
}

#[tokio::test]
async fn a_fragment_does_not_reach_octopus() {
    let world = World::start().await;

    let reply = world.asked_raw("GET /api/Spaces-1/tasks#/../users HTTP/1.1", "").await;

    let targets: Vec<_> = world.octopus.api_requests().into_iter().map(|it| it.target).collect();
    assert!(reply.status == 400 || targets == ["/api/Spaces-1/tasks"], "{reply:?} {targets:?}");
    world.close().await;
}

#[tokio::test]
async fn other_forms_of_the_target_are_refused() {
    let world = World::start().await;
    let (own, name) = (world.address(), format!("localhost:{}", world.address().port()));

    for (line, status, code) in [
        ("GET http://evil.test/api/users/me HTTP/1.1".to_owned(), 421, "host_refused"),
        (format!("GET http://{name}/api/users/me HTTP/1.1"), 421, "host_refused"),
        (format!("GET http://u:p@{own}/api/users/me HTTP/1.1"), 421, "host_refused"),
        ("OPTIONS * HTTP/1.1".to_owned(), 400, "bad_request"),
        ("GET * HTTP/1.1".to_owned(), 400, "bad_request"),
        ("GET /api/Spaces-1/\u{e4} HTTP/1.1".to_owned(), 400, "bad_request"),
    ] {
        let reply = world.asked_raw(&line, "").await;
        assert_eq!(
            (reply.status, reply.header("octobroker-error")),
            (status, Some(code)),
            "{line}"
        );
    }
    let reply = world.asked_raw("GET evil.test:443 HTTP/1.1", "").await;
    assert!([400, 421].contains(&reply.status), "{reply:?}");
    world.assert_nothing_arrived();

    let reply = world.asked_raw(&format!("GET http://{own}/api/users/me?x HTTP/1.1"), "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(world.one_request().target, "/api/users/me?x");

    // Its path is empty, which is `/`, and must not become nothing on the way.
    world.octopus.forget_requests();
    let reply = world.asked_raw(&format!("GET http://{own}#x HTTP/1.1"), "").await;
    let targets: Vec<_> = world.octopus.requests().into_iter().map(|it| it.target).collect();
    assert!(reply.status == 400 || targets == ["/"], "{reply:?} {targets:?}");
    world.close().await;
}

#[tokio::test]
async fn a_token_in_the_query_is_refused() {
    let world = World::start().await;

    for query in ["access_token=x", "a=1&ID_TOKEN=x", "id%5Ftoken=x", "a;access_token=x"] {
        let call = world.get(&format!("/api/users/me?{query}")).bearer(&world.job());
        call.refused(400, "bad_request").await;
    }
    world.assert_nothing_arrived();
    world.close().await;
}

#[tokio::test]
async fn another_host_is_refused_on_a_loopback_listener() {
    let world = World::start_with(|settings| {
        settings.listeners = "{ bind: 127.0.0.1:0, hosts: [broker.internal] }".to_owned();
    })
    .await;
    let job = world.job();

    for host in ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "0.0.0.0", "octopus"] {
        world.get("/api/users/me").host(host).bearer(&job).refused(421, "host_refused").await;
        world.get("/api").host(&format!("{host}:8484")).refused(421, "host_refused").await;
    }
    for host in ["", "a/b", "u@localhost", "localhost,evil.test", "localhost:x", "[::1", "a b"] {
        world.get("/api/users/me").host(host).bearer(&job).refused(400, "bad_request").await;
    }
    let call = world.get("/api/users/me").header("host", "evil.test").bearer(&job);
    call.refused(400, "bad_request").await;
    let raw = crate::world::exchange_raw(
        world.address(),
        "GET /api HTTP/1.1\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(raw.starts_with("HTTP/1.1 400 "), "{raw}");
    world.assert_nothing_arrived();

    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8484", "Broker.Internal:8484"] {
        world.get("/api/users/me").host(host).bearer(&job).ok().await;
    }
    world.close().await;
}

#[tokio::test]
async fn web_pages_are_no_clients() {
    let world = World::start().await;
    let job = world.job();

    for (name, value) in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("origin", ""),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("Sec-Fetch-Site", "Cross-Site"),
    ] {
        let call = world.get("/api/users/me").bearer(&job).header(name, value);
        call.refused(403, "origin_refused").await;
        world.get("/api").header(name, value).refused(403, "origin_refused").await;
    }
    let preflight = world.call("OPTIONS", "/api/users/me").header("origin", "https://evil.test");
    let preflight = preflight.header("access-control-request-method", "GET");
    preflight.refused(403, "origin_refused").await;
    world.assert_nothing_arrived();
    for site in ["none", "same-origin"] {
        world.get("/api").header("sec-fetch-site", site).ok().await;
    }
    world.close().await;
}

#[tokio::test]
async fn methods_that_are_not_the_apis_are_refused() {
    let world = World::start().await;

    for method in ["TRACE", "TRACK", "PROPFIND", "get", "Post", "BREW", &"X".repeat(8_000)] {
        let reply = world.asked_raw(&format!("{method} /api/users/me HTTP/1.1"), "").await;
        assert_eq!(reply.status, 405, "{method:.20}: {reply:?}");
        assert_eq!(reply.header("octobroker-error"), Some("method_refused"));
        assert_eq!(reply.header("allow"), Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        assert_eq!(reply.header("connection"), Some("close"));
    }
    let reply = world.asked_raw("CONNECT octopus:443 HTTP/1.1", "").await;
    assert!([400, 405, 421].contains(&reply.status), "{reply:?}");
    world.assert_nothing_arrived();
    world.close().await;
}

#[tokio::test]
async fn an_override_that_is_none_is_refused() {
    let world = World::start().await;
    let job = world.job();

    for (method, named) in [
        ("POST", "GET"),
        ("POST", "TRACE"),
        ("POST", "put"),
        ("POST", ""),
        ("POST", "PUT, DELETE"),
        ("GET", "DELETE"),
        ("PUT", "DELETE"),
        ("GET", "GET"),
    ] {
        let call = world.call(method, "/api/Spaces-1/channels/Channels-1").bearer(&job);
        call.header("x-http-method-override", named).refused(400, "bad_request").await;
    }
    let twice = world.call("POST", "/api/Spaces-1/channels/Channels-1").bearer(&job);
    let twice = twice.header("x-http-method-override", "PUT");
    twice.header("x-http-method-override", "PUT").refused(400, "bad_request").await;
    world.assert_nothing_arrived();
    world.close().await;
}

#[tokio::test]
async fn what_buys_a_lasting_credential_is_refused_under_every_spelling() {
    let world = World::start().await;
    let job = world.job();

    for (method, path) in [
        ("POST", "/api/users/Users-1/apikeys"),
        ("GET", "/api/users/Users-1/apikeys/v1"),
        ("POST", "/api/users/me/apikeys"),
        ("POST", "/api/Spaces-1/users/Users-1/apikeys"),
        ("POST", "/api/spaces/default/users/Users-1/apikeys"),
        ("POST", "/API/USERS/Users-1/ApiKeys"),
        ("POST", "/%61pi/users/Users-1/apikeys"),
        ("POST", "/api/users/Users-1/%61pi%6beys"),
        ("POST", "/api/users/Users-1/apikeys/"),
        ("POST", "/api/users/Users-1/apikeys?x=/api/Spaces-1/projects"),
        ("POST", "/api/serviceaccounts/Users-1/oidcidentities/create/v1"),
        ("POST", "/api/users/Users-1/accesstoken"),
        ("POST", "/api/users"),
        ("PUT", "/api/users/Users-1"),
        ("DELETE", "/api/users/Users-1"),
        ("POST", "/api/users/login"),
        ("POST", "/api/users/logout"),
        ("POST", "/api/token/v1"),
        ("PUT", "/api/teams/Teams-1"),
        ("PUT", "/api/configuration/certificates"),
        ("DELETE", "/api/spaces/Spaces-1"),
        ("POST", "/api/signingkeys/rotate/v1"),
    ] {
        let call = world.call(method, path).bearer(&job);
        call.body(if method == "GET" { "" } else { "{}" })
            .refused(403, "request_not_allowed")
            .await;
    }
    for named in ["PUT", "DELETE"] {
        let call = world.call("POST", "/api/users/Users-1").bearer(&job);
        let call = call.header("x-http-method-override", named);
        call.refused(403, "request_not_allowed").await;
    }
    world.assert_nothing_arrived();
    let lines = world.audit();
    assert!(
        lines.iter().all(|line| line["rule"] == "web" && line["code"] == "request_not_allowed")
    );
    world.close().await;
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let world = World::start().await;
    let (job, bearer) = (world.job(), format!("Bearer {}", world.job()));
    let key = "API-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let rows: [(&str, &[(&str, &str)]); 9] = [
        ("", &[("authorization", &bearer), ("authorization", &bearer)]),
        ("", &[("authorization", &bearer), ("authorization", "Bearer other")]),
        ("", &[("authorization", &bearer), ("authorization", "")]),
        ("", &[("authorization", &bearer), ("x-octopus-apikey", key)]),
        ("", &[("authorization", &bearer), ("X-NuGet-ApiKey", key)]),
        ("", &[("x-octopus-apikey", key), ("x-nuget-apikey", &job)]),
        ("?apikey=API-B", &[("authorization", &bearer)]),
        ("?ApiKey=API-B", &[("x-octopus-apikey", key)]),
        ("?apikey=API-B&%61pikey=API-C", &[]),
    ];
    for (query, headers) in rows {
        let mut call = world.get(&format!("/api/users/me{query}"));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.refused(400, "ambiguous_credentials").await;
    }
    world.assert_nothing_arrived();
    assert!(!world.log().contains("API-"), "a key is in the log");
    world.close().await;
}

#[tokio::test]
async fn what_only_looks_like_a_credential_is_none() {
    let world = World::start().await;
    let (job, bearer) = (world.job(), format!("Bearer {}", world.job()));
    let rows: [&[(&str, &str)]; 12] = [
        &[("authorization", "Basic dXNlcjpwYXNz")],
        &[("authorization", "Negotiate YII")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer   ")],
        &[("authorization", &job)],
        &[("cookie", &job), ("x-octopus-csrf-token", &job)],
        &[("proxy-authorization", &bearer)],
        &[("x-forwarded-access-token", &job)],
        &[("x_authorization", &bearer)],
        &[("x-forwarded-uri", "/api"), ("x-original-url", "/api")],
        &[("user-agent", "kube-probe/1.30")],
        &[("x-octopus-apikey", ""), ("x-nuget-apikey", "")],
    ];
    for headers in rows {
        let mut call = world.get("/api/users/me");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let reply = call.refused(401, "credential_missing").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{headers:?}");
    }
    for target in ["/api/users/me?apikey=API-X", "/api/users/me?x;%41piKey=API-X"] {
        let reply = world.get(target).refused(401, "stand_in_unknown").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    world.assert_nothing_arrived();
    world.close().await;
}

#[tokio::test]
async fn a_loop_ends_at_its_first_round() {
    // Below the ports that the system gives to whoever asks for any.
    let own = (21_000..32_000)
        .map(|port| format!("127.0.0.1:{port}"))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .unwrap();
    let world = World::start_with(|settings: &mut Settings| {
        let exchange = settings.octopus.replace("url:", "token_endpoint:");
        settings.octopus = format!("url: http://{own}\n{exchange}/token/v1");
        settings.listeners = format!("{{ bind: '{own}' }}");
    })
    .await;

    for (target, rounds) in [("/api", 2), ("/api/users/me", 4)] {
        let reply = world.get(target).bearer(&world.job()).send().await;
        // The inner answer is passed on like any of Octopus's.
        assert_eq!((reply.status, &reply.json()["code"]), (508, &json!("loop_detected")));
        assert_eq!(reply.header("octobroker-error"), None);
        world.audited_lines(rounds).await;
    }
    assert_eq!(world.audit().len(), 4, "{:#?}", world.audit());
    world.close().await;
}
