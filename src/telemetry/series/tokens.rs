//! ID tokens, the keys that they are checked with, and the access tokens that they are exchanged
//! for.

use prometheus::{
    Error, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::{counters, gauge, gauges, histogram, registered};
use crate::telemetry::metrics::Labels;
use crate::telemetry::outcomes::{
    AccessTokenResult, ExchangeOutcome, RefreshOutcome, Verification,
};

/// One exchange, in seconds. Its longest wait is `limits.exchange_timeout`, 10 s unless changed.
const EXCHANGE_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// ID tokens and the access tokens that they are exchanged for.
pub(in crate::telemetry) struct TokenSeries {
    pub(in crate::telemetry) verifications: IntCounterVec,
    pub(in crate::telemetry) exchanges: IntCounterVec,
    pub(in crate::telemetry) exchange_durations: Histogram,
    /// In the order of [`AccessTokenResult::ALL`].
    pub(in crate::telemetry) requests: [IntCounter; 5],
    pub(in crate::telemetry) rejected: IntCounterVec,
    pub(in crate::telemetry) access_tokens_cached: IntGauge,
    pub(in crate::telemetry) verified_tokens_cached: IntGauge,
    pub(in crate::telemetry) stand_ins_live: IntGauge,
    pub(in crate::telemetry) used_tokens_remembered: IntGauge,
}

impl TokenSeries {
    pub(in crate::telemetry) fn new(registry: &Registry, labels: &Labels) -> Result<Self, Error> {
        let requests = counters(
            registry,
            "octobroker_access_token_requests_total",
            "Access tokens asked for, by where they came from.",
            &["result"],
        )?;
        let series = Self {
            verifications: counters(
                registry,
                "octobroker_token_verifications_total",
                "ID tokens checked, by the word for what came of it.",
                &["issuer", "outcome"],
            )?,
            exchanges: counters(
                registry,
                "octobroker_exchanges_total",
                "Token exchanges with Octopus.",
                &["service_account", "outcome"],
            )?,
            exchange_durations: histogram(
                registry,
                "octobroker_exchange_duration_seconds",
                "One token exchange with Octopus, whatever came of it.",
                &EXCHANGE_BUCKETS,
            )?,
            requests: AccessTokenResult::ALL
                .map(|result| requests.with_label_values(&[result.as_str()])),
            rejected: counters(
                registry,
                "octobroker_access_tokens_rejected_total",
                "Cached access tokens that Octopus answered with 401.",
                &["service_account"],
            )?,
            access_tokens_cached: gauge(
                registry,
                "octobroker_access_tokens_cached",
                "Access tokens in the cache.",
            )?,
            verified_tokens_cached: gauge(
                registry,
                "octobroker_verified_tokens_cached",
                "ID tokens in the cache of checked ones.",
            )?,
            stand_ins_live: gauge(
                registry,
                "octobroker_stand_ins_live",
                "Stand-ins that are live.",
            )?,
            used_tokens_remembered: gauge(
                registry,
                "octobroker_used_tokens_remembered",
                "ID tokens that have served, of those that serve once.",
            )?,
        };
        series.start(labels);

        Ok(series)
    }

    /// Lets what can be known of these names stand at 0, unless it counts already.
    pub(in crate::telemetry) fn start(&self, labels: &Labels) {
        let outcomes = [Verification::Ok, Verification::Cached]
            .into_iter()
            .chain(Verification::CODES.map(Verification::Refused));
        for outcome in outcomes {
            for issuer in labels.issuers.iter().map(String::as_str).chain(["unknown"]) {
                self.verifications.with_label_values(&[issuer, outcome.as_str()]);
            }
        }
        for account in &labels.service_accounts {
            for outcome in ExchangeOutcome::ALL {
                self.exchanges.with_label_values(&[account.as_str(), outcome.as_str()]);
            }
            self.rejected.with_label_values(&[account]);
        }
    }

    /// Forgets what was counted for names that nobody has any more.
    pub(in crate::telemetry) fn forget(&self, labels: &Labels) {
        let outcomes = [Verification::Ok, Verification::Cached]
            .into_iter()
            .chain(Verification::CODES.map(Verification::Refused));
        for outcome in outcomes {
            for issuer in &labels.issuers {
                let _ = self.verifications.remove_label_values(&[issuer, outcome.as_str()]);
            }
        }
        for account in &labels.service_accounts {
            for outcome in ExchangeOutcome::ALL {
                let _ = self.exchanges.remove_label_values(&[account, outcome.as_str()]);
            }
            let _ = self.rejected.remove_label_values(&[account]);
        }
    }
}

/// Issuers' keys.
pub(in crate::telemetry) struct KeySeries {
    pub(in crate::telemetry) refreshes: IntCounterVec,
    pub(in crate::telemetry) last_success: GaugeVec,
    pub(in crate::telemetry) count: IntGaugeVec,
}

impl KeySeries {
    pub(in crate::telemetry) fn new(registry: &Registry, labels: &Labels) -> Result<Self, Error> {
        let series = Self {
            refreshes: counters(
                registry,
                "octobroker_jwks_refreshes_total",
                "Attempts to read an issuer's keys.",
                &["issuer", "outcome"],
            )?,
            last_success: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "octobroker_jwks_last_success_timestamp_seconds",
                        "When an issuer's keys were last read, since 1970; 0 is never.",
                    ),
                    &["issuer"],
                )?,
            )?,
            count: gauges(
                registry,
                Opts::new("octobroker_jwks_keys", "Usable keys of an issuer."),
                &["issuer"],
            )?,
        };
        series.start(labels);

        Ok(series)
    }

    /// Lets what can be known of these names stand at 0, unless it counts already.
    pub(in crate::telemetry) fn start(&self, labels: &Labels) {
        for issuer in &labels.issuers {
            for outcome in RefreshOutcome::ALL {
                self.refreshes.with_label_values(&[issuer.as_str(), outcome.as_str()]);
            }
            self.last_success.with_label_values(&[issuer]);
            self.count.with_label_values(&[issuer]);
        }
    }

    /// Forgets the state of an issuer that is configured no more; what it counted stays.
    pub(in crate::telemetry) fn retire(&self, issuer: &str) {
        let _ = self.last_success.remove_label_values(&[issuer]);
        let _ = self.count.remove_label_values(&[issuer]);
    }

    /// Forgets what was counted for names that nobody has any more.
    pub(in crate::telemetry) fn forget(&self, labels: &Labels) {
        for issuer in &labels.issuers {
            for outcome in RefreshOutcome::ALL {
                let _ = self.refreshes.remove_label_values(&[issuer, outcome.as_str()]);
            }
        }
    }
}
