//! What goes to Octopus: the target and the body as they came, one credential, and nothing that
//! belongs to the caller's connection.

use emulator::Recorded;
use serde_json::json;

use crate::world::{World, send};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

impl World {
    /// The one request that reached Octopus's API since the last look.
    pub(crate) fn one_request(&self) -> Recorded {
        let mut requests = self.octopus.api_requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        self.octopus.forget_requests();
        requests.remove(0)
    }
}

#[tokio::test]
async fn a_job_reaches_octopus_with_its_id_token() {
    let world = World::start().await;
    let job = world.job();

    let reply = world.get("/api/users/me").bearer(&job).ok().await;

    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    let request = world.one_request();
    assert_eq!(request.target, "/api/users/me");
    assert_eq!(request.credential.as_deref(), Some("release-bot"));
    let line = world.audited(1).await;
    assert_eq!(line["code"], "ok");
    assert_eq!(line["rule"], "web");
    assert_eq!(line["cache"], "miss");
    world.close().await;
}

#[tokio::test]
async fn a_release_is_created_and_deployed() {
    let world = World::start().await;
    let job = world.job();

    let release = world
        .call("POST", "/api/Spaces-1/releases/create/v1")
        .bearer(&job)
        .json(&json!({ "projectName": "Web", "releaseVersion": "1.2.3" }))
        .ok()
        .await;
    world
        .call("POST", "/api/Spaces-1/deployments/create/untenanted/v1")
        .bearer(&job)
        .json(&json!({ "projectName": "Web", "releaseVersion": "1.2.3", "environmentNames": ["Test"] }))
        .ok()
        .await;

    assert_eq!(release.json()["ReleaseVersion"], "1.2.3");
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn the_target_goes_out_byte_for_byte() {
    let world = World::start().await;
    let job = world.job();

    for target in [
        "/api/Spaces-1/projects/Projects-1/refs%2ftags%2fv3/deploymentprocesses",
        "/api/Spaces-1/projects/Projects-1/refs%2Fheads%2Fmain/deploymentprocesses",
        "/api/Spaces-1/projects/fire%20project",
        "/api/Spaces-1/projects/all?partialName=fire+project&skip=0&take=30",
        "/api/Spaces-1/tasks?z=1&a=2&z=0&a=%2f&&=",
        "/api/Spaces-1/tasks?",
        "/api/Spaces-1/tasks?ids=ServerTasks-1,ServerTasks-2",
        "/api/Spaces-1/tasks?a=b?c=d/e/../f;g",
        "/api/Spaces-1/tasks?list=[1,{2}]&pipe=|&bad=%zz",
        "/api/Spaces-1/packages/Acme.Web/1.0.0+build~1/!$'()*,=:@",
        "/api/Spaces-1/projects/%C3%A4%e2%82%ac/100%25",
        "/api/Spaces-1/",
        "/%61pi/Spaces-1/projects",
        "/API/Spaces-1/Projects",
    ] {
        let mut wire = world.wire().await;
        let (host, bearer) = (world.address(), format!("Bearer {job}"));
        wire.write(format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {bearer}\r\n\r\n"
        ))
        .await;

        let answer = wire.answer().await;

        assert!([200, 404].contains(&answer.status), "{target}: {answer:?}");
        assert_eq!(world.one_request().target, target);
    }
    world.close().await;
}

#[tokio::test]
async fn an_api_key_parameter_is_taken_out_and_the_rest_stays() {
    let world = World::start().await;
    let job = world.job();

    for (target, forwarded) in [
        ("/api/Spaces-1/tasks?apikey=&take=5", "/api/Spaces-1/tasks?take=5"),
        ("/api/Spaces-1/tasks?take=%35&ApiKey=", "/api/Spaces-1/tasks?take=%35"),
        ("/api/Spaces-1/tasks?a=1&%61pikey=&b=2&", "/api/Spaces-1/tasks?a=1&b=2"),
        ("/api/Spaces-1/tasks?APIKEY", "/api/Spaces-1/tasks"),
        (&format!("/api/Spaces-1/tasks?x=+&apikey={job}"), "/api/Spaces-1/tasks?x=+"),
    ] {
        world.get(target).bearer(&job).ok().await;

        assert_eq!(world.one_request().target, forwarded);
    }
    world.close().await;
}

#[tokio::test]
async fn exactly_one_credential_reaches_octopus() {
    let world = World::start().await;
    let job = world.job();
    let rows: [&[(&str, &str)]; 13] = [
        &[],
        &[("X-Octopus-ApiKey", "")],
        &[("x-nuget-apikey", ""), ("X-OCTOPUS-APIKEY", "  ")],
        &[("X-Octopus-ApiKey", &job)],
        &[("X-NuGet-ApiKey", &job), ("X-Octopus-ApiKey", &job)],
        &[("X_Octopus_ApiKey", "API-CANARY"), ("authorization_", "Bearer canary")],
        &[("x-octopus_apikey", "API-CANARY")],
        &[("Cookie", "OctopusIdentificationToken_1=canary"), ("Cookie", "a=canary")],
        &[("X-Octopus-Csrf-Token", "canary")],
        &[("Proxy-Authorization", "Bearer canary")],
        &[("Connection", "authorization, x-octopus-apikey"), ("X-Octopus-ApiKey", "")],
        &[("Connection", "close, Host, Content-Type"), ("Content-Type", "application/json")],
        &[("X-Forwarded-Access-Token", "canary"), ("X-Original-Authorization_", "canary")],
    ];
    for headers in rows {
        let mut call = world.get("/api/users/me").bearer(&job);
        for (name, value) in headers {
            call = call.header(name, value);
        }

        let reply = call.send().await;

        assert_eq!(reply.status, 200, "{headers:?}: {reply:?}");
        let request = world.one_request();
        let tokens = world.octopus.issued_access_tokens();
        assert_eq!(request.header_values("authorization"), [format!("Bearer {}", tokens[0])]);
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        let strays = ["x-octopus-apikey", "x-nuget-apikey", "cookie", "x-octopus-csrf-token"];
        assert!(!names.iter().any(|name| strays.contains(name) || name.contains('_')), "{names:?}");
        assert_eq!(request.header("host"), Some(world.octopus.address().to_string().as_str()));
        let content_type = headers.iter().any(|(name, _)| *name == "Content-Type");
        assert_eq!(request.header("content-type").is_some(), content_type, "{names:?}");
    }
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn what_belongs_to_the_callers_connection_stays_there() {
    let world = World::start().await;
    let job = world.job();

    for (name, value) in [
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "Basic"),
        ("te", "trailers, deflate"),
        ("trailer", "X-Sum"),
        ("upgrade", "websocket"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("x-named", "hop"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-server", "evil.test"),
        ("x-forwarded-uri", "/healthz"),
        ("x-real-ip", "10.0.0.1"),
        ("x-original-url", "/api/users"),
        ("x-rewrite-url", "/api/users"),
        ("octobroker-service-account", "release-bot"),
        ("expect", "100-continue"),
    ] {
        let call = world.get("/api/users/me").bearer(&job).header(name, value);

        call.header("connection", "close, X-Named , upgrade").ok().await;

        assert_eq!(world.one_request().header(name), None, "{name} is passed on");
    }
    world.close().await;
}

#[tokio::test]
async fn what_belongs_to_the_message_is_passed_on() {
    let world = World::start().await;
    let job = world.job();
    let rows = [
        ("user-agent", "OctopusClient-dotnet/22.10 (Linux) Jenkins/2"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip,deflate,compress"),
        ("content-type", "application/json; charset=utf-8"),
        ("if-none-match", "\"abc\""),
        ("range", "bytes=0-1"),
        ("mcp-session-id", "session-1"),
        ("x-anything", "!#;=~"),
    ];

    let mut call = world.get("/api/users/me").bearer(&job).header("x-twice", "1");
    for (name, value) in rows {
        call = call.header(name, value);
    }
    call.header("x-twice", "2").ok().await;

    let request = world.one_request();
    for (name, value) in rows {
        assert_eq!(request.header_values(name), [value], "{name}");
    }
    assert_eq!(request.header_values("x-twice"), ["1", "2"]);
    world.get("/api/users/me").bearer(&job).ok().await;
    assert_eq!(world.one_request().header("user-agent"), None, "a name is made up");
    world.close().await;
}

#[tokio::test]
async fn via_names_the_broker_beside_those_before_it() {
    let world = World::start().await;
    let job = world.job();

    world.get("/api/users/me").bearer(&job).header("via", "1.0 fred, 1.1 p.example").ok().await;

    let request = world.one_request();
    let via = request.header_values("via");
    assert_eq!(via[0], "1.0 fred, 1.1 p.example");
    assert!(via[1].starts_with("1.1 octobroker-"), "{via:?}");
    world.close().await;
}

#[tokio::test]
async fn a_sound_trace_goes_on_and_another_is_replaced() {
    let world = World::start().await;
    let job = world.job();
    let upper = TRACEPARENT.to_uppercase();
    let (future, longer) = (TRACEPARENT.replace("00-4", "ff-4"), format!("{TRACEPARENT}-x"));
    let rows: [(&[&str], bool); 8] = [
        (&[TRACEPARENT], true),
        (&[], false),
        (&["nonsense"], false),
        (&[TRACEPARENT, TRACEPARENT], false),
        (&[&future], false),
        (&["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], false),
        (&[&upper], false),
        (&[&longer], false),
    ];
    for (parents, goes_on) in rows {
        let mut call = world.get("/api/users/me").bearer(&job).header("tracestate", "a=b");
        for parent in parents {
            call = call.header("traceparent", parent);
        }

        call.ok().await;

        let request = world.one_request();
        let sent = request.header_values("traceparent");
        assert_eq!(sent.len(), 1, "{parents:?}");
        assert_eq!(sent[0] == TRACEPARENT, goes_on, "{parents:?}");
        assert!(sent[0].starts_with("00-") && sent[0].len() == 55, "{parents:?}");
        assert_eq!(request.header("tracestate").is_some(), goes_on, "{parents:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_request_id_goes_on_if_it_is_harmless() {
    let world = World::start().await;
    let job = world.job();

    for (id, goes_on) in
        [("job-42/attempt:1", true), ("a b", false), ("{\"x\":1}", false), ("", false)]
    {
        world.get("/api/users/me").bearer(&job).header("x-request-id", id).ok().await;

        let request = world.one_request();
        let sent = request.header_values("x-request-id");
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0] == id, goes_on, "{id:?} became {sent:?}");
    }
    let ids = world.audited_lines(4).await;
    assert_eq!(ids[0]["request_id"], "job-42/attempt:1");
    world.close().await;
}

#[tokio::test]
async fn an_overridden_method_is_forwarded_as_it_came() {
    let world = World::start().await;
    let job = world.job();

    for named in ["PUT", "DELETE", "PATCH"] {
        let call = world.call("POST", "/api/Spaces-1/channels/Channels-1").bearer(&job);
        call.header("x-http-method-override", named).body("{}").ok().await;

        let request = world.one_request();
        assert_eq!(request.method, "POST");
        assert_eq!(request.header_values("x-http-method-override"), [named]);
    }
    world.close().await;
}

#[tokio::test]
async fn every_method_of_the_api_is_forwarded() {
    let world = World::start().await;
    let job = world.job();

    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        world.call(method, "/api/Spaces-1/channels").bearer(&job).ok().await;

        assert_eq!(world.one_request().method, method);
    }
    world.close().await;
}

#[tokio::test]
async fn few_paths_pass_without_a_credential_and_bare() {
    let world = World::start().await;

    for (method, path) in [
        ("HEAD", "/"),
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/octopusservernodes/ping"),
        ("GET", "/api/serverstatus/health"),
    ] {
        let call = world.call(method, path).header("X-Octopus-ApiKey", "");

        call.header("cookie", "a=b").ok().await;

        let request = world.one_request();
        assert_eq!((request.credential.as_deref(), request.header("authorization")), (None, None));
        assert_eq!(request.target, path);
    }
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/api"),
        ("POST", "/api"),
        ("GET", "/API"),
        ("GET", "/%61pi"),
        ("GET", "/app"),
        ("GET", "/mcp"),
        ("GET", "/api/Spaces-1"),
        ("GET", "/api/users/me"),
        ("GET", "/api/octopusservernodes/ping/x"),
        ("POST", "/api/octopusservernodes/ping"),
        ("GET", "/api/authentication"),
    ] {
        world.call(method, path).refused(401, "credential_missing").await;
    }
    assert_eq!(world.octopus.api_requests().len(), 0);
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_in_turn() {
    let world = World::start().await;
    let job = world.job();
    let host = world.address().to_string();
    let mut wire = world.wire().await;

    for number in 0..20 {
        let target = format!("/api/Spaces-1/tasks?number={number}");
        wire.write(format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {job}\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer().await.status, 200);
    }

    let requests = world.octopus.api_requests();
    assert_eq!(requests.len(), 20);
    assert!(requests.iter().all(|request| request.connection == requests[0].connection));
    let request = http::Request::get("/api").header("host", host).body(<_>::default()).unwrap();
    assert_eq!(send(world.address(), request).await.status, 200);
    world.close().await;
}
