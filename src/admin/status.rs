//! What `/status` shows: the state of the broker in a form that a person and a script can read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::Desk;
use crate::broker::Broker;

/// The configuration in use, and how the last try to replace it ended.
#[derive(Debug, Clone)]
pub struct Running {
    /// What works by it.
    pub broker: Arc<Broker>,
    /// The Octopus server's URL.
    pub octopus: String,
    /// How many configurations there were in this process, this one included.
    pub generation: u64,
    /// The file's digest.
    pub digest: String,
    /// Since when it is in use.
    pub loaded_at: SystemTime,
    /// `None` until somebody tries.
    pub last_reload: Option<LastReload>,
}

/// A try to replace the configuration.
#[derive(Debug, Clone)]
pub struct LastReload {
    /// When it ended.
    pub at: SystemTime,
    /// Why the configuration stayed, a sentence each; empty if it was replaced.
    pub problems: Vec<String>,
}

/// The whole page.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    version: &'static str,
    octopus: &'a str,
    #[serde(serialize_with = "rfc3339")]
    started_at: SystemTime,
    config: ConfigStatus<'a>,
    is_ready: bool,
    waiting_for: Vec<String>,
    issuers: Vec<IssuerStatus>,
    rules: Vec<RuleStatus<'a>>,
    access_tokens_cached: u64,
    verified_tokens_cached: u64,
    stand_ins_live: usize,
}

#[derive(Debug, Serialize)]
struct ConfigStatus<'a> {
    generation: u64,
    digest: &'a str,
    #[serde(serialize_with = "rfc3339")]
    loaded_at: SystemTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reload: Option<ReloadStatus<'a>>,
}

#[derive(Debug, Serialize)]
struct ReloadStatus<'a> {
    #[serde(serialize_with = "rfc3339")]
    at: SystemTime,
    is_successful: bool,
    problems: &'a [String],
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
    pub(super) fn of(desk: &Desk, running: &'a Running) -> Self {
        let broker = &running.broker;
        let waiting_for = desk.readiness.pending();
        let now = desk.clock.now();
        let issuers = broker.verifier().key_status().into_iter();
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
        let rules = broker.policy().rules().iter();
        let rules = rules.map(|rule| RuleStatus {
            name: &rule.name,
            issuer: &rule.issuer,
            service_account: &rule.service_account,
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            octopus: &running.octopus,
            started_at: desk.started_at,
            config: ConfigStatus::of(running),
            is_ready: waiting_for.is_empty(),
            waiting_for,
            issuers: issuers.collect(),
            rules: rules.collect(),
            access_tokens_cached: broker.access_tokens().remembered(),
            verified_tokens_cached: broker.remembered_tokens(),
            stand_ins_live: broker.live_stand_ins(),
        }
    }
}

impl<'a> ConfigStatus<'a> {
    fn of(running: &'a Running) -> Self {
        let last_reload = running.last_reload.as_ref().map(|last| ReloadStatus {
            at: last.at,
            is_successful: last.problems.is_empty(),
            problems: &last.problems,
        });
        let Running { generation, digest, loaded_at, .. } = running;
        Self { generation: *generation, digest, loaded_at: *loaded_at, last_reload }
    }
}

fn format_time(time: SystemTime) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(time)
}

fn rfc3339<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_time(*time))
}
