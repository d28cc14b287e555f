//! What `/status` shows: the state of the broker in a form that a person and a script can read.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::Desk;

/// What does not change while the process lives.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The Octopus server's URL.
    pub octopus: String,
    /// The configuration file's digest.
    pub config_digest: String,
    /// When the process started.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: SystemTime,
}

/// The whole page.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    version: &'static str,
    #[serde(flatten)]
    facts: &'a Facts,
    is_ready: bool,
    waiting_for: Vec<String>,
    issuers: Vec<IssuerStatus>,
    rules: Vec<RuleStatus<'a>>,
    access_tokens_cached: u64,
    verified_tokens_cached: u64,
    stand_ins_live: usize,
}

#[derive(Debug, Serialize)]
struct IssuerStatus {
    name: String,
    keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_fetched_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_age_seconds: Option<u64>,
    /// Why the last fetch failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct RuleStatus<'a> {
    name: &'a str,
    issuer: &'a str,
    service_account: &'a str,
}

impl<'a> Status<'a> {
    pub(super) fn of(desk: &'a Desk) -> Self {
        let waiting_for = desk.readiness.pending();
        let now = desk.clock.now();
        let issuers = desk.broker.verifier().key_status().into_iter();
        let issuers = issuers.map(|(name, keys)| {
            let age = keys.fetched_at.map(|at| now.duration_since(at).unwrap_or_default());
            IssuerStatus {
                name,
                keys: keys.keys,
                keys_fetched_at: keys.fetched_at.map(|at| format_time(at).to_string()),
                keys_age_seconds: age.as_ref().map(Duration::as_secs),
                error: keys.error,
            }
        });
        let rules = desk.broker.policy().rules().iter();
        let rules = rules.map(|rule| RuleStatus {
            name: &rule.name,
            issuer: &rule.issuer,
            service_account: &rule.service_account,
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            facts: &desk.facts,
            is_ready: waiting_for.is_empty(),
            waiting_for,
            issuers: issuers.collect(),
            rules: rules.collect(),
            access_tokens_cached: desk.broker.access_tokens().remembered(),
            verified_tokens_cached: desk.broker.verifier().remembered_tokens(),
            stand_ins_live: desk.broker.live_stand_ins(),
        }
    }
}

fn format_time(time: SystemTime) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(time)
}

fn rfc3339<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_time(*time))
}
