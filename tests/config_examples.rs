//! The example configurations load, and mean what they say.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use octobroker::config::{Config, load};
use octobroker::identity::{ClaimAddress, Json};
use octobroker::proxy::ListenerSpec;

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    load(&path, &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

/// The first rule that these claims satisfy.
fn matched(config: &Config, claims: &str) -> Option<String> {
    let claims = Json::parse(claims.as_bytes()).unwrap();
    let claim = |address: &ClaimAddress| match address {
        ClaimAddress::Name(name) => member(&claims, name),
        ClaimAddress::Pointer { steps, .. } => {
            steps.iter().try_fold(&claims, |value, step| member(value, step))
        }
    };
    let rule = config.rules.iter().find(|rule| rule.first_miss(claim).is_none());
    rule.map(|rule| rule.name.clone())
}

fn member<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    match value {
        Json::Object(members) => members.get(name),
        _ => None,
    }
}

/// What stands in the folder and is no configuration: tests of one.
const RULE_TESTS: &str = "rule-tests.yaml";

#[test]
fn every_file_in_the_folder_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "yaml"))
        .filter(|name| name != RULE_TESTS)
        .collect();
    names.sort();

    for name in &names {
        let config = example(name);
        assert!(!config.rules.is_empty() || config.ambient.is_some(), "{name}");
    }
    let expected = [
        "github-actions.yaml",
        "gitlab-ci.yaml",
        "kubernetes.yaml",
        "octobroker.yaml",
        "sidecar.yaml",
    ];
    for name in expected {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
}

#[test]
fn the_annotated_rule_uses_every_operator() {
    let config = example("octobroker.yaml");
    let good = r#"{"project_id":4711,"job_project_id":"4711","environment":"production",
        "ref":"refs/heads/release/1.2","groups":["deployers"],"event":"push",
        "workload":{"namespace":"prod"}}"#;

    assert_eq!(matched(&config, good).as_deref(), Some("web-production"));
    assert_eq!(config.rules[0].conditions.len(), 8);
    let impersonated = good.replacen('{', r#"{"impersonated_by":"mallory","#, 1);
    assert_eq!(matched(&config, &impersonated), None);
}

#[test]
fn github_jobs_act_by_ids_and_never_from_pull_requests() {
    let config = example("github-actions.yaml");
    let good = r#"{"repository_id":"812345678","repository_owner_id":"70412345",
        "repository":"acme-corp/shop-api","environment":"production","event_name":"push",
        "ref":"refs/heads/main","ref_type":"branch","ref_protected":"true"}"#;
    let tag = good.replace("refs/heads/main", "refs/tags/v2.4.0").replace("branch", "tag");

    assert_eq!(matched(&config, good).as_deref(), Some("shop-production"));
    assert_eq!(matched(&config, &tag).as_deref(), Some("shop-release-tags"));
    let hostile = [
        good.replace("812345678", "999999999"),
        good.replace("acme-corp/shop-api", "acme-corp/shop-web"),
        good.replace("\"push\"", "\"pull_request\""),
        good.replace("refs/heads/main", "refs/pull/77/merge"),
        good.replace("\"production\"", "\"preview\""),
        tag.replace("\"true\"", "\"false\""),
        tag.replace("v2.4.0", "v2/x"),
    ];
    for claims in hostile {
        assert_eq!(matched(&config, &claims), None, "{claims}");
    }
}

#[test]
fn gitlab_jobs_act_by_ids_and_never_with_a_forks_code() {
    let config = example("gitlab-ci.yaml");
    let good = r#"{"project_id":"20481","namespace_id":"72001","job_project_id":"20481",
        "ref_protected":"true","ref":"main","ref_path":"refs/heads/main",
        "ref_type":"branch","pipeline_source":"push","project_path":"acme/platform/shop-api"}"#;

    assert_eq!(matched(&config, good).as_deref(), Some("shop-release-branches"));
    let hostile = [
        good.replace(r#""project_id":"20481","namespace"#, r#""project_id":"99001","namespace"#),
        good.replace(r#""job_project_id":"20481""#, r#""job_project_id":"99001""#),
        good.replace("72001", "98077"),
        good.replace("\"true\"", "\"false\""),
        good.replace("\"push\"", "\"merge_request_event\""),
        good.replace("refs/heads/main", "refs/tags/main"),
    ];
    for claims in hostile {
        assert_eq!(matched(&config, &claims), None, "{claims}");
    }
}

#[test]
fn pods_act_by_namespace_and_service_account() {
    let config = example("kubernetes.yaml");
    let good = r#"{"sub":"system:serviceaccount:shop:octopus-deployer","kubernetes.io":
        {"namespace":"shop","serviceaccount":{"name":"octopus-deployer","uid":"5c1f"}}}"#;

    assert_eq!(config.rules[0].audience, "octobroker");
    assert_eq!(matched(&config, good).as_deref(), Some("shop-deployer"));
    let hostile = [
        good.replace("shop", "shop-dev"),
        good.replace(r#""name":"octopus-deployer""#, r#""name":"default""#),
        good.replace("\"namespace\"", "\"warnafter\":1,\"namespace\""),
        r#"{"sub":"system:serviceaccount:shop:octopus-deployer"}"#.to_owned(),
    ];
    for claims in hostile {
        assert_eq!(matched(&config, &claims), None, "{claims}");
    }
}

#[test]
fn a_sidecar_lends_its_identity_to_its_own_machine_alone() {
    let config = example("sidecar.yaml");

    assert_eq!(config.ambient.unwrap().service_account, "release-bot");
    assert!(config.listeners.iter().all(|listener| listener.is_ambient));
    let names: Vec<String> = config.listeners.iter().map(ListenerSpec::name).collect();
    assert_eq!(names, ["unix:/run/octobroker/octobroker.sock", "127.0.0.1:8484"]);
    assert!(config.rules.is_empty() && config.issuers.is_empty());
}
