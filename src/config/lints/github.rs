//! GH1 to GH4: GitHub Actions, and what is built like it.

use super::scene::{BuiltRule, Found, Scene, accepted, on, pins};
use super::table::{GH1, GH2, GH3, GH4};
use crate::trust::Test;

/// Events that run in the repository's own name for whoever opened a pull request or wrote a
/// comment.
const OF_STRANGERS: [&str; 6] = [
    "pull_request_target",
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
];

/// Events that run what the author of a pull request wrote.
const OF_AUTHORS: [&str; 3] =
    ["pull_request", "pull_request_review", "pull_request_review_comment"];

const IDS: [&str; 3] = ["repository_id", "repository_owner_id", "enterprise_id"];

const BRANCHES: &str = "refs/heads/";

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        found.extend(events(scene, rule));
        found.extend(reusable_workflows(scene, rule));
        if scene.preset(rule).is_some_and(|preset| preset.name == "github-actions") {
            found.extend(environments(scene, rule));
            found.extend(branches(scene, rule));
        }
    }
    found
}

fn events(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let mut found = Vec::new();
    for condition in on(rule, "event_name") {
        for event in accepted(&condition.test) {
            let why = if OF_STRANGERS.contains(&event) {
                "runs in the repository's own name for whoever opened a pull request or wrote a \
                 comment, and `ref` does not tell"
            } else if OF_AUTHORS.contains(&event) && is_of_branch(rule) {
                "runs what the author of the pull request wrote, and on refs/pull/N/merge, which \
                 is never the rule's branch (that it goes to is `base_ref`, under `claims:`)"
            } else if OF_AUTHORS.contains(&event) {
                "runs what the author of the pull request wrote"
            } else {
                continue;
            };
            let sentence =
                format!("{event} {why}; remove it, or accept it in a rule that may little");
            found.push(Found::new(&GH1, scene.condition(rule, condition), sentence));
        }
    }
    found
}

/// Whether only branches are accepted.
fn is_of_branch(rule: &BuiltRule) -> bool {
    on(rule, "ref").any(|condition| {
        let refs = accepted(&condition.test);
        !refs.is_empty() && refs.iter().all(|accepted| accepted.starts_with(BRANCHES))
    })
}

fn reusable_workflows(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let mut found = Vec::new();
    for condition in on(rule, "job_workflow_ref").filter(|condition| condition.is_positive()) {
        let place = scene.condition(rule, condition);
        if !pins(rule, &IDS) {
            let sentence = "anybody's repository may call a public workflow and so have this claim; \
                            write `repository_owner_id:` or `repository_id:` of those who may call \
                            it as well";
            found.push(Found::new(&GH2, place, sentence));
        }
        let is_at_branch =
            |text: &str| text.split_once('@').is_some_and(|(_, at)| at.starts_with(BRANCHES));
        if accepted(&condition.test).into_iter().any(is_at_branch) {
            let sentence = "whoever may push to the branch of the workflow changes what runs; write \
                            a tag or a commit behind the @, such as @refs/tags/v1";
            found.push(Found::new(&GH2, place, sentence));
        }
    }
    found
}

/// With a ref beside it, the environment is not all that stands between.
fn environments(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let condition = on(rule, "environment").find(|condition| condition.is_positive())?;
    let sentence = "any branch's job may name an environment that has no rules; make sure that it \
                    has required reviewers or a branch policy, or write `branch:` as well";
    (!pins(rule, &["ref"])).then(|| Found::new(&GH3, scene.condition(rule, condition), sentence))
}

fn branches(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let is_of_branches = |test: &Test| match test {
        Test::Glob(globs) => globs.iter().any(|glob| {
            let beginning: String = glob.beginning().into_iter().collect();
            glob.has_wildcard()
                && (beginning.starts_with(BRANCHES) || BRANCHES.starts_with(&beginning))
        }),
        _ => false,
    };
    let condition = on(rule, "ref").find(|condition| is_of_branches(&condition.test))?;
    let sentence = "everybody who may push can make a branch that this matches; write \
                    `protected_ref: true` as well";
    (!pins(rule, &["ref_protected"]))
        .then(|| Found::new(&GH4, scene.condition(rule, condition), sentence))
}
