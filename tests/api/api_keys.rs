//! Service accounts with an API key, and agents.

use std::time::Duration;

use serde_json::json;

use crate::world::{Settings, TemporaryFile, World};

impl World {
    /// A world whose service account has an API key, in a file; gives the file.
    async fn with_api_key(account: &str) -> (Self, TemporaryFile) {
        let mut world = Self::without_broker().await;
        let key = world.keep_secret(world.octopus.add_api_key(&world.account));
        let file = TemporaryFile::new("api-key", key);
        let mut settings = Settings::of(&world);
        settings.service_accounts =
            format!("release-bot: {{ api_key: {{ file: '{}' }}{account} }}", file.path().display());
        if !account.contains("id:") {
            settings.rules = settings.rules.replace("claims:", "audience: octobroker, claims:");
        }
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        (world, file)
    }

    fn keyed_job(&self) -> String {
        self.mint(&self.issuer.claims(crate::world::SUBJECT, "octobroker"))
    }
}

#[tokio::test]
async fn the_key_goes_to_octopus_and_nothing_is_exchanged() {
    let (world, _file) = World::with_api_key("").await;
    let job = world.keyed_job();

    world.get("/api/users/me").bearer(&job).ok().await;
    let release = json!({ "projectName": "Web", "releaseVersion": "1" });
    world.call("POST", "/api/Spaces-1/releases/create/v1").bearer(&job).json(&release).ok().await;

    let requests = world.octopus.api_requests();
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
    assert!(requests.iter().all(|request| request.credential.as_deref() == Some("release-bot")));
    assert_eq!(world.octopus.exchanges(), 0);
    let line = world.audited(2).await;
    assert_eq!((line["cache"].as_str(), line["agent"].as_bool()), (Some("none"), Some(false)));
    world.close().await;
}

#[tokio::test]
async fn a_key_that_octopus_refuses_is_sent_once() {
    let (world, file) = World::with_api_key("").await;
    let key = std::fs::read_to_string(file.path()).unwrap();
    world.octopus.revoke_api_key(&key);

    let reply = world.get("/api/users/me").bearer(&world.keyed_job()).send().await;

    assert_eq!((reply.status, reply.header("octobroker-error")), (401, None));
    assert_eq!(world.octopus.api_requests().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_new_key_in_the_file_is_used_and_an_unusable_file_changes_nothing() {
    let (world, file) = World::with_api_key("").await;
    let job = world.keyed_job();
    world.get("/api/users/me").bearer(&job).ok().await;

    std::fs::write(file.path(), "two\nlines").unwrap();
    world.advance(Duration::from_secs(1));
    world.get("/api/users/me").bearer(&job).ok().await;

    let old =
        world.octopus.requests().last().unwrap().header("x-octopus-apikey").unwrap().to_owned();
    let new = world.keep_secret(world.octopus.add_api_key(&world.account));
    world.octopus.revoke_api_key(&old);
    std::fs::write(file.path(), format!("{new}\n")).unwrap();
    world.advance(Duration::from_secs(1));
    world.get("/api/users/me").bearer(&job).ok().await;

    world.close().await;
}

#[tokio::test]
async fn an_agent_may_read_and_no_more() {
    let (world, _file) = World::with_api_key(", agent: true").await;
    let job = world.keyed_job();

    world.get("/api/Spaces-1/projects").bearer(&job).ok().await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let call = world.call(method, "/api/Spaces-1/projects/Projects-1").bearer(&job);
        call.refused(403, "request_not_allowed").await;
    }
    world
        .call("POST", "/api/Spaces-1/projects/Projects-1")
        .bearer(&job)
        .header("x-http-method-override", "DELETE")
        .refused(403, "request_not_allowed")
        .await;

    let lines = world.audit();
    assert!(lines.iter().all(|line| line["agent"] == true), "{lines:#?}");
    world.close().await;
}

#[tokio::test]
async fn a_login_for_an_account_with_a_key_gives_a_stand_in_of_an_hour() {
    let (world, _file) = World::with_api_key(", id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33").await;
    let claims = world.issuer.claims(crate::world::SUBJECT, "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33");
    let mut fields = world.login_fields(&world.mint(&claims));
    fields["audience"] = json!("5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33");

    let answer = world.call("POST", "/token/v1").json(&fields).ok().await.json();
    let stand_in = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());

    assert_eq!(answer["expires_in"], 3600);
    world.advance(Duration::from_secs(3599));
    world.get("/api/users/me").bearer(&stand_in).ok().await;
    world.advance(Duration::from_secs(1));
    world.get("/api/users/me").bearer(&stand_in).refused(401, "stand_in_unknown").await;
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_key_is_never_given_out_and_a_login_for_it_uses_nothing_up() {
    let (mut world, file) = World::with_api_key("").await;
    world.stop_broker().await;
    let mut settings = Settings::of(&world);
    settings.service_accounts =
        format!("release-bot: {{ api_key: {{ file: '{}' }} }}", file.path().display());
    settings.rules = settings.rules.replace("claims:", "audience: octobroker, claims:");
    settings.issuers = settings.issuers.replace(" }", ", replay: once }");
    settings.more = "token_door: { issues: access-token }".to_owned();
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let mut fields = world.login_fields(&world.keyed_job());
    fields["audience"] = json!("release-bot");

    for _ in 0..2 {
        let reply = world.call("POST", "/token/v1").json(&fields).send().await;
        assert_eq!(reply.header("octobroker-error"), Some("request_not_allowed"));
    }
    world.close().await;
}
