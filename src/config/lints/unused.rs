//! USE1, USE2: what is configured and never used.

use super::scene::{Found, Scene};
use super::table::{USE1, USE2};

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    // A rule that could not be built names something too.
    if !scene.has_all_rules() {
        return found;
    }
    for issuer in scene.issuers {
        if !scene.rules.iter().any(|rule| rule.issuer == issuer.name) {
            let sentence = "no rule names this issuer, so its keys are fetched and its tokens \
                            verified for nothing; write a rule, or remove it";
            found.push(Found::new(&USE1, scene.named("issuers", &issuer.name), sentence));
        }
    }
    // So does an identity of the broker's own.
    if scene.ambient.is_none() && scene.has_section("ambient") {
        return found;
    }
    for account in scene.accounts {
        let is_own = scene.ambient.is_some_and(|ambient| ambient.service_account == account.name);
        if !is_own && !scene.rules.iter().any(|rule| rule.service_account == account.name) {
            let sentence = "nothing acts as this service account; write a rule, or remove it";
            found.push(Found::new(&USE2, scene.named("service_accounts", &account.name), sentence));
        }
    }
    found
}
