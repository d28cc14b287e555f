//! What one configuration leaves to the next, and what the operator sees of it.

use emulator::{Algorithm, Clock, Fault, Issuer, IssuerEndpoint, SigningKey};
use serde_json::{Value, json};

use crate::forge;
use crate::world::{NOW, SUBJECT, Settings, TemporaryFile, World};

/// One more line of a section.
fn add(section: &mut String, line: &str) {
    section.push('\n');
    section.push_str(line);
}

fn key_set(keys: &[&SigningKey]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string()
}

#[tokio::test]
async fn what_stays_the_same_is_neither_fetched_nor_exchanged_nor_connected_again() {
    let world = World::start().await;
    world.works().await;

    for number in 0..3 {
        let more = format!("limits: {{ access_tokens: {}, exchange_timeout: 7s }}", 100 + number);
        world
            .reload_with(|settings| {
                settings.issuers =
                    settings.issuers.replace("[RS256]", "[RS256], max_token_age: 1h");
                settings.more = more;
            })
            .await;
        world.works().await;
    }

    assert_eq!(world.issuer.requests(IssuerEndpoint::Jwks), 1);
    assert_eq!(world.octopus.exchanges(), 1);
    let requests = world.octopus.api_requests();
    assert!(requests.iter().all(|request| request.connection == requests[0].connection));
    world.close().await;
}

#[tokio::test]
async fn the_keys_of_a_new_issuer_are_there_when_it_is_believed() {
    let world = World::start().await;
    let other = Issuer::start(Clock::fixed(NOW)).await;
    let dead = Issuer::start(Clock::fixed(NOW)).await;
    world.octopus.trust_issuer(&other);
    world.octopus.add_identity(&world.account, &other.url(), "*", None);
    dead.set_fault(IssuerEndpoint::Discovery, Some(Fault::Reset));

    world
        .reload_with(|settings| {
            for (name, issuer) in [("new", &other), ("dead", &dead)] {
                add(
                    &mut settings.issuers,
                    &format!(
                        "{name}: {{ provider: custom, url: '{}', algorithms: [RS256] }}",
                        issuer.url()
                    ),
                );
            }
            add(
                &mut settings.rules,
                &format!(
                    "{{ name: new, issuer: new, service_account: release-bot, \
                 claims: {{ sub: '{SUBJECT}' }} }}"
                ),
            );
        })
        .await;

    assert_eq!(other.requests(IssuerEndpoint::Jwks), 1);
    let job = world.keep_secret(other.mint(&other.claims(SUBJECT, &world.account.id)));
    world.get("/api/users/me").bearer(&job).ok().await;
    assert_eq!(other.requests(IssuerEndpoint::Jwks), 1);
    assert_eq!(crate::world::get(world.admin(), "/readyz").await.status, 200);
    let status = world.status().await;
    assert!(status["issuers"][1]["error"].is_string(), "{status}");
    world.close().await;
}

#[tokio::test]
async fn a_key_that_was_taken_out_of_its_file_signs_nothing_more() {
    let url = "https://ci.acme.example/oidc";
    let mut world = World::without_broker().await;
    let (first, second) = (world.issuer.key(), SigningKey::shared(Algorithm::Rs256));
    world.octopus.trust_keys(url, vec![first.clone(), second.clone()]);
    world.octopus.add_identity(&world.account, url, "*", None);
    let file = TemporaryFile::new("keys.json", key_set(&[&first]));
    let mut settings = Settings::of(&world);
    settings.issuers = format!(
        "ci: {{ provider: custom, url: '{url}', algorithms: [RS256], jwks_file: '{}' }}",
        file.path().display()
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let mint = |key: &SigningKey| {
        let claims = forge::claims_with(&world, "iss", url.into());
        world.keep_secret(world.issuer.mint_with(key, &claims))
    };
    let mut stand_ins = Vec::new();
    let (old, new) = (mint(&first), mint(&second));
    let reply = world.log_in(&old).await.json();
    stand_ins.push(world.keep_secret(reply["access_token"].as_str().unwrap().to_owned()));
    let call = |token: &str| world.get("/api/users/me").bearer(token);
    call(&old).ok().await;

    // With both keys, the old one's stand-in goes on.
    file.replace(key_set(&[&second, &first]));
    world.reload(&settings.to_yaml()).await.unwrap();
    for token in [&old, &new, &stand_ins[0]] {
        call(token).ok().await;
    }

    file.replace(key_set(&[&second]));
    world.reload(&settings.to_yaml()).await.unwrap();
    call(&old).refused(401, "key_unknown").await;
    call(&stand_ins[0]).refused(401, "stand_in_unknown").await;
    call(&new).ok().await;
    world.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_sound_changes_nothing_and_says_why_until_it_is_mended() {
    let world = World::start().await;
    let before = world.status().await["config"].clone();
    assert_eq!((&before["generation"], &before["last_reload"]), (&json!(1), &Value::Null));
    world.advance_seconds(60);

    let mut broken = Settings::of(&world);
    NARROWED.clone_into(&mut broken.rules);
    broken.issuers = broken.issuers.replace("custom", "gitbuh");
    "limits: { head_timeout: never }".clone_into(&mut broken.more);
    world.reload(&broken.to_yaml()).await.unwrap_err();

    world.works().await;
    assert_eq!(world.metric("octobroker_config_last_reload_successful").await, Some(0.0));
    let config = world.status().await["config"].clone();
    for member in ["generation", "digest", "loaded_at"] {
        assert_eq!(config[member], before[member]);
    }
    let last = &config["last_reload"];
    assert_eq!(
        (&last["is_successful"], &last["at"]),
        (&json!(false), &json!("2026-11-18T11:07:40Z"))
    );
    let problems = last["problems"].as_array().unwrap();
    assert!(problems.len() >= 2, "{problems:?}");
    for problem in problems {
        let problem = problem.as_str().unwrap();
        let place = problem.strip_prefix("octobroker.yaml:").unwrap().split(':').next().unwrap();
        assert!(place.parse::<usize>().is_ok(), "{problem}");
    }
    let digest = before["digest"].as_str().unwrap();
    let info = |digest: &str| format!("octobroker_config_info{{digest=\"{digest}\"}}");
    assert_eq!(world.metric(&info(digest)).await, Some(1.0));

    world
        .reload_with(|settings| "limits: { head_timeout: 9s }".clone_into(&mut settings.more))
        .await;

    let config = world.status().await["config"].clone();
    assert_eq!(
        (&config["generation"], &config["last_reload"]["is_successful"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(world.metric("octobroker_config_last_reload_successful").await, Some(1.0));
    let time = "octobroker_config_last_reload_success_timestamp_seconds";
    assert_eq!(world.metric(time).await, Some(f64::from(u32::try_from(NOW + 60).unwrap())));
    assert_eq!(world.metric(&info(digest)).await, None);
    let digest = config["digest"].as_str().unwrap();
    assert_eq!(world.metric(&info(digest)).await, Some(1.0));
    world.close().await;
}

const NARROWED: &str = "{ name: web, issuer: ci, service_account: release-bot, \
                        claims: { sub: nobody } }";

#[tokio::test]
async fn what_needs_a_restart_is_named_and_nothing_else_is_applied() {
    let world = World::start().await;
    let mut settings = Settings::of(&world);
    NARROWED.clone_into(&mut settings.rules);
    settings.listeners.push_str("\n{ bind: '127.0.0.1:1' }");
    "log: { level: debug }".clone_into(&mut settings.more);

    let error = world.reload(&settings.to_yaml()).await.unwrap_err().to_string();

    assert!(
        error.contains("octobroker.yaml: needs a restart: listeners, log can't change"),
        "{error}"
    );
    world.works().await;
    let status = world.status().await;
    assert_eq!(status["config"]["last_reload"]["problems"], json!([error]));
    world.close().await;
}

#[tokio::test]
async fn counters_stay_and_the_state_of_what_is_gone_does_not() {
    let world = World::start().await;
    world.works().await;
    let of = |rule: &str, account: &str| {
        format!(
            "octobroker_requests_total{{code=\"ok\",door=\"bearer\",rule=\"{rule}\",\
             service_account=\"{account}\"}}"
        )
    };
    let keys = |issuer: &str| format!("octobroker_jwks_keys{{issuer=\"{issuer}\"}}");
    assert_eq!(world.metric(&keys("ci")).await, Some(1.0));

    world
        .reload_with(|settings| {
            settings.issuers = settings.issuers.replace("ci: ", "cd: ");
            settings.rules = settings.rules.replace("issuer: ci", "issuer: cd");
            settings.rules = settings.rules.replace("name: web", "name: shop");
        })
        .await;

    assert_eq!(world.metric(&of("web", "release-bot")).await, Some(1.0));
    assert_eq!(world.metric(&of("shop", "release-bot")).await, Some(0.0));
    assert_eq!(
        (world.metric(&keys("ci")).await, world.metric(&keys("cd")).await),
        (None, Some(1.0))
    );
    let refreshes = "octobroker_jwks_refreshes_total{issuer=\"ci\",outcome=\"ok\"}";
    assert_eq!(world.metric(refreshes).await, Some(1.0));
    world.works().await;
    assert_eq!(world.metric(&of("shop", "release-bot")).await, Some(1.0));
    world.close().await;
}

#[tokio::test]
async fn a_thousand_reloads_lose_no_request_and_leave_nothing_behind() {
    let world = World::start().await;
    let mut wires = Vec::new();
    for _ in 0..2 {
        wires.push(world.wire().await);
    }
    let job = world.job();
    let key = world.stand_in().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (mut tasks_before, mut series_before) = (0, 0);

    for number in 0..1_000 {
        let head = "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer";
        for wire in &mut wires {
            wire.write(format!("{head} {job}\r\n\r\n{head} {key}\r\n\r\n")).await;
        }
        // The second issuer's name, and with it its key store, is another each time.
        world
            .reload_with(|settings| {
                add(&mut settings.issuers, &format!(
                    "ci{}: {{ provider: custom, url: 'http://127.0.0.1:1', algorithms: [RS256] }}",
                    number % 7
                ));
                add(&mut settings.rules, &format!(
                    "{{ name: r{}, issuer: ci, service_account: release-bot, claims: {{ sub: x }} }}",
                    number % 7
                ));
                add(&mut settings.octopus, &format!("idle_timeout: {}s", 60 + number % 7));
            })
            .await;
        for wire in &mut wires {
            for _ in 0..2 {
                assert_eq!(wire.answer().await.status, 200);
            }
        }
        if number == 100 {
            (tasks_before, series_before) = (tasks(), world.metrics().await.lines().count());
        }
    }

    world.until("the last tasks have ended", async || tasks() <= tasks_before + 8).await;
    assert_eq!(world.metrics().await.lines().count(), series_before);
    assert_eq!(world.octopus.api_requests().len(), 4_000);
    assert_eq!(world.octopus.exchanges(), 1);
    assert_eq!(world.status().await["config"]["generation"], 1_001);
    world.close().await;
}
