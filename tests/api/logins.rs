//! The exchange door: what `octopus login`, the login action and the .NET client do.

use serde_json::{Value, json};

use crate::world::{Reply, World};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

impl World {
    /// The four fields of a login.
    pub(crate) fn login_fields(&self, token: &str) -> Value {
        json!({
            "grant_type": GRANT,
            "audience": self.account.id,
            "subject_token": token,
            "subject_token_type": JWT,
        })
    }

    /// Logs in with JSON, as the login action does.
    pub(crate) async fn log_in(&self, token: &str) -> Reply {
        self.call("POST", "/token/v1").json(&self.login_fields(token)).ok().await
    }

    /// Logs in, and gives the stand-in.
    pub(crate) async fn stand_in(&self) -> String {
        let reply = self.log_in(&self.job()).await;
        let text = reply.json()["access_token"].as_str().unwrap().to_owned();
        self.keep_secret(text)
    }
}

/// A login that fails: 400, both members of RFC 6749, and ours.
async fn assert_login_fails(world: &World, fields: &Value, code: &str) {
    let reply = world.call("POST", "/token/v1").json(fields).send().await;

    let members = reply.json();
    assert_eq!(reply.status, 400, "{members}");
    assert_eq!(reply.header("octobroker-error"), Some(code), "{members}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(members["error"], "invalid_request");
    assert_eq!(members["code"], code);
    assert_eq!(members["status"], 400);
    assert_eq!(members["error_description"], members["ErrorMessage"]);
    assert!(members["error_description"].as_str().unwrap().contains(code));
}

#[tokio::test]
async fn the_document_carries_the_origin_under_which_the_caller_asked() {
    let world = World::start().await;
    let port = world.address().port();
    for (target, host) in [
        ("/.well-known/openid-configuration", format!("127.0.0.1:{port}")),
        ("//.well-known/openid-configuration", format!("localhost:{port}")),
    ] {
        let document = world.get(target).host(&host).ok().await.json();

        assert_eq!(document["issuer"], format!("http://{host}"));
        assert_eq!(document["token_endpoint"], format!("http://{host}/token/v1"));
    }
    assert_eq!(world.octopus.api_requests().len(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_public_url_is_what_the_document_says() {
    let world = World::start_with(|settings| {
        settings.listeners =
            "{ bind: 127.0.0.1:0, public_url: 'https://broker.acme.example/octopus' }".to_owned();
    })
    .await;

    let document = world.get("/.well-known/openid-configuration").ok().await.json();

    assert_eq!(document["token_endpoint"], "https://broker.acme.example/octopus/token/v1");
    world.close().await;
}

#[tokio::test]
async fn a_login_with_json_or_a_form_gives_a_stand_in_that_every_carrier_takes() {
    let world = World::start().await;
    let job = world.job();
    let fields = world.login_fields(&job);
    let form: Vec<String> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap().replace(':', "%3A")))
        .collect();

    let by_json = world.log_in(&job).await.json();
    let by_form = world
        .call("POST", "/token/v1")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(form.join("&"))
        .ok()
        .await
        .json();

    for answer in [&by_json, &by_form] {
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 3595);
        assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
        let key = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());
        world.get("/api/users/me").bearer(&key).ok().await;
        world.get("/api/users/me").header("x-octopus-apikey", &key).ok().await;
        world.get("/api/users/me").header("x-nuget-apikey", &key).ok().await;
        world.get(&format!("/api/users/me?ApiKey={key}")).ok().await;
    }
    assert_ne!(by_json["access_token"], by_form["access_token"]);
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.metric("octobroker_stand_ins_live").await, Some(2.0));
    world.close().await;
}

#[tokio::test]
async fn the_account_may_be_named_by_its_name() {
    let world = World::start().await;
    let mut fields = world.login_fields(&world.job());
    fields["audience"] = json!("release-bot");

    world.call("POST", "/token/v1").json(&fields).ok().await;

    world.close().await;
}

#[tokio::test]
async fn a_login_that_cannot_work_fails_at_the_login() {
    let world = World::start().await;
    let job = world.job();
    let with = |name: &str, value: Value| {
        let mut fields = world.login_fields(&job);
        fields[name] = value;
        fields
    };
    let stranger = world.mint(&world.issuer.claims("repo:evil/web", &world.account.id));
    let rows = [
        (with("grant_type", json!("client_credentials")), "bad_request"),
        (with("grant_type", json!("")), "bad_request"),
        (with("grant_type", json!(7)), "bad_request"),
        (
            with("subject_token_type", json!("urn:ietf:params:oauth:token-type:saml2")),
            "bad_request",
        ),
        (with("audience", json!("somebody-else")), "audience_refused"),
        (with("subject_token", json!("not-a-token")), "token_malformed"),
        (with("subject_token", json!("API-ABC")), "token_malformed"),
        (with("subject_token", json!(format!("{job}x"))), "signature_invalid"),
        (with("subject_token", json!(stranger)), "no_rule_matched"),
        (json!({}), "bad_request"),
    ];
    for (fields, code) in rows {
        assert_login_fails(&world, &fields, code).await;
    }
    assert_eq!(world.octopus.exchanges(), 0);

    world.octopus.remove_identities(&world.account);
    assert_login_fails(&world, &world.login_fields(&job), "exchange_refused").await;
    world.close().await;
}

#[tokio::test]
async fn the_body_is_strict_json_or_a_form_and_nothing_stands_beside_it() {
    let world = World::start().await;
    let fields = world.login_fields(&world.job()).to_string();
    let twice = fields.replacen('{', r#"{"audience":"x","#, 1);
    let rows = [
        ("application/json", twice, "bad_request", 400),
        ("application/json", "[]".to_owned(), "bad_request", 400),
        ("application/json", String::new(), "bad_request", 400),
        ("text/plain", fields.clone(), "bad_request", 400),
        (
            "application/x-www-form-urlencoded",
            "grant_type=a&grant_type=b".to_owned(),
            "bad_request",
            400,
        ),
        ("application/json", "x".repeat(64 * 1024 + 1), "body_too_large", 400),
    ];
    for (kind, body, code, status) in rows {
        let call = world.call("POST", "/token/v1").header("content-type", kind).body(body);
        let reply = call.send().await;
        assert_eq!((reply.status, reply.header("octobroker-error")), (status, Some(code)));
    }
    let beside = world.call("POST", "/token/v1").bearer(&world.job()).json(&json!({})).send().await;
    assert_eq!(beside.header("octobroker-error"), Some("ambiguous_credentials"));
    world.close().await;
}

#[tokio::test]
async fn a_sick_octopus_is_told_as_such_with_a_pause() {
    let world = World::start().await;
    world.octopus.set(|knobs| knobs.error_style = emulator::octopus::ErrorStyle::Html503);

    let fields = world.login_fields(&world.job());
    let reply = world.call("POST", "/token/v1").json(&fields).send().await;

    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert_eq!(reply.header("octobroker-error"), Some("exchange_unavailable"));
    assert!(reply.header("retry-after").is_some());
    world.close().await;
}

#[tokio::test]
async fn the_operator_may_have_octopus_tokens_given_out() {
    let world = World::start_with(|settings| {
        settings.more = "token_door: { issues: access-token }".to_owned();
    })
    .await;
    let fields = world.login_fields(&world.job()).to_string();

    // Not through the harness, which lets no access token pass.
    let request = format!(
        "POST /token/v1 HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{fields}",
        world.address(),
        fields.len()
    );
    let answer = crate::world::exchange_raw(world.address(), request.as_bytes()).await;

    let issued = world.octopus.issued_access_tokens();
    assert!(answer.contains(&issued[0]), "{answer}");
    assert_eq!(world.metric("octobroker_stand_ins_live").await, Some(0.0));
    world.close().await;
}

#[tokio::test]
async fn a_login_has_its_line_in_the_log_and_its_count() {
    let world = World::start().await;

    world.log_in(&world.job()).await;

    let line = world.audited(1).await;
    assert_eq!(line["door"], "exchange");
    assert_eq!(line["route"], "/token/v1");
    assert_eq!(line["rule"], "web");
    assert_eq!(line["cache"], "miss");
    let series = "octobroker_requests_total{code=\"ok\",door=\"exchange\",rule=\"web\",\
                  service_account=\"release-bot\"}";
    assert_eq!(world.metric(series).await, Some(1.0));
    world.close().await;
}
