//! Subjects that are planned without a token, held against the tokens of 30 platforms.

use std::collections::BTreeSet;
use std::path::Path;

use emulator::{Algorithm, SigningKey};
use octobroker::config::{self, Config};
use octobroker::identity::{Claims, Json};
use octobroker::trust::{PlannedSubjects, presets};

use crate::claim_sets::{RULES, fixtures};
use crate::key_sets::KeyFile;
use crate::world::TemporaryFile;

/// Tokens that find none by a rule that accepts them: their subjects are of somebody's own making, of a
/// form of former days, or would be anybody's where the rule pins no more than it does. Those are told
/// or documented; a rule on `sub` serves them.
const UNSERVED: [&str; 7] = [
    "buildkite-subject-claim",
    "circleci-v1",
    "github-actions-custom-sub",
    "github-actions-custom-sub-id",
    "github-actions-tag",
    "gitlab-custom-sub-project-id",
    "teamcity-scoped",
];

/// Rules whose subjects can't be told: they pin ids, which the subject does not have, where an issuer
/// signs for many, or are of a provider whose subjects are ids of their own.
const NOT_PLANNED: [&str; 6] = [
    "buildkite-ids",
    "entra-v1",
    "entra-v2",
    "env0-production",
    "hcp-terraform-apply",
    "vercel-global",
];

fn acme() -> Config {
    let keys = KeyFile::new("planned", &[&SigningKey::shared(Algorithm::Rs256)]);
    let api_key = TemporaryFile::new("planned-key", "API-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let mut yaml = RULES
        .replace("OCTOPUS", "http://127.0.0.1:1")
        .replace("KEYS", &format!("'{}'", keys.path().display()))
        .replace("API_KEY", &format!("'{}'", api_key.path().display()));
    let mut number = 0;
    while yaml.contains("id: ID-") {
        let name = yaml.split("id: ID-").nth(1).unwrap().split(',').next().unwrap().to_owned();
        let id = format!("5f2c8c0e-1c1e-4a7b-9a54-{number:012}");
        yaml = yaml.replace(&format!("ID-{name},"), &format!("{id},"));
        number += 1;
    }
    config::parse(&yaml, Path::new("acme.yaml"), &|_| None)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// As Octopus reads a subject: written the slow and obvious way.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            matches(rest, text)
                || text.split_first().is_some_and(|(_, tail)| matches(pattern, tail))
        }
        ([b'?', rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        ([wanted, rest @ ..], [first, tail @ ..]) => wanted == first && matches(rest, tail),
        _ => false,
    }
}

#[test]
fn every_token_that_a_rule_accepts_finds_a_planned_identity() {
    let config = acme();
    let (mut served, mut unserved, mut not_planned) = (0, BTreeSet::new(), BTreeSet::new());
    for (name, fixture) in fixtures() {
        // Octopus takes no token without `iss`.
        if fixture["expect"] != "accept" || fixture["payload"].get("iss").is_none() {
            continue;
        }
        let payload = fixture["payload"].to_string();
        let claims = Claims::of(Json::parse(payload.as_bytes()).unwrap()).unwrap();
        for rule in &config.rules {
            let issuer = config.issuers.iter().find(|it| it.name == rule.issuer).unwrap();
            let is_of = issuer.url == claims.issuer();
            if !is_of || rule.first_miss(|address| claims.at(address)).is_some() {
                continue;
            }
            let preset = presets::find(issuer.provider).unwrap();
            let Ok(planned) = PlannedSubjects::of(rule, preset, &issuer.url) else {
                not_planned.insert(rule.name.clone());
                continue;
            };
            // Case is as the rule spells it, and some of these rules spell it otherwise on purpose.
            let subject = claims.subject().to_lowercase();
            let fits = |text: &String| matches(text.to_lowercase().as_bytes(), subject.as_bytes());
            if planned.texts.iter().any(fits) {
                served += 1;
            } else {
                unserved.insert(name.clone());
            }
        }
    }
    let unserved: Vec<String> = unserved.into_iter().collect();
    let not_planned: Vec<String> = not_planned.into_iter().collect();
    assert_eq!(unserved, UNSERVED);
    assert_eq!(not_planned, NOT_PLANNED);
    assert!(served > 50, "{served}");
}

/// What must not be accepted finds none either, where the subject can tell.
#[test]
fn no_stranger_finds_a_planned_identity() {
    let config = acme();
    let strangers = fixtures().into_iter().filter(|(name, _)| {
        ["attack-prefix", "attack-subgroup", "attack-namespace", "attack-custom-sub-foreign"]
            .iter()
            .any(|part| name.contains(part))
    });
    let mut tried = 0;
    for (name, fixture) in strangers {
        let subject = fixture["payload"]["sub"].as_str().unwrap();
        for rule in &config.rules {
            let issuer = config.issuers.iter().find(|it| it.name == rule.issuer).unwrap();
            if fixture["payload"]["iss"] != issuer.url.as_str() {
                continue;
            }
            let preset = presets::find(issuer.provider).unwrap();
            let Ok(planned) = PlannedSubjects::of(rule, preset, &issuer.url) else { continue };
            tried += 1;
            let found = planned.texts.iter().find(|it| matches(it.as_bytes(), subject.as_bytes()));
            assert_eq!(found, None, "{name} by {}", rule.name);
        }
    }
    assert!(tried > 15, "{tried}");
}
