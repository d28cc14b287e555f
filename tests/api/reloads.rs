//! Another configuration while requests run: it counts from the next request on, whole or not at
//! all.

use emulator::{Clock, Octopus};
use serde_json::json;

use crate::world::{NOW, SUBJECT, Settings, Wire, World};

/// Another rule than the one that accepts [`SUBJECT`].
const NARROWED: &str = "{ name: web, issuer: ci, service_account: release-bot, \
                        claims: { sub: 'repo:acme/other:ref:refs/heads/main' } }";

/// The same rule under another name.
fn renamed() -> String {
    format!(
        "{{ name: shop, issuer: ci, service_account: release-bot, claims: {{ sub: '{SUBJECT}' }} }}"
    )
}

impl World {
    /// One request of the job on a connection that stays open; gives status and code.
    async fn asked_on(&self, wire: &mut Wire, token: &str) -> (u16, Option<String>) {
        wire.write(format!(
            "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        ))
        .await;
        let reply = wire.answer().await;
        (reply.status, reply.header("octobroker-error").map(str::to_owned))
    }
}

#[tokio::test]
async fn what_a_rule_loses_it_loses_on_connections_that_are_open() {
    let world = World::start().await;
    let mut wire = world.wire().await;
    let job = world.job();
    assert_eq!(world.asked_on(&mut wire, &job).await, (200, None));

    world.reload_with(|settings| NARROWED.clone_into(&mut settings.rules)).await;
    let refused = (403, Some("no_rule_matched".to_owned()));
    assert_eq!(world.asked_on(&mut wire, &job).await, refused);
    let login = world.call("POST", "/token/v1").json(&world.login_fields(&job)).send().await;
    assert_eq!((login.status, login.json()["code"].as_str()), (400, Some("no_rule_matched")));

    world.reload_with(|_| {}).await;
    assert_eq!(world.asked_on(&mut wire, &job).await, (200, None));
    assert_eq!(world.octopus.exchanges(), 1, "the access token had not become a worse one");
    world.close().await;
}

#[tokio::test]
async fn an_issuer_that_is_removed_is_believed_no_more() {
    let world = World::start().await;
    let other = emulator::Issuer::start(Clock::fixed(NOW)).await;
    world.works().await;

    world
        .reload_with(|settings| {
            settings.issuers = settings.issuers.replace(&world.issuer.url(), &other.url());
        })
        .await;

    world.fails(401, "issuer_unknown").await;
    world.close().await;
}

/// What is changed, how, and by which rule a stand-in goes on.
type Row = (&'static str, fn(&mut Settings), Option<&'static str>);

const GO_ON: [Row; 4] = [
    ("nothing", |_| {}, Some("web")),
    ("the rule's name", |settings| settings.rules = renamed(), Some("shop")),
    (
        "a rule before it",
        |settings| settings.rules = format!("{}\n{}", renamed(), settings.rules),
        Some("shop"),
    ),
    (
        "the account's name",
        |settings| {
            for text in [&mut settings.service_accounts, &mut settings.rules] {
                *text = text.replace("release-bot", "renamed");
            }
        },
        Some("web"),
    ),
];

const END: [Row; 5] = [
    ("the rule's claims", |settings| NARROWED.clone_into(&mut settings.rules), None),
    (
        "the rule's audience",
        |settings| {
            let more = ", audience: other }";
            settings.service_accounts = settings.service_accounts.replace(" }", more);
        },
        None,
    ),
    (
        "what is believed of the issuer",
        |settings| settings.issuers = settings.issuers.replace("[RS256]", "[RS256, ES256]"),
        None,
    ),
    (
        "the issuer's name",
        |settings| {
            for text in [&mut settings.issuers, &mut settings.rules] {
                *text = text.replace("ci: ", "cd: ").replace("issuer: ci", "issuer: cd");
            }
        },
        None,
    ),
    (
        "how long it may live",
        |settings| "token_door: { stand_in_lifetime: 1m }".clone_into(&mut settings.more),
        None,
    ),
];

#[tokio::test]
async fn a_stand_in_goes_on_by_the_rule_that_admits_its_holder_now_or_ends() {
    for (what, change, expected) in GO_ON.into_iter().chain(END) {
        let world = World::start().await;
        let key = world.stand_in().await;
        world.advance_seconds(60);

        world.reload_with(change).await;
        let live = world.metric("octobroker_stand_ins_live").await;
        let call = world.get("/api/users/me").header("x-octopus-apikey", &key);

        if let Some(rule) = expected {
            call.ok().await;
            let line = world.audited(2).await;
            assert_eq!((what, &line["rule"]), (what, &json!(rule)));
            assert_eq!(live, Some(1.0), "{what}");
        } else {
            call.refused(401, "stand_in_unknown").await;
            assert_eq!(live, Some(0.0), "{what}: its place is free at once");
        }
        assert_eq!(world.octopus.exchanges(), 1, "{what}");
        world.close().await;
    }
}

#[tokio::test]
async fn a_stand_in_that_has_ended_stays_ended() {
    let world = World::start().await;
    let key = world.stand_in().await;

    world.reload_with(|settings| NARROWED.clone_into(&mut settings.rules)).await;
    world.reload_with(|_| {}).await;

    world.get("/api/users/me").bearer(&key).refused(401, "stand_in_unknown").await;
    world.close().await;
}

#[tokio::test]
async fn a_stand_in_whose_id_token_is_dead_outlives_a_reload() {
    let world = World::start().await;
    let key = world.stand_in().await;
    world.advance_seconds(50 * 60);

    world.reload_with(|settings| settings.rules = renamed()).await;

    world.get("/api/users/me").bearer(&key).ok().await;
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_name_that_is_given_to_another_account_never_gets_the_old_one_s_token() {
    let world = World::start_with(|settings| {
        settings.service_accounts = settings.service_accounts.replace(" }", ", audience: shared }");
    })
    .await;
    let other = world.octopus.add_service_account("other");
    for account in [&world.account, &other] {
        world.octopus.add_identity(account, &world.issuer.url(), "*", Some("shared"));
    }
    let job = world.mint(&world.issuer.claims(SUBJECT, "shared"));
    let fields = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": "release-bot",
        "subject_token": job, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    });
    let reply = world.call("POST", "/token/v1").json(&fields).ok().await.json();
    let key = world.keep_secret(reply["access_token"].as_str().unwrap().to_owned());
    world.get("/api/users/me").bearer(&job).ok().await;

    world
        .reload_with(|settings| {
            settings.service_accounts =
                format!("release-bot: {{ id: {}, audience: shared }}", other.id);
        })
        .await;

    world.get("/api/users/me").bearer(&key).refused(401, "stand_in_unknown").await;
    world.get("/api/users/me").bearer(&job).ok().await;
    let requests = world.octopus.api_requests();
    let accounts: Vec<_> = requests.iter().map(|one| one.credential.as_deref()).collect();
    assert_eq!(accounts, [Some("release-bot"), Some("other")]);
    world.close().await;
}

#[tokio::test]
async fn another_server_gets_the_next_request_and_no_token_of_the_old_one() {
    let world = World::start().await;
    world.works().await;
    let other = Octopus::start(Clock::fixed(NOW)).await;
    other.trust_issuer(&world.issuer);
    let account = other.add_service_account("there");
    other.add_identity(&account, &world.issuer.url(), "*", None);

    world
        .reload_with(|settings| {
            settings.octopus = format!("url: {}", other.url());
            settings.service_accounts = format!("release-bot: {{ id: {} }}", account.id);
        })
        .await;

    let job = world.mint(&world.issuer.claims(SUBJECT, &account.id));
    world.get("/api/users/me").bearer(&job).ok().await;
    assert_eq!((world.octopus.api_requests().len(), other.api_requests().len()), (1, 1));
    assert_eq!((world.octopus.exchanges(), other.exchanges()), (1, 1));
    assert_eq!(world.status().await["octopus"], format!("{}/", other.url()));
    other.assert_no_complaints();
    world.close().await;
}

#[tokio::test]
async fn a_request_that_has_begun_ends_by_the_configuration_that_admitted_it() {
    let world = World::start().await;
    let mut upload = world.wire().await;
    let job = world.job();
    upload
        .write(format!(
            "POST /api/Spaces-1/packages/raw HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {job}\r\nContent-Length: 200000\r\n\r\n"
        ))
        .await;
    upload.write(vec![b'x'; 100_000]).await;
    world.until("it has begun", async || !world.octopus.api_requests().is_empty()).await;

    world
        .reload_with(|settings| {
            NARROWED.clone_into(&mut settings.rules);
            "url: http://127.0.0.1:1".clone_into(&mut settings.octopus);
        })
        .await;
    world.fails(403, "no_rule_matched").await;
    upload.write(vec![b'x'; 100_000]).await;

    assert_eq!(upload.answer().await.status, 201);
    assert_eq!(world.octopus.api_requests()[0].body_bytes, 200_000);
    let line = world.audited(2).await;
    assert_eq!((&line["rule"], &line["service_account"]), (&json!("web"), &json!("release-bot")));
    world.close().await;
}

#[tokio::test]
async fn limits_and_the_door_follow_as_well() {
    let world = World::start().await;
    world.works().await;

    world
        .reload_with(|settings| {
            "token_door: { issues: access-token }\nlimits: { id_token_size: 256B }"
                .clone_into(&mut settings.more);
        })
        .await;
    world.fails(401, "token_too_large").await;
    world
        .reload_with(|settings| {
            "token_door: { issues: access-token }".clone_into(&mut settings.more);
        })
        .await;

    let issued = world.octopus.issued_access_tokens();
    let fields = world.login_fields(&world.job());
    let request = http::Request::post("/token/v1")
        .header("host", world.address().to_string())
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(fields.to_string()))
        .unwrap();
    let reply = crate::world::send(world.address(), request).await.json();
    assert_eq!(reply["access_token"], issued[0].as_str());
    world.close().await;
}

#[tokio::test]
async fn a_sidecar_acts_as_another_account_with_the_token_that_it_has() {
    let (world, file) = World::sidecar().await;
    world.get("/api/users/me").ok().await;
    let other = world.octopus.add_service_account("other");
    let audience = world.account.id.clone();
    world.octopus.add_identity(&other, &world.issuer.url(), "*", Some(&audience));

    world
        .reload_with(|settings| {
            "{ bind: 127.0.0.1:0, ambient: true }".clone_into(&mut settings.listeners);
            settings.service_accounts =
                format!("own: {{ id: {}, audience: {audience} }}", other.id);
            settings.rules = settings.rules.replace("release-bot", "own");
            settings.more = format!(
                "ambient: {{ token: {{ file: '{}' }}, service_account: own }}",
                file.path().display()
            );
        })
        .await;
    world.get("/api/users/me").ok().await;

    let requests = world.octopus.api_requests();
    let accounts: Vec<_> = requests.iter().map(|one| one.credential.as_deref()).collect();
    assert_eq!(accounts, [Some("release-bot"), Some("other")]);
    world.close().await;
}
