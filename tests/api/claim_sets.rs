//! The claim sets of 30 platforms, signed and sent: what a careful rule accepts, and what it must
//! not. Files and expectations are tests/fixtures/claims, the rules tests/fixtures/acme.yaml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use emulator::{Algorithm, SigningKey, jwt};
use octobroker::config;
use octobroker::identity::ClaimAddress;
use octobroker::octopus::Grant;
use octobroker::trust::{Rule, Test};
use serde_json::{Value, json};

use crate::forge::judged;
use crate::key_sets::KeyFile;
use crate::world::{NOW, TemporaryFile, World};

/// Claim sets that are refused before the rules are asked, with the word.
const BEFORE_THE_RULES: [(&str, &str); 7] = [
    ("entra-attack-other-tenant", "issuer_unknown"),
    ("github-actions-default-aud", "audience_refused"),
    ("github-actions-sigstore-aud", "audience_refused"),
    ("kubernetes-extended-default", "token_lifetime_refused"),
    ("kubernetes-legacy-secret", "issuer_unknown"),
    ("spiffe-attack-trust-domain", "issuer_unknown"),
    ("spiffe-multi-audience", "audience_refused"),
];

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/claims");
pub(crate) const RULES: &str = include_str!("../fixtures/acme.yaml");

#[tokio::test]
async fn careful_rules_accept_and_refuse_what_they_should() {
    let (world, _) = acme("accept-and-refuse").await;
    let mut outcomes = BTreeMap::<_, usize>::new();
    for (name, fixture) in fixtures() {
        let line = judged(&world, &token(&world, &fixture, fixture["payload"].clone())).await;

        let expected = fixture["expect"].as_str().unwrap();
        if expected == "accept" {
            assert_eq!(line["code"], "ok", "{name}: {line:#}");
            let provider = fixture["provider"].as_str().unwrap();
            let rule = line["rule"].as_str().unwrap();
            assert!(rule.starts_with(provider), "{name} by {rule}");
        } else {
            let early = BEFORE_THE_RULES.iter().find(|(early, _)| *early == name);
            let code = early.map_or("no_rule_matched", |(_, code)| *code);
            assert_eq!(line["code"], code, "{name}: {line:#}");
            assert_eq!(line.get("missed").is_some(), early.is_none(), "{name}: {line:#}");
        }
        *outcomes.entry(expected.to_owned()).or_default() += 1;
    }

    assert_eq!(outcomes.values().sum::<usize>(), 110, "{outcomes:?}");
    let counted = outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count));
    assert_eq!(counted.collect::<Vec<_>>(), COUNTS);
    world.close().await;
}

/// How many files expect what.
const COUNTS: [(&str, usize); 3] = [("accept", 71), ("reject", 23), ("reject-by-default", 16)];

/// Each condition of the rule that accepted a claim set holds alone: no other makes up for it.
#[tokio::test]
async fn no_condition_of_a_rule_is_idle() {
    let (world, rules) = acme("idle").await;
    let (mut changes, mut matched) = (0, BTreeSet::new());
    for (name, fixture) in fixtures() {
        let payload = &fixture["payload"];
        let line = judged(&world, &token(&world, &fixture, payload.clone())).await;
        let Some(rule) = rules.iter().find(|rule| line["rule"] == rule.name.as_str()) else {
            continue;
        };
        matched.insert(rule.name.as_str());
        for changed in spoilt(rule, payload) {
            let line = judged(&world, &token(&world, &fixture, changed.clone())).await;
            assert_ne!(line["rule"], rule.name.as_str(), "{name}: {changed:#}");
            changes += 1;
        }
    }

    let idle: Vec<_> = rules
        .iter()
        .map(|rule| rule.name.as_str())
        .filter(|rule| !matched.contains(rule))
        .collect();
    assert_eq!(idle, ["github-actions-release-workflow", "gitlab-old"], "for what must not match");
    assert!(changes > 250, "{changes}");
    world.close().await;
}

/// The claims with, one after the other, each condition of the rule broken.
fn spoilt(rule: &Rule<Arc<Grant>>, payload: &Value) -> Vec<Value> {
    let broken = rule
        .conditions
        .iter()
        .map(|condition| with(payload.clone(), &condition.claim, spoiler(&condition.test)));
    broken.collect()
}

/// A value that does not pass.
fn spoiler(test: &Test) -> Value {
    match test {
        Test::NotOneOf(unwanted) => json!(unwanted[0]),
        Test::NotStartingWith(unwanted) => json!(format!("{}1", unwanted[0])),
        Test::AbsentOr(test) => spoiler(test),
        Test::Present => json!(""),
        // A text that no pattern here matches, in place of the like and of an array.
        _ => json!("e:v/i:l"),
    }
}

/// The claims with another value at an address, which may not be there yet.
fn with(mut claims: Value, address: &ClaimAddress, value: Value) -> Value {
    let steps = match address {
        ClaimAddress::Name(name) => std::slice::from_ref(name),
        ClaimAddress::Pointer { steps, .. } => steps,
    };
    let mut place = &mut claims;
    for step in steps {
        place = &mut place[step.as_str()];
    }
    *place = value;
    claims
}

/// A world with a rule for every platform, and an Octopus that trusts all of their issuers.
async fn acme(name: &str) -> (World, Vec<Rule<Arc<Grant>>>) {
    let mut world = World::without_broker().await;
    let [rsa, p256, p384] = keys();
    let file = KeyFile::new(&format!("acme-{name}"), &[&rsa, &p256, &p384]);
    let keys = format!("'{}'", file.path().display());
    let keyed = world.octopus.add_service_account("keyed");
    let api_key = TemporaryFile::new("acme-key", world.octopus.add_api_key(&keyed));
    let api_key_file = format!("'{}'", api_key.path().display());
    let mut yaml = RULES
        .replace("OCTOPUS", &world.octopus.url())
        .replace("KEYS", &keys)
        .replace("API_KEY", &api_key_file);
    let mut accounts = BTreeMap::new();
    while let Some((_, rest)) = yaml.split_once("id: ID-") {
        let name = rest.split(',').next().unwrap().to_owned();
        let account = world.octopus.add_service_account(&name);
        yaml = yaml.replace(&format!("ID-{name},"), &format!("{},", account.id));
        accounts.insert(name, account);
    }
    let config = config::parse(&yaml, Path::new("acme.yaml"), &|_| None)
        .unwrap_or_else(|error| panic!("{error}"));
    for issuer in &config.issuers {
        world.octopus.trust_keys(&issuer.url, vec![rsa.clone(), p256.clone(), p384.clone()]);
        for account in config.service_accounts.iter().filter(|account| account.id.is_some()) {
            let audience = account.audience.as_deref();
            world.octopus.add_identity(&accounts[&account.name], &issuer.url, "*", audience);
        }
    }
    world.serve(&yaml).await;
    world.until_ready().await;
    (world, config.rules)
}

/// One key for each algorithm that occurs.
pub(crate) fn keys() -> [SigningKey; 3] {
    [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384].map(SigningKey::shared)
}

/// A claim set as its issuer would sign it now.
fn token(world: &World, fixture: &Value, mut payload: Value) -> String {
    let issued = payload["iat"].as_u64();
    let now = |time: &mut Value| {
        if let (Some(seconds), Some(issued)) = (time.as_u64(), issued) {
            *time = json!(seconds + NOW - issued);
        }
    };
    for time in ["/iat", "/nbf", "/exp", "/act/iat"] {
        payload.pointer_mut(time).into_iter().for_each(now);
    }
    let mut header = fixture["header"].clone();
    let key = keys().into_iter().find(|key| header["alg"] == key.algorithm().name()).unwrap();
    header["kid"] = json!(key.kid());
    world.keep_secret(jwt::encode(&header, &payload, &key))
}

/// Every file, by its name.
pub(crate) fn fixtures() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(FIXTURES).unwrap().map(|file| file.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    };
    files.map(read).collect()
}
