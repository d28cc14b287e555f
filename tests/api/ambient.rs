//! The broker's own identity, lent on a loopback listener.

use std::time::Duration;

use emulator::octopus::ExpiresIn;

use crate::world::{SUBJECT, Settings, TemporaryFile, World};

impl World {
    /// A sidecar: one ambient listener, no issuers, no rules; its ID token is in a file.
    pub(crate) async fn sidecar() -> (Self, TemporaryFile) {
        Self::sidecar_with(|_| {}).await
    }

    async fn sidecar_with(change: impl FnOnce(&mut Settings)) -> (Self, TemporaryFile) {
        let mut world = Self::without_broker().await;
        let file = TemporaryFile::new("token", world.job());
        let mut settings = Settings::of(&world);
        "{ bind: 127.0.0.1:0, ambient: true }".clone_into(&mut settings.listeners);
        settings.more = format!(
            "ambient: {{ token: {{ file: '{}' }}, service_account: release-bot }}",
            file.path().display()
        );
        change(&mut settings);
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        (world, file)
    }

    fn own_token(&self, subject: &str) -> String {
        self.mint(&self.issuer.claims(subject, &self.account.id))
    }
}

#[tokio::test]
async fn a_request_without_credential_acts_as_the_broker_itself() {
    let (world, _file) = World::sidecar().await;

    for target in ["/api/users/me", "/api", "/api/Spaces-1/projects"] {
        world.get(target).ok().await;
    }

    let requests = world.octopus.api_requests();
    assert!(requests.iter().all(|request| request.credential.as_deref() == Some("release-bot")));
    assert_eq!(world.octopus.exchanges(), 1);
    let line = world.audited(3).await;
    assert_eq!((line["door"].as_str(), line["subject"].as_str()), (Some("ambient"), Some(SUBJECT)));
    assert_eq!(line.get("rule"), None);
    let series = "octobroker_requests_total{code=\"ok\",door=\"ambient\",rule=\"\",\
                  service_account=\"release-bot\"}";
    assert_eq!(world.metric(series).await, Some(3.0));
    world.close().await;
}

#[tokio::test]
async fn a_credential_that_comes_along_is_judged_and_not_replaced() {
    let (world, _file) = World::sidecar().await;

    world
        .get("/api/users/me")
        .bearer(&world.own_token("a-stranger"))
        .refused(403, "no_rule_matched")
        .await;
    world
        .get("/api/users/me")
        .header("x-octopus-apikey", "API-OTHER")
        .refused(401, "stand_in_unknown")
        .await;
    world.get("/api/users/me").bearer(&world.job()).ok().await;

    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_web_page_is_not_lent_the_identity() {
    let (world, _file) = World::sidecar().await;

    world
        .get("/api/users/me")
        .header("origin", "https://evil.example")
        .refused(403, "origin_refused")
        .await;
    world
        .get("/api/users/me")
        .header("sec-fetch-site", "cross-site")
        .refused(403, "origin_refused")
        .await;
    world.get("/api/users/me").host("evil.example").refused(421, "host_refused").await;

    assert_eq!(world.octopus.requests().len(), 0);
    world.close().await;
}

#[tokio::test]
async fn administration_is_refused_to_the_broker_itself_too() {
    let (world, _file) = World::sidecar().await;

    world.call("POST", "/api/users/Users-21/apikeys").refused(403, "request_not_allowed").await;
    let other = world.get("/api/users/me").header("octobroker-service-account", "other");
    other.refused(403, "no_rule_matched").await;

    let lines = world.audited_lines(2).await;
    let told = "the credential is for another service account than \"other\"";
    assert_eq!(lines[1]["detail"], told);
    world.close().await;
}

#[tokio::test]
async fn a_token_file_that_is_rotated_serves_for_days() {
    let (world, file) = World::sidecar().await;

    for _ in 0..48 {
        world.get("/api/users/me").ok().await;
        world.advance(Duration::from_secs(3600));
        file.replace(world.job());
    }

    assert_eq!(world.octopus.exchanges(), 48);
    world.close().await;
}

#[tokio::test]
async fn a_token_that_is_not_renewed_serves_as_long_as_its_access_token() {
    let (world, _file) = World::sidecar().await;
    world.get("/api/users/me").ok().await;

    world.advance(Duration::from_secs(3_500));
    world.get("/api/users/me").ok().await;
    world.advance(Duration::from_secs(100));
    let reply = world.get("/api/users/me").refused(503, "exchange_unavailable").await;

    assert!(!reply.text().contains("repo:"));
    let line = world.audited(3).await;
    assert!(line["detail"].as_str().unwrap().contains("expired"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn an_access_token_of_seconds_is_renewed_unnoticed() {
    let (world, file) = World::sidecar().await;
    world.octopus.set(|knobs| knobs.expires_in = ExpiresIn::Seconds(5));

    for _ in 0..20 {
        world.get("/api/users/me").ok().await;
        world.advance(Duration::from_secs(1));
        file.replace(world.job());
    }

    world.close().await;
}

#[tokio::test]
async fn an_agent_in_front_of_which_it_stands_needs_no_identity_but_the_key() {
    let mut world = World::without_broker().await;
    let key = world.keep_secret(world.octopus.add_api_key(&world.account));
    let file = TemporaryFile::new("agent-key", key);
    let mut settings = Settings::of(&world);
    settings.service_accounts =
        format!("helper: {{ agent: true, api_key: {{ file: '{}' }} }}", file.path().display());
    settings.listeners = "{ bind: 127.0.0.1:0, ambient: true }".to_owned();
    settings.more = "ambient: { service_account: helper }".to_owned();
    let yaml = settings.to_yaml();
    let yaml = yaml.split_once("rules:").map(|(before, _)| before).unwrap();
    world.serve(&format!("{yaml}{}\n", settings.more)).await;
    world.until_ready().await;

    world.get("/api/Spaces-1/projects").ok().await;
    world
        .call("POST", "/api/Spaces-1/releases/create/v1")
        .refused(403, "request_not_allowed")
        .await;

    let line = world.audited(2).await;
    assert_eq!(line["agent"], true);
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}
