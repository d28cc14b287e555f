//! AUD2, AUD3: audiences that say too little about whom a token is for.

use super::scene::{BuiltRule, Found, Scene};
use super::table::{AUD2, AUD3};

/// Audiences that platforms give by default, or that many services take.
const SHARED: [&str; 8] = [
    "api://AzureADTokenExchange",
    "fb60f99c-7a34-4190-8149-302f77469936",
    "sts.amazonaws.com",
    "sigstore",
    "https://g.codefresh.io",
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
    "kubernetes",
];

/// Beginnings of such audiences: the rest is a tenant's name.
const SHARED_BEGINNINGS: [&str; 4] = [
    "https://github.com/",
    "https://buildkite.com/",
    "https://vercel.com/",
    "ari:cloud:bitbucket::workspace/",
];

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = shared(scene);
    found.extend(crossed(scene));
    found
}

/// One finding for each place where such an audience is written.
fn shared(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for rule in scene.rules {
        let place = audience_place(scene, rule);
        if is_shared(scene, rule) && !seen.contains(&place) {
            seen.push(place);
            let sentence = "is a platform's own audience, which other services accept as well: a \
                            token stolen from one of them would be taken here; let workloads ask \
                            for an audience of yours, such as the service account's id; where the \
                            platform fixes it, pin the exact subject and write a short \
                            `max_token_age`";
            found.push(Found::new(&AUD2, place, sentence));
        }
    }
    found
}

fn is_shared(scene: &Scene<'_>, rule: &BuiltRule) -> bool {
    let audience = rule.audience.as_str();
    // CircleCI's is the organisation's id, the end of its URL; Semaphore's is the URL itself.
    let is_of_issuer = scene.issuer(&rule.issuer).is_some_and(|issuer| {
        issuer.url.trim_end_matches('/') == audience.trim_end_matches('/')
            || issuer.url.strip_suffix(audience).is_some_and(|rest| rest.ends_with('/'))
    });
    let is_known = scene.preset(rule).is_some_and(|preset| {
        preset.shared_audiences.iter().any(|beginning| audience.starts_with(beginning))
    });
    is_of_issuer
        || is_known
        || SHARED.contains(&audience)
        || SHARED_BEGINNINGS.iter().any(|beginning| audience.starts_with(beginning))
}

/// Where the audience of a rule is written.
fn audience_place<'a>(scene: &Scene<'a>, rule: &BuiltRule) -> &'a crate::config::yaml::Place {
    let of_rule = scene.value_of_rule(rule, "audience");
    if of_rule == scene.rule(rule) {
        return scene.value_of_named("service_accounts", &rule.service_account, "audience");
    }
    of_rule
}

/// Rules of two issuers, for the same audience and different service accounts.
fn crossed(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, rule) in scene.rules.iter().enumerate() {
        let other = scene.rules.iter().take(at).find(|other| {
            other.audience == rule.audience
                && other.issuer != rule.issuer
                && other.service_account != rule.service_account
        });
        if let Some(other) = other {
            let sentence = format!(
                "acts as {} on tokens of {} for the same audience with which {} acts as {} on those \
                 of {}; give the service accounts audiences of their own, so that a token is good \
                 for one of them",
                rule.service_account, rule.issuer, other.name, other.service_account, other.issuer
            );
            found.push(Found::new(&AUD3, scene.rule(rule), sentence));
        }
    }
    found
}
