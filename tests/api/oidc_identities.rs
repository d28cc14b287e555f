//! What `explain` says to enter in Octopus, for the tokens of 30 platforms: it lets them in, and it
//! is as narrow as the subject allows.

use std::path::Path;

use octobroker::config::{self, Config};
use octobroker::identity::{Claims, Json};
use octobroker::octopus::OidcIdentity;

use crate::claim_sets::{RULES, fixtures, keys};
use crate::key_sets::KeyFile;

/// The rules of every platform.
fn config() -> Config {
    let [rsa, p256, p384] = keys();
    let file = KeyFile::new("identities", &[&rsa, &p256, &p384]);
    let keys = format!("'{}'", file.path().display());
    let mut yaml = RULES.replace("OCTOPUS", "https://acme.octopus.app").replace("KEYS", &keys);
    yaml = yaml.replace("{ file: API_KEY }", "{ env: API_KEY }");
    let mut number = 0;
    while let Some((_, rest)) = yaml.split_once("id: ID-") {
        let name = rest.split(',').next().unwrap().to_owned();
        number += 1;
        let id = format!("5f2c8c0e-1c1e-4a7b-9a54-{number:012}");
        yaml = yaml.replace(&format!("ID-{name},"), &format!("{id},"));
    }
    let environment = |_: &str| Some("API-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
    config::parse(&yaml, Path::new("acme.yaml"), &environment).unwrap_or_else(|it| panic!("{it}"))
}

/// As Octopus's documentation has it: `*` is any run of characters, `?` is one; case counts.
fn octopus_takes(pattern: &str, subject: &str) -> bool {
    fn takes(pattern: &[u8], subject: &[u8]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                takes(rest, subject) || matches!(subject, [_, tail @ ..] if takes(pattern, tail))
            }
            ([wanted, rest @ ..], [first, tail @ ..]) => {
                (*wanted == b'?' || wanted == first) && takes(rest, tail)
            }
            _ => false,
        }
    }
    takes(pattern.as_bytes(), subject.as_bytes())
}

/// For each claim set and each rule that accepts it, in the order of the rules.
fn identities(config: &Config) -> Vec<(String, OidcIdentity)> {
    let mut told = Vec::new();
    for (name, fixture) in fixtures() {
        let claims = Json::parse(fixture["payload"].to_string().as_bytes()).unwrap();
        let Ok(claims) = Claims::of(claims) else { continue };
        for issuer in config.issuers.iter().filter(|issuer| issuer.url == claims.issuer()) {
            for rule in config.rules.iter().filter(|rule| rule.issuer == issuer.name) {
                if rule.first_miss(|address| claims.at(address)).is_none() {
                    told.push((name.clone(), OidcIdentity::of(rule, &claims)));
                }
            }
        }
    }
    told
}

#[test]
fn every_token_that_a_rule_accepts_is_let_in_by_a_subject_that_names_somebody() {
    let told = identities(&config());
    for (name, identity) in &told {
        let takes = |subject: &String| octopus_takes(subject, &identity.exact_subject);
        assert!(identity.subjects.iter().any(takes), "{name}: {identity:?}");
        let is_narrow = |subject: &String| subject.find('*').is_none_or(|star| star >= 12);
        assert!(
            name.starts_with("azure") || identity.subjects.iter().all(is_narrow),
            "{name}: {identity:?}"
        );
    }
    assert!(told.len() > 60, "{}", told.len());
}

/// An attacker's token that Octopus would take under the subject is one of which `explain` warns.
#[test]
fn whatever_octopus_would_take_beyond_the_rule_is_warned_of() {
    let config = config();
    let told = identities(&config);
    let mut taken = 0;
    for (attack, fixture) in fixtures() {
        if fixture["expect"] == "accept" {
            continue;
        }
        let payload = &fixture["payload"];
        for (name, identity) in &told {
            let is_same_issuer = payload["iss"] == identity.issuer.as_str();
            let subject = payload["sub"].as_str().unwrap();
            if is_same_issuer && identity.subjects.iter().any(|it| octopus_takes(it, subject)) {
                taken += 1;
                assert!(identity.is_broader(), "{attack} beside {name}: {identity:?}");
            }
        }
    }
    assert!(taken > 10, "the subjects tell {taken} attacks from nothing");
}

#[test]
fn subjects_are_as_platforms_write_them() {
    let told = identities(&config());
    let rows = [
        ("gitlab", "project_path:acme/platform/shop-api:ref_type:branch:ref:main"),
        ("gitlab-tag", "project_path:acme/platform/shop-api:ref_type:tag:ref:v*"),
        (
            "github-actions-environment",
            "repo:acme-corp/shop-api:environment:production \
             repo:acme-corp/shop-api:environment:production%3Aeu-west",
        ),
        (
            "buildkite",
            "organization:acme-corp:pipeline:shop-api:ref:refs/heads/main:commit:*:step:*",
        ),
        (
            "spacelift",
            "space:production-01KJMM56VS4W3AL9YZWVCXBX8D:stack:shop-infra:run_type:TRACKED:scope:write",
        ),
        (
            "codefresh",
            "account:5f30ebd30312313ae7f17948:pipeline:64de5cd47626b3ca134e760a:scm_repo_url:\
             https://github.com/acme-corp/shop-api:scm_user_name:*:scm_ref:*",
        ),
        (
            "teamcity-scoped",
            "project:project7:build_type:bt42:branch:refs/heads/main:trigger_type:*",
        ),
    ];
    for (name, subjects) in rows {
        let identity = told.iter().find(|(of, _)| of == name).map(|(_, identity)| identity);
        assert_eq!(identity.unwrap().subjects.join(" "), subjects, "{name}");
    }
}
