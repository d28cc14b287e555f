//! `octobroker plan` and `apply`: from an empty Octopus to one in which every rule works.

use emulator::{FailedWrite, UserKind};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::process::{Ended, Process, until};
use crate::site::Site;
use crate::world::{send, serving, text};

fn kinds(plan: &Value, member: &str) -> Vec<String> {
    let entries = plan[member].as_array().unwrap().iter();
    entries.map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_file_and_apply_make_every_rule_work() {
    let site = Site::set("provision-whole").await;

    let (code, plan) = site.plan(&[]).await;
    assert_eq!((code, site.stage.octopus.writes()), (Some(8), 0));
    assert_eq!(plan["counts"], json!({ "create": 14, "change": 0, "remove": 0 }), "{plan:#}");
    assert_eq!(plan["problems"], json!([]));
    let identity = &plan["changes"].as_array().unwrap()[7];
    assert_eq!(identity["unserved_rules"], json!(["web-main"]), "{plan:#}");

    let applied = site.apply(&[]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(applied.stdout.contains("[14/14] ✓ helper: API key"), "{}", applied.stdout);
    site.assert_whole();
    let writes = site.stage.octopus.writes();
    let again = site.apply(&[]).await;
    assert_ids_are_told(&site, &again);
    assert_eq!((again.code, site.stage.octopus.writes()), (Some(0), writes));
    assert!(again.stdout.starts_with("✓ nothing to change"), "{}", again.stdout);
    let (code, plan) = site.plan(&[]).await;
    assert_eq!(code, Some(0));
    for (name, user) in EXCHANGED {
        assert_eq!(plan["ids"][name], site.user(user).external_id, "{plan:#}");
    }
    assert_ids_are_told(&site, &site.run(&["plan"]).await);

    // The ids that it printed, in the file.
    assert_ids_are_told(&site, &applied);
    let mut config = site.config.clone();
    for user in EXCHANGED.map(|(_, user)| user) {
        let id = site.user(user).external_id;
        config = config
            .replace(&format!("username: {user}"), &format!("username: {user}\n    id: {id}"));
    }
    site.write(&config);
    assert_eq!(site.plan(&[]).await.0, Some(0));
    let told = site.apply(&[]).await.stdout;
    assert!(!told.contains("Write the ids"), "{told}");
    assert_every_rule_works(&site).await;
    site.close().await;
}

/// The accounts that need an id in the file, and their names in Octopus.
const EXCHANGED: [(&str, &str); 2] = [("release", "svc-release"), ("tooling", "svc-tooling")];

/// Whoever runs `apply` or `plan` learns each id that the file lacks, whichever run has made the account.
fn assert_ids_are_told(site: &Site, applied: &Ended) {
    for (name, user) in EXCHANGED {
        let entry = format!("  {name}:\n    id: {}", site.user(user).external_id);
        assert!(applied.stdout.contains(&entry), "{}", applied.stdout);
    }
}

/// Asks through a real broker with a token for each rule.
async fn assert_every_rule_works(site: &Site) {
    let config = site.stage.path("octobroker.yaml").display().to_string();
    let process = Process::start(&["serve", "--config", &config], site.stage.folder.path());
    let [address, admin] = until("it says where it serves", async || serving(&process)).await;
    until("it is ready", async || {
        let ready = crate::world::get(admin, "/readyz").await?;
        (ready.status() == 200).then_some(())
    })
    .await;
    for (user, claims) in jobs(site) {
        let token = site.stage.issuer.mint(&claims);
        let request = Request::get("/api/users/me").header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer =
            send::<Full<_>>(address, request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{user}: {}", process.heard());
        let me: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(me["Username"], user);
    }
}

/// The claims of a job for each rule, and as whom it acts.
fn jobs(site: &Site) -> Vec<(&'static str, Value)> {
    let release = site.user("svc-release").external_id;
    let job = |(subject, audience): (&str, &str), repository: (&str, &str), whole: &str| {
        let mut claims = site.stage.issuer.claims(subject, audience);
        let kind = if whole.starts_with("refs/tags/") { "tag" } else { "branch" };
        for (name, value) in [
            ("repository", repository.0),
            ("repository_id", repository.1),
            ("event_name", "push"),
            ("ref", whole),
            ("ref_type", kind),
        ] {
            claims[name] = json!(value);
        }
        claims
    };
    let (main, web) = ("refs/heads/main", ("acme/web", "7"));
    let of_web = |subject: &str| job((subject, &release), web, main);
    let mut production = of_web("repo:acme/web:environment:production");
    production["environment"] = json!("production");
    let tools = ("repo:Acme/Tools:ref:refs/tags/v1", "octobroker");
    let agents = ("repo:acme/agents:ref:refs/heads/main", "agents");
    vec![
        ("svc-release", of_web("repo:acme/web:ref:refs/heads/main")),
        ("svc-release", of_web("repo:acme@5/web@7:ref:refs/heads/main")),
        ("svc-release", production),
        ("svc-tooling", job(tools, ("Acme/Tools", "8"), "refs/tags/v1")),
        ("svc-helper", job(agents, ("acme/agents", "9"), main)),
    ]
}

#[tokio::test]
async fn a_failure_at_any_step_is_survived_by_running_again() {
    for how in [FailedWrite::Before, FailedWrite::After] {
        for number in 1..=14 {
            let site = Site::set(&format!("provision-fails-{number}-{how:?}")).await;
            site.stage.octopus.fail_write(number, how);

            let failed = site.apply(&[]).await;
            assert_eq!(failed.code, Some(5), "{number} {how:?}: {failed:?}");
            assert!(failed.stderr.contains("run it again"), "{}", failed.stderr);
            assert_eq!(failed.stdout.matches("] ✓").count(), number - 1);
            let repaired = site.apply(&[]).await;
            assert_eq!(repaired.code, Some(0), "{number} {how:?}: {repaired:?}");
            assert_ids_are_told(&site, &repaired);
            site.assert_whole();
            let writes = site.stage.octopus.writes();
            assert_eq!(site.apply(&[]).await.code, Some(0));
            assert_eq!(site.stage.octopus.writes(), writes, "{number} {how:?}");
            site.close().await;
        }
    }
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_found() {
    let site = Site::set("provision-drift").await;
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let octopus = &site.stage.octopus;
    let release = site.user("svc-release");
    let account = emulator::ServiceAccount {
        id: release.external_id.clone(),
        user_id: release.user_id.clone(),
        name: release.username.clone(),
    };
    octopus.remove_identities(&account);
    octopus.add_identity(&account, &site.stage.issuer.url(), "repo:acme/*", None);
    octopus.add_identity(&account, "https://gitlab.com", "project_path:acme/web:*", None);
    octopus.set_active("svc-helper", false);

    let (code, plan) = site.plan(&[]).await;

    assert_eq!(code, Some(8));
    let remarks = kinds(&plan, "remarks");
    for kind in ["identity_broader", "identity_unneeded", "account_inactive"] {
        assert!(remarks.iter().any(|found| found == kind), "{kind}: {plan:#}");
    }
    assert_eq!(kinds(&plan, "changes").iter().filter(|kind| *kind == "identity").count(), 4);
    assert_eq!(plan["counts"]["remove"], 0);
    octopus.set_active("svc-helper", true);
    assert_eq!(site.apply(&[]).await.code, Some(0));
    assert_eq!(site.user("svc-release").identities.len(), 6, "what others made stays");
    let (code, plan) = site.plan(&["--prune"]).await;
    assert_eq!((code, &plan["counts"]["remove"]), (Some(8), &json!(2)), "{plan:#}");
    assert_eq!(site.apply(&["--prune"]).await.code, Some(0));
    site.assert_whole();
    site.close().await;
}

#[tokio::test]
async fn a_rule_that_changes_or_goes_takes_its_identity_along() {
    let site = Site::set("provision-rules").await;
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let config = site.config.replace("branch: main", "branch: stable");
    let config = config.replace("environment: production", "environment: production, events: push");
    let (before, rest) = config.split_once("  - { name: tools").unwrap();
    let (_, after) = rest.split_once("  - { name: agents").unwrap();
    site.write(&format!("{before}  - {{ name: agents{after}"));

    let (code, plan) = site.plan(&[]).await;
    assert_eq!(code, Some(8));
    assert_eq!(plan["counts"], json!({ "create": 0, "change": 2, "remove": 2 }), "{plan:#}");
    let human = site.run(&["plan"]).await;
    assert!(human.stdout.contains("- subject   "), "{}", human.stdout);
    assert_eq!(site.apply(&[]).await.code, Some(0));

    let subjects: Vec<String> =
        site.user("svc-release").identities.iter().map(|it| it[2].clone()).collect();
    assert!(subjects.contains(&"repo:acme/web:ref:refs/heads/stable".to_owned()), "{subjects:?}");
    assert_eq!((subjects.len(), site.user("svc-tooling").identities.len()), (4, 0));
    assert_eq!(site.plan(&[]).await.0, Some(0));
    site.close().await;
}

#[tokio::test]
async fn keys_are_made_told_and_rotated_without_being_seen() {
    let site = Site::set("provision-keys").await;
    let path = site.stage.path("helper-key");
    let key = || std::fs::read_to_string(&path).unwrap();
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let first = key();

    let rotated = site.apply(&["--rotate-keys"]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(!rotated.stdout.contains(first.trim()), "the old key is told");
    assert_ne!(key(), first);
    assert_eq!(site.user("svc-helper").key_purposes, ["octobroker: helper"]);

    // Revoked by hand: the one in the file is worth nothing.
    site.stage.octopus.revoke_api_key(key().trim());
    let (code, plan) = site.plan(&[]).await;
    assert_eq!((code, kinds(&plan, "changes")), (Some(8), vec!["api_key".to_owned()]));
    assert_eq!(site.apply(&[]).await.code, Some(0));

    // The file is gone: another broker may have it, so that key stays until somebody says otherwise.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let (code, plan) = site.plan(&[]).await;
    assert_eq!(code, Some(0));
    assert!(kinds(&plan, "remarks").contains(&"key_elsewhere".to_owned()), "{plan:#}");
    assert_eq!(site.apply(&["--prune"]).await.code, Some(0));
    assert_eq!(site.user("svc-helper").key_purposes.len(), 1);

    // A key of somebody else is not overwritten.
    let stranger = site.stage.octopus.add_api_key(&site.stage.account);
    std::fs::write(&path, &stranger).unwrap();
    let (code, plan) = site.plan(&[]).await;
    assert_eq!((code, kinds(&plan, "problems")), (Some(1), vec!["key_of_another".to_owned()]));
    assert_eq!(site.apply(&[]).await.code, Some(1));
    assert_eq!(key(), stranger);
    site.close().await;
}

#[tokio::test]
async fn people_and_what_can_t_be_are_left_alone() {
    let site = Site::set("provision-problems").await;
    let octopus = &site.stage.octopus;
    octopus.add_user("svc-release", UserKind::Ordinary);
    octopus.add_user("svc-helper", UserKind::Standard);
    site.write(&site.config.replace("[deployers, Readers]", "[Nobody]"));

    let (code, plan) = site.plan(&[]).await;
    let applied = site.apply(&[]).await;

    assert_eq!(code, Some(1));
    assert_eq!(kinds(&plan, "problems"), ["ordinary_user", "team_unknown", "type_differs"]);
    assert_eq!((applied.code, octopus.writes()), (Some(1), 0));
    assert!(applied.stderr.contains("nothing was changed"), "{}", applied.stderr);
    site.close().await;
}

#[tokio::test]
async fn nothing_is_changed_without_a_yes() {
    let site = Site::set("provision-asks").await;

    let asked = site.run(&["apply"]).await;
    assert_eq!((asked.code, site.stage.octopus.writes()), (Some(1), 0));
    assert!(asked.stderr.contains("Only `yes` does"), "{}", asked.stderr);
    assert!(asked.stderr.contains("nobody answered; write --yes"), "{}", asked.stderr);
    let json = site.run(&["apply", "--output", "json"]).await;
    assert_eq!((json.code, site.stage.octopus.writes()), (Some(2), 0));
    site.close().await;
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let site = Site::set("provision-refused").await;
    let other = site.stage.octopus.add_api_key(&site.stage.account);

    for flag in ["--admin-key-file", "--admin-token-file"] {
        let slipped = site.run(&["plan", flag, &site.key]).await;
        assert_eq!(slipped.code, Some(6));
        assert!(slipped.stderr.contains("name that file"), "{}", slipped.stderr);
    }
    let none = site.stage.run(&["plan"], &[]).await;
    assert_eq!(none.code, Some(6));
    assert!(none.stderr.contains("OCTOBROKER_ADMIN_API_KEY"), "{}", none.stderr);
    let refused = site.stage.run(&["plan"], &[("OCTOBROKER_ADMIN_API_KEY", &other)]).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("403") && !refused.stderr.contains(&other));
    let config = site.config.replace(&site.stage.octopus.url(), "http://127.0.0.1:1");
    site.write(&config);
    assert_eq!(site.run(&["plan"]).await.code, Some(5));
    site.close().await;
}

#[tokio::test]
async fn a_file_without_ids_serves_nobody_and_says_why() {
    let site = Site::set("provision-serve").await;

    let checked = site.stage.run(&["check"], &[]).await;

    assert_eq!(checked.code, Some(3));
    assert!(
        checked.stdout.contains("has no `id` yet; `octobroker plan` prints the id"),
        "{}",
        checked.stdout
    );
    site.close().await;
}

const PAGE: &str = include_str!("../../docs/from-api-keys-to-none.md");

/// What stands between two lines of the page.
fn block<'a>(start: &str, end: &str) -> &'a str {
    PAGE.split_once(start).unwrap().1.split(end).next().unwrap()
}

#[tokio::test]
async fn the_page_shows_what_plan_prints() {
    let site = Site::set("provision-page").await;
    let url = site.stage.octopus.url();
    let config = block("```yaml\n", "```").replace("https://acme.octopus.app", &url);
    site.write(&config);

    let planned = site.run(&["plan"]).await;

    let printed = planned.stdout.replace(&url, "https://acme.octopus.app");
    let shown = block("$ octobroker plan --admin-key-file admin.key\n", "```");
    assert_eq!(shown, printed, "{printed}");
    site.close().await;
}
