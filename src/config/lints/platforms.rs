//! TF1, K8S1, K8S2, CC1, AWS1, ENV1, BK1: what a claim of a platform does not prove.

use super::scene::{BuiltRule, Found, Scene, accepted, on, pins};
use super::table::{AWS1, BK1, CC1, ENV1, K8S1, K8S2, Lint, TF1};
use crate::trust::{Condition, Test};

const RUN_PHASE: &str = "terraform_run_phase";
const NAMESPACE: &str = "/kubernetes.io/namespace";
const ACCOUNT: &str = "/kubernetes.io/serviceaccount/name";
const UID: &str = "/kubernetes.io/serviceaccount/uid";
const ORIGIN: &str = "oidc.circleci.com/vcs-origin";
const PODS: &str = "system:serviceaccount:";

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in scene.rules {
        found.extend(run_phases(scene, rule));
        found.extend(pods(scene, rule));
        found.extend(recreated_accounts(scene, rule));
        found.extend(forks(scene, rule));
        found.extend(chosen_tags(scene, rule));
    }
    found
}

fn run_phases(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let is_terraform = |condition: &Condition| {
        condition.claim.to_string().starts_with("terraform_") && condition.is_positive()
    };
    rule.conditions.iter().find(|condition| is_terraform(condition))?;
    let sentence = "runs that only plan have such tokens too, those of pull requests among them; \
                    write `terraform_run_phase: apply`";
    let mut phases = on(rule, RUN_PHASE).filter(|condition| condition.is_positive()).peekable();
    if phases.peek().is_none() {
        return Some(Found::new(&TF1, scene.value_of_rule(rule, "claims"), sentence));
    }
    let condition =
        phases.find(|condition| accepted(&condition.test).iter().any(|phase| *phase != "apply"))?;
    Some(Found::new(&TF1, scene.condition(rule, condition), sentence))
}

fn pods(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let mut found = Vec::new();
    for condition in rule.conditions.iter().filter(|condition| condition.is_positive()) {
        let claim = condition.claim.to_string();
        let has_pattern = matches!(condition.test, Test::Glob(_));
        for text in accepted(&condition.test) {
            let of_pods = if claim == "sub" { text.strip_prefix(PODS) } else { None };
            let is_default = (claim == ACCOUNT && text == "default")
                || of_pods.is_some_and(|rest| rest.ends_with(":default"));
            let is_open = has_pattern
                && (claim == NAMESPACE || claim == ACCOUNT || of_pods.is_some())
                && text.contains(['*', '?']);
            let sentence = if is_default {
                "every pod of the namespace that names no service account has this one; give the \
                 workload one of its own"
            } else if is_open {
                "whoever may make namespaces or service accounts of such a name is let in; write \
                 the names out"
            } else {
                continue;
            };
            found.push(Found::new(&K8S1, scene.condition(rule, condition), sentence));
        }
    }
    found
}

fn recreated_accounts(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let is_cluster = scene.preset(rule).is_some_and(|preset| preset.name == "kubernetes");
    let sentence = "whoever may delete and make service accounts of this name is let in; in a \
                    cluster of many teams write `uid:` as well";
    (is_cluster && !pins(rule, &[UID])).then(|| Found::new(&K8S2, scene.rule(rule), sentence))
}

/// A fork's build is a build of the project, with whatever branch the fork has.
fn forks(scene: &Scene<'_>, rule: &BuiltRule) -> Option<Found> {
    let is_circle = scene.preset(rule).is_some_and(|preset| preset.name == "circleci");
    let is_any = on(rule, ORIGIN).all(|condition| matches!(condition.test, Test::Present));
    let sentence = "builds of forks are let in, if the project passes secrets to them: their token \
                    has the same project and whatever branch; write `origin:` as well, such as \
                    `origin: github.com/acme/web`";
    (is_circle && is_any).then(|| Found::new(&CC1, scene.rule(rule), sentence))
}

/// Claims that the caller makes up.
fn chosen_tags(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let tagged = |condition: &&Condition| tags(&condition.claim.to_string()).is_some();
    let found = |condition: &Condition| {
        let (lint, who) = tags(&condition.claim.to_string())?;
        let sentence = format!(
            "{who} chooses what stands in this claim, so it proves nothing; look at another, and at \
             this one only beside it"
        );
        Some(Found::new(lint, scene.condition(rule, condition), sentence))
    };
    rule.conditions.iter().filter(tagged).filter_map(found).collect()
}

fn tags(claim: &str) -> Option<(&'static Lint, &'static str)> {
    if claim.split('/').any(|step| step == "request_tags") {
        Some((&AWS1, "whoever asks for the token"))
    } else if claim.contains("env0Tag") {
        Some((&ENV1, "whoever starts the deployment"))
    } else {
        claim.starts_with("agent_tag:").then_some((&BK1, "whoever starts the agent"))
    }
}
