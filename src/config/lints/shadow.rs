//! DUP1, DUP2: rules behind rules that take all they would take.

use super::scene::{BuiltRule, Found, Scene};
use super::table::{DUP1, DUP2};

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, rule) in scene.rules.iter().enumerate() {
        let before = scene.rules.get(..at).unwrap_or_default();
        let covers = |other: &&BuiltRule| takes_all(other, rule);
        let same = before
            .iter()
            .filter(covers)
            .find(|other| other.service_account == rule.service_account);
        let finding = match (same, before.iter().find(covers)) {
            (Some(other), _) => (&DUP1, never(rule, other)),
            (None, Some(other)) => (&DUP2, by_name_only(rule, other)),
            (None, None) => continue,
        };
        found.push(Found::new(finding.0, scene.rule(rule), finding.1));
    }
    found
}

/// Whether every token that `later` is for goes to `earlier`, if its account is not named.
fn takes_all(earlier: &BuiltRule, later: &BuiltRule) -> bool {
    earlier.issuer == later.issuer && earlier.audience == later.audience && earlier.covers(later)
}

fn never(rule: &BuiltRule, other: &BuiltRule) -> String {
    if rule.covers(other) && rule.grant == other.grant {
        return format!("says the same as {}, so it never matches; remove it", other.name);
    }
    format!(
        "never matches, for {} stands before it and takes every token that it would take; move it \
         before that one, or remove it",
        other.name
    )
}

fn by_name_only(rule: &BuiltRule, other: &BuiltRule) -> String {
    format!(
        "matches only callers that name {} (Octobroker-Service-Account), for {} stands before it \
         and takes every token that it would take",
        rule.service_account, other.name
    )
}
