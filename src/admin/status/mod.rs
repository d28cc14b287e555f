//! What `/status` and the page show: the state of the broker, gathered once and shown twice, as
//! JSON for scripts and as HTML for people.
//!
//! It has no secret: no token, key or stand-in, nor what they hash to. Claims are in it, as in the
//! log; every list that traffic can fill is bounded, and every text that others wrote is cut.

mod accounts;
mod live;
mod moment;
mod refusals;
mod rules;
mod unwell;

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

pub(super) use accounts::AccountStatus;
#[cfg(test)]
pub(super) use accounts::BudgetStatus;
#[cfg(test)]
pub(super) use live::OwnTokenStatus;
pub(super) use live::{IdentityStatus, OwnStatus, StandInStatus};
pub(super) use moment::Moment;
#[cfg(test)]
pub(super) use refusals::Miss;
pub(super) use refusals::Refusal;
#[cfg(test)]
pub(super) use rules::ConditionStatus;
pub(super) use rules::{GrantStatus, RuleStatus};

use super::Desk;
use crate::broker::Broker;
use crate::limits;
use crate::octopus::RateBudgets;

/// The configuration in use, and how the last try to replace it ended.
#[derive(Debug, Clone)]
pub struct Running {
    /// What works by it.
    pub broker: Arc<Broker>,
    /// What is left of Octopus's rate limits.
    pub rate_budgets: Arc<RateBudgets>,
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

/// Everything that is shown.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) octopus: String,
    pub(super) now: Moment,
    pub(super) started_at: Moment,
    pub(super) uptime_seconds: u64,
    pub(super) config: ConfigStatus,
    pub(super) is_ready: bool,
    pub(super) waiting_for: Vec<String>,
    /// What somebody should look at, a sentence each.
    pub(super) unwell: Vec<String>,
    pub(super) issuers: Vec<IssuerStatus>,
    pub(super) service_accounts: Vec<AccountStatus>,
    /// In the order in which they are tried.
    pub(super) rules: Vec<RuleStatus>,
    pub(super) access_tokens_cached: u64,
    pub(super) verified_tokens_cached: u64,
    pub(super) stand_ins_live: usize,
    /// Whose access tokens are at hand, the newest first.
    pub(super) identities: Vec<IdentityStatus>,
    /// The newest first.
    pub(super) stand_ins: Vec<StandInStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) own_identity: Option<OwnStatus>,
    /// The newest first.
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConfigStatus {
    pub(super) generation: u64,
    pub(super) digest: String,
    pub(super) loaded_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_reload: Option<ReloadStatus>,
}

#[derive(Debug, Serialize)]
pub(super) struct ReloadStatus {
    pub(super) at: Moment,
    pub(super) is_successful: bool,
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct IssuerStatus {
    pub(super) name: String,
    pub(super) provider: &'static str,
    /// The `iss` of its tokens.
    pub(super) url: String,
    pub(super) keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keys_fetched_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keys_age_seconds: Option<u64>,
    /// Why the last fetch failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Status {
    pub(super) fn of(desk: &Desk, running: &Running) -> Self {
        let broker = &running.broker;
        let now = Moment::of(desk.clock.now());
        let started_at = Moment::of(desk.started_at);
        let waiting_for = desk.readiness.pending();
        let mut status = Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("OCTOBROKER_REVISION").unwrap_or("unknown"),
            octopus: running.octopus.clone(),
            now,
            started_at,
            uptime_seconds: started_at.until(now).as_secs(),
            config: ConfigStatus::of(running),
            is_ready: waiting_for.is_empty(),
            waiting_for,
            unwell: Vec::new(),
            issuers: issuers(broker, now),
            service_accounts: accounts::of(broker, &running.rate_budgets),
            rules: rules::of(broker.policy(), &desk.metrics.requests_of_rules()),
            access_tokens_cached: broker.access_tokens().remembered(),
            verified_tokens_cached: broker.remembered_tokens(),
            stand_ins_live: broker.live_stand_ins(),
            identities: live::identities(broker),
            stand_ins: live::stand_ins(broker),
            own_identity: broker.own_identity().map(|own| OwnStatus::of(own, now)),
            refusals: refusals::of(&desk.decisions),
        };
        status.unwell = unwell::sentences(&status);
        status
    }

    /// As JSON.
    pub(super) fn document(&self) -> String {
        serde_json::to_string_pretty(self)
            .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string())
    }
}

impl ConfigStatus {
    fn of(running: &Running) -> Self {
        let last_reload = running.last_reload.as_ref().map(|last| ReloadStatus {
            at: Moment::of(last.at),
            is_successful: last.problems.is_empty(),
            problems: last.problems.clone(),
        });
        Self {
            generation: running.generation,
            digest: running.digest.clone(),
            loaded_at: Moment::of(running.loaded_at),
            last_reload,
        }
    }
}

fn issuers(broker: &Broker, now: Moment) -> Vec<IssuerStatus> {
    let issuers = broker.verifier().issuers().map(|(issuer, keys)| {
        let keys = keys.status();
        let fetched_at = keys.fetched_at.map(Moment::of);
        IssuerStatus {
            name: issuer.name.clone(),
            provider: issuer.provider,
            url: issuer.url.clone(),
            keys: keys.keys,
            keys_fetched_at: fetched_at,
            keys_age_seconds: fetched_at.map(|at| at.until(now).as_secs()),
            error: keys.error.as_deref().map(cut),
        }
    });
    let mut issuers: Vec<IssuerStatus> = issuers.collect();
    issuers.sort_by(|first, second| first.name.cmp(&second.name));
    issuers
}

/// A text that others wrote, of so many characters as a person reads.
fn cut(text: &str) -> String {
    match text.char_indices().nth(limits::STATUS_TEXT_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text.to_owned(),
    }
}
