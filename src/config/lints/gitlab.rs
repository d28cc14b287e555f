//! GL1, GL2: GitLab CI.

use super::scene::{BuiltRule, Found, Scene, on, pins};
use super::table::{GL1, GL2};
use crate::trust::Condition;

/// Claims about where a job runs, and their twins about where its code is from.
const RUNS_IN: [&str; 4] =
    ["job_project_id", "job_project_path", "job_namespace_id", "job_namespace_path"];
const IS_FROM: [&str; 4] = ["project_id", "project_path", "namespace_id", "namespace_path"];

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        found.extend(projects(scene, rule));
        if scene.preset(rule).is_some_and(|preset| preset.name == "gitlab") {
            found.extend(refs(scene, rule));
            found.extend(environments(scene, rule));
            found.extend(unprotected(scene, rule));
        }
    }
    found
}

fn positive<'r>(rule: &'r BuiltRule, claim: &'r str) -> Option<&'r Condition> {
    on(rule, claim).find(|condition| condition.is_positive())
}

fn projects(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let condition = RUNS_IN.iter().find_map(|claim| positive(rule, claim))?;
    let sentence = "a fork's merge request can run in this project, too, with the fork's code; write \
                    `project_id:` as well";
    (!pins(rule, &IS_FROM)).then(|| Found::new(&GL1, scene.condition(rule, condition), sentence))
}

fn refs(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let condition = positive(rule, "ref")?;
    let sentence = "a branch may be named like a tag, and `ref` does not tell them apart; write \
                    `branch:` or `tag:` instead";
    (!pins(rule, &["ref_type", "ref_path"]))
        .then(|| Found::new(&GL2, scene.condition(rule, condition), sentence))
}

fn environments(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let condition = positive(rule, "environment")?;
    let sentence = "every developer may deploy to an environment that is not protected; write \
                    `protected_environment: true` as well";
    (!pins(rule, &["environment_protected"]))
        .then(|| Found::new(&GL2, scene.condition(rule, condition), sentence))
}

fn unprotected(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let sentence = "every developer may push to a ref that is not protected, and nothing else here is \
                    protected; write `protected_environment: true`, or remove this";
    let place = scene.value_of_rule(rule, "protected_ref");
    (!pins(rule, &["ref_protected", "environment_protected"]))
        .then(|| Found::new(&GL2, place, sentence))
}
