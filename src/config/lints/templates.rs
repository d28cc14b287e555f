//! SUB3, SUB4, SUB5: subjects that say less than they seem to.

use super::scene::{BuiltRule, Found, Scene, accepted, on, pins};
use super::table::{Lint, SUB3, SUB4, SUB5};
use crate::trust::{Condition, Test};

/// Claims that say whose it is, whatever `sub` says.
const IDS: [&str; 6] = [
    "repository_id",
    "repository_owner_id",
    "project_id",
    "namespace_id",
    "organization_id",
    "enterprise_id",
];

/// Keys in a subject that say whose it is.
const OWNERS: [&str; 6] = [
    "repo:",
    "repository:",
    "repository_id:",
    "repository_owner_id:",
    "project_id:",
    "project_path:",
];

/// Keys in a subject that its owner may choose to be all there is.
const CHOSEN: [&str; 5] =
    ["job_workflow_ref:", "environment:", "context:", "workflow:", "event_name:"];

const GITHUB: &str = "https://token.actions.";

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        for condition in on(rule, "sub").filter(|condition| condition.is_positive()) {
            let fault = fault(scene, rule, condition);
            found.extend(fault.map(|(lint, sentence)| {
                Found::new(lint, scene.condition(rule, condition), sentence)
            }));
        }
    }
    found
}

fn fault(
    scene: &Scene<'_>,
    rule: &BuiltRule,
    condition: &Condition,
) -> Option<(&'static Lint, &'static str)> {
    let subjects = accepted(&condition.test);
    let provider = scene.preset(rule).map_or("", |preset| preset.name);
    let url = scene.issuer(&rule.issuer).map_or("", |issuer| issuer.url.as_str());
    let says_whose = |subject: &&str| OWNERS.iter().any(|key| subject.contains(key));
    let is_chosen = |subject: &&str| CHOSEN.iter().any(|key| subject.starts_with(key));
    if subjects.iter().any(|subject| is_chosen(subject) && !says_whose(subject))
        && !pins(rule, &IDS)
    {
        let sentence = "the owner of any repository can make its `sub` say this; write the id of \
                        the repository or of its owner as well";
        return Some((&SUB3, sentence));
    }
    let is_classic = |subject: &&str| {
        subject.strip_prefix("repo:").is_some_and(|rest| {
            rest.split(':').next().is_some_and(|repository| !repository.contains('@'))
        })
    };
    if provider == "github-actions" && url.starts_with(GITHUB) && subjects.iter().any(is_classic) {
        let sentence = "repositories that were made, renamed or transferred since 2026-07-15 have \
                        ids in `sub` (repo:OWNER@ID/REPO@ID:…), which this does not match; leave it \
                        out, and write `repository_id:` and `branch:` or `environment:`";
        return Some((&SUB4, sentence));
    }
    let is_open = matches!(condition.test, Test::Glob(_)) || subjects.iter().any(is_chosen);
    let sentence = match provider {
        "forgejo" => {
            "a repository may be called like another with its id, so `sub` does not tell them apart; \
             write `repository_id:` instead"
        }
        "github-actions" if !url.starts_with(GITHUB) && is_open => {
            "up to version 3.18 a colon in the name of an environment or a branch stands in `sub` as \
             it is, and so imitates other parts; write `environment:` or `branch:` instead"
        }
        _ => return None,
    };
    Some((&SUB5, sentence))
}
