//! What an operator sees: the line per request, the metrics, and the admin listener.

use std::collections::BTreeSet;

use emulator::IssuerEndpoint;
use serde_json::{Value, json};

use crate::world::{Settings, World, get, send};

const MEMBERS_OF_SUCCESS: [&str; 29] = [
    "aborted",
    "agent",
    "audience",
    "bytes_in",
    "bytes_out",
    "cache",
    "code",
    "door",
    "duration_ms",
    "exchange_ms",
    "issuer",
    "jti",
    "level",
    "listener",
    "message",
    "method",
    "path",
    "peer",
    "request_id",
    "route",
    "rule",
    "service_account",
    "status",
    "subject",
    "target",
    "time",
    "token",
    "traceparent",
    "upstream_status",
];

fn members(line: &Value) -> BTreeSet<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Names and labels of all series of a metrics page, with their values.
fn series(page: &str) -> Vec<(&str, f64)> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(name, value)| (name, value.parse().unwrap())).collect()
}

#[tokio::test]
async fn the_line_of_a_request_tells_who_did_what_as_whom() {
    let world = World::start().await;
    let job = world.job();

    let call = world.call("POST", "/api/Spaces-1/releases/create/v1?secret=canary").bearer(&job);
    let reply = call.json(&json!({ "releaseVersion": "1" })).ok().await;

    let line = world.audited(1).await;
    let mut expected: BTreeSet<&str> = MEMBERS_OF_SUCCESS.into_iter().collect();
    expected.insert("upstream_ms");
    assert_eq!(members(&line), expected);
    for (member, value) in [
        ("time", json!("2026-11-18T11:06:40.000Z")),
        ("level", json!("info")),
        ("message", json!("request")),
        ("listener", json!("127.0.0.1:0")),
        ("door", json!("bearer")),
        ("issuer", json!("ci")),
        ("subject", json!(crate::world::SUBJECT)),
        ("audience", json!(world.account.id)),
        ("rule", json!("web")),
        ("service_account", json!("release-bot")),
        ("agent", json!(false)),
        ("method", json!("POST")),
        ("route", json!("/api/{space}/releases/create/v1")),
        ("path", json!("/api/Spaces-1/releases/create/v1")),
        ("status", json!(200)),
        ("upstream_status", json!(200)),
        ("code", json!("ok")),
        ("cache", json!("miss")),
        ("bytes_in", json!(22)),
        ("bytes_out", json!(reply.body.len())),
        ("aborted", json!(false)),
    ] {
        assert_eq!(line[member], value, "{member}");
    }
    assert_eq!(line["token"].as_str().unwrap().len(), 8, "a beginning of the hash, no more");
    let request = world.one_request();
    assert_eq!(line["request_id"], request.header("x-request-id").unwrap());
    assert_eq!(line["traceparent"], request.header("traceparent").unwrap());
    assert!(!world.log().contains("canary"), "a query is in the log");
    world.close().await;
}

#[tokio::test]
async fn the_line_of_a_refusal_tells_which_rule_missed_and_why() {
    let world = World::start().await;
    let job = world.mint(&world.issuer.claims("repo:evil/web\r\n\u{1b}[31m", &world.account.id));

    let reply = world.get("/api/users/me").bearer(&job).refused(403, "no_rule_matched").await;

    let line = world.audited(1).await;
    assert_eq!(line["level"], "warn");
    assert_eq!((&line["code"], &line["status"]), (&json!("no_rule_matched"), &json!(403)));
    assert_eq!(line["subject"], "repo:evil/web\r\n\u{1b}[31m");
    assert_eq!(line["request_id"], reply.json()["request_id"]);
    assert_eq!(reply.header("x-request-id"), line["request_id"].as_str());
    assert_eq!(line["missed"][0]["rule"], "web");
    assert_eq!(line["missed"][0]["claim"], "sub");
    assert_eq!(line.get("service_account"), None);
    assert_eq!(line.get("upstream_status"), None);
    assert!(!reply.text().contains("evil") && !reply.text().contains("web\""), "{}", reply.text());
    let text = world.log();
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.starts_with('{')));
    world.close().await;
}

#[tokio::test]
async fn the_line_of_a_refusal_tells_which_account_no_rule_is_for() {
    let world = World::start().await;
    let job = world.job();
    let token = format!("{job}-").repeat(2);
    let key = world.stand_in().await;
    let long = "n".repeat(1_000);
    let rows = [
        ("nobody", "the service account \"nobody\", which the caller names"),
        ("a\"b\u{9}", r#"the service account "a\"b", which"#),
        (&*token, "the service account \"[token]\", which"),
        (&*key, "the service account \"[token]\", which"),
        (&*long, "the service account \"nnnnnnnn"),
    ];
    // The first line is that of the login.
    for ((named, expected), number) in rows.into_iter().zip(2..) {
        let request = world.get("/api/users/me").bearer(&job);
        let reply = request.header("octobroker-service-account", named);
        let reply = reply.refused(403, "no_rule_matched").await;

        let line = world.audited(number).await;
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains(expected) && detail.chars().count() < 300, "{detail}");
        assert!(!reply.text().contains("service account"), "{}", reply.text());
    }
    world.close().await;
}

#[tokio::test]
async fn a_request_has_one_line_whatever_becomes_of_it() {
    let world = World::start().await;
    let job = world.job();

    world.get("/api").ok().await;
    world.get("/api/users/me").refused(401, "credential_missing").await;
    world.get("/api/x/../y").bearer(&job).refused(400, "unsafe_path").await;
    world.get("/api").host("evil.test").refused(421, "host_refused").await;
    world.get("/api/users/me").bearer("a.b.c").send().await;
    world.get("/api/users/me").bearer(&job).ok().await;

    let lines = world.audited_lines(6).await;
    assert_eq!(lines.len(), 6);
    let doors: Vec<_> = lines.iter().map(|line| line["door"].as_str().unwrap()).collect();
    assert_eq!(doors, ["none", "none", "none", "none", "bearer", "bearer"]);
    let ids: BTreeSet<_> = lines.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 6);
    world.close().await;
}

#[tokio::test]
async fn the_admin_listener_answers_with_state_and_nothing_else() {
    let world = World::start().await;
    world.works().await;

    for (path, status, content_type) in [
        ("/livez", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "text/plain; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/status", 200, "application/json"),
        ("/", 200, "text/html; charset=utf-8"),
        ("/api", 404, "text/plain; charset=utf-8"),
        ("/api/users/me", 404, "text/plain; charset=utf-8"),
        ("/metrics/", 404, "text/plain; charset=utf-8"),
    ] {
        let reply = get(world.admin(), path).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, Some(content_type)),
            "{path}"
        );
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
    for (method, status) in [("HEAD", 200), ("POST", 405), ("DELETE", 405), ("OPTIONS", 405)] {
        let request =
            http::Request::builder().method(method).uri("/livez").header("host", "localhost");
        let reply = send(world.admin(), request.body(<_>::default()).unwrap()).await;
        assert_eq!((reply.status, reply.body.is_empty()), (status, method == "HEAD"), "{method}");
    }
    let status = get(world.admin(), "/status").await.json();
    assert_eq!(status["is_ready"], true);
    assert_eq!(status["issuers"][0]["name"], "ci");
    assert_eq!(status["issuers"][0]["keys"], 1);
    let rule = &status["rules"][0];
    assert_eq!((&rule["name"], &rule["issuer"]), (&json!("web"), &json!("ci")));
    assert_eq!(status["access_tokens_cached"], 1);
    world.close().await;
}

#[tokio::test]
async fn readiness_says_what_is_awaited() {
    let mut world = World::without_broker().await;
    let gate = world.issuer.hold(IssuerEndpoint::Discovery);
    let settings = Settings::of(&world);
    world.serve(&settings.to_yaml()).await;
    gate.wait_for(1).await;

    let waiting = get(world.admin(), "/readyz").await;
    assert_eq!((waiting.status, waiting.text().as_str()), (503, "waiting for: keys of ci\n"));
    assert_eq!(get(world.admin(), "/livez").await.status, 200);
    assert_eq!(get(world.admin(), "/status").await.json()["is_ready"], false);
    gate.open();

    world.until_ready().await;
    world.close().await;
}

#[tokio::test]
async fn the_admin_paths_on_the_api_listener_are_octopuss() {
    let world = World::start().await;

    for path in ["/metrics", "/livez", "/readyz", "/status", "/healthz", "/health", "/ready"] {
        let probe = world.get(path).header("user-agent", "kube-probe/1.30");
        probe.refused(401, "credential_missing").await;
        let reply = world.get(path).bearer(&world.job()).send().await;
        assert_eq!((reply.status, world.one_request().target.as_str()), (404, path));
    }
    world.close().await;
}

#[tokio::test]
async fn every_known_series_stands_at_zero_from_the_start() {
    let world = World::start().await;
    let page = world.metrics().await;

    for expected in [
        "octobroker_requests_total{code=\"ok\",door=\"bearer\",rule=\"web\",service_account=\"release-bot\"}",
        "octobroker_requests_total{code=\"token_expired\",door=\"bearer\",rule=\"\",service_account=\"\"}",
        "octobroker_requests_total{code=\"credential_missing\",door=\"none\",rule=\"\",service_account=\"\"}",
        "octobroker_request_duration_seconds_count{door=\"bearer\"}",
        "octobroker_overhead_duration_seconds_count{door=\"none\"}",
        "octobroker_requests_in_flight",
        "octobroker_connections_open{listener=\"127.0.0.1:0\"}",
        "octobroker_upstream_responses_total{service_account=\"release-bot\",status_class=\"5xx\"}",
        "octobroker_upstream_response_seconds_count",
        "octobroker_token_verifications_total{issuer=\"ci\",outcome=\"signature_invalid\"}",
        "octobroker_token_verifications_total{issuer=\"unknown\",outcome=\"issuer_unknown\"}",
        "octobroker_exchanges_total{outcome=\"refused\",service_account=\"release-bot\"}",
        "octobroker_exchange_duration_seconds_count",
        "octobroker_access_token_requests_total{result=\"remembered_failure\"}",
        "octobroker_access_tokens_cached",
        "octobroker_verified_tokens_cached",
        "octobroker_access_tokens_rejected_total{service_account=\"release-bot\"}",
        "octobroker_jwks_refreshes_total{issuer=\"ci\",outcome=\"failed\"}",
    ] {
        let found = series(&page).into_iter().find(|(name, _)| *name == expected);
        assert_eq!(found, Some((expected, 0.0)), "{page}");
    }
    for (family, value) in [
        ("octobroker_build_info{", 1.0),
        ("octobroker_config_info{", 1.0),
        ("octobroker_config_last_reload_successful", 1.0),
        ("octobroker_config_last_reload_success_timestamp_seconds", 1_795_000_000.0),
        ("octobroker_jwks_refreshes_total{issuer=\"ci\",outcome=\"ok\"}", 1.0),
        ("octobroker_jwks_keys{issuer=\"ci\"}", 1.0),
        ("octobroker_jwks_last_success_timestamp_seconds{issuer=\"ci\"}", 1_795_000_000.0),
    ] {
        let found = series(&page).into_iter().find(|(name, _)| name.starts_with(family));
        assert_eq!(found.map(|(_, value)| value), Some(value), "{family}");
    }
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let is_told = |name| {
            page.contains(&format!("# HELP {name} ")) && page.contains(&format!("# TYPE {name} "))
        };
        assert!(is_told(name) || is_told(family.unwrap_or(name)), "{line}");
    }
    world.close().await;
}

#[tokio::test]
async fn hostile_requests_make_no_new_series() {
    let world = World::start().await;
    world.works().await;
    world.get("/api").ok().await;
    let before = world.metrics().await;

    for number in 0..500 {
        let mut claims = world.issuer.claims(&format!("repo:evil-{number}/web"), &world.account.id);
        let target = format!("/evil-{number}/%2e%2e?{number}");
        let call = match number % 5 {
            0 => world.get("/api/users/me").bearer(&world.mint(&claims)),
            1 => {
                claims["iss"] = json!(format!("https://evil-{number}.test"));
                world.get("/api/users/me").bearer(&world.mint(&claims))
            }
            2 => world.get(&target).bearer(&world.job()),
            3 => world.call(&format!("EVIL{number}"), "/api").header(&format!("x-{number}"), "1"),
            _ => world.get("/api").host(&format!("evil-{number}.test")),
        };
        let reply = call.send().await;
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }

    let after = world.metrics().await;
    let names = |page: &str| {
        series(page).into_iter().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>()
    };
    let new: Vec<_> = names(&after).difference(&names(&before)).cloned().collect();
    assert_eq!(new, [""; 0]);
    assert!(!after.contains("evil"));
    let refused = "octobroker_requests_total{code=\"host_refused\",door=\"none\",rule=\"\",service_account=\"\"}";
    assert_eq!(world.metric(refused).await, Some(100.0));
    world.close().await;
}

#[tokio::test]
async fn requests_and_answers_are_counted_by_account_and_class() {
    let world = World::start().await;
    world.works().await;
    world.get("/api/nothing").bearer(&world.job()).send().await;
    world.octopus.answer_once("/api/users", emulator::RawAnswer::status(500));
    world.asked().await;
    world.get("/api").ok().await;
    world.audited_lines(4).await;

    for (series, value) in [
        (
            "octobroker_requests_total{code=\"ok\",door=\"bearer\",rule=\"web\",service_account=\"release-bot\"}",
            3.0,
        ),
        (
            "octobroker_requests_total{code=\"ok\",door=\"none\",rule=\"\",service_account=\"\"}",
            1.0,
        ),
        (
            "octobroker_upstream_responses_total{service_account=\"release-bot\",status_class=\"2xx\"}",
            2.0,
        ),
        (
            "octobroker_upstream_responses_total{service_account=\"release-bot\",status_class=\"5xx\"}",
            1.0,
        ),
        ("octobroker_upstream_responses_total{service_account=\"\",status_class=\"2xx\"}", 1.0),
        ("octobroker_request_duration_seconds_count{door=\"bearer\"}", 3.0),
        ("octobroker_upstream_response_seconds_count", 4.0),
        ("octobroker_requests_in_flight", 0.0),
    ] {
        assert_eq!(world.metric(series).await, Some(value), "{series}");
    }
    world.close().await;
}
