//! Requests, the connections that they come on, and Octopus's answers to them.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Error, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::{counters, gauge, gauges, histogram, histograms, registered};
use crate::telemetry::code::Code;
use crate::telemetry::metrics::Labels;
use crate::telemetry::outcomes::{Door, RequestOutcome};

/// Waiting for Octopus, in seconds: from an answer out of its memory to a long import.
const REQUEST_BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The broker's own time, in seconds: a cached token takes tens of microseconds, a signature
/// hundreds, keys from an issuer or an exchange take the rest.
const OVERHEAD_BUCKETS: [f64; 14] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05,
    0.1, 0.5, 1.0,
];

/// The doors at which every refusal stands at 0 from the start.
const KNOWN_DOORS: [Door; 3] = [Door::Bearer, Door::StandIn, Door::None];

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests and the connections that they come on.
pub(in crate::telemetry) struct RequestSeries {
    pub(in crate::telemetry) in_flight: IntGauge,
    pub(in crate::telemetry) connections: IntGaugeVec,
    pub(in crate::telemetry) certificate_expiry: IntGaugeVec,
    pub(in crate::telemetry) handshake_failures: IntCounterVec,
    pub(in crate::telemetry) panics: IntCounter,
    total: IntCounterVec,
    durations: [Histogram; 5],
    overheads: [Histogram; 5],
}

impl RequestSeries {
    pub(in crate::telemetry) fn new(registry: &Registry, labels: &Labels) -> Result<Self, Error> {
        let series = Self {
            in_flight: gauge(
                registry,
                "octobroker_requests_in_flight",
                "Requests being served now.",
            )?,
            connections: gauges(
                registry,
                Opts::new("octobroker_connections_open", "Client connections open now."),
                &["listener"],
            )?,
            certificate_expiry: gauges(
                registry,
                Opts::new(
                    "octobroker_tls_certificate_expiry_timestamp_seconds",
                    "When the certificate of a listener expires, in seconds since 1970.",
                ),
                &["listener"],
            )?,
            handshake_failures: counters(
                registry,
                "octobroker_tls_handshake_failures_total",
                "Connections that ended in their TLS handshake, by why.",
                &["listener", "reason"],
            )?,
            panics: registered(
                registry,
                IntCounter::new("octobroker_panics_total", "Faults of this program: panics.")?,
            )?,
            // The crate tells children apart by a hash of their label values run together, so that
            // rule `a`, account `bc` and rule `ab`, account `c` would be one child. A closed word
            // between any two configured names keeps them apart.
            total: counters(
                registry,
                "octobroker_requests_total",
                "Requests ended, by the word for what came of them.",
                &["rule", "door", "service_account", "code"],
            )?,
            durations: histograms(
                registry,
                "octobroker_request_duration_seconds",
                "From the end of a request's head to the end of its answer.",
                &REQUEST_BUCKETS,
            )?,
            overheads: histograms(
                registry,
                "octobroker_overhead_duration_seconds",
                "The broker's own part of a request: without waiting for Octopus or body bytes.",
                &OVERHEAD_BUCKETS,
            )?,
        };
        series.start(labels);

        Ok(series)
    }

    /// The series for requests through a rule: all values must be closed words or configured.
    pub(in crate::telemetry) fn total(
        &self,
        rule: &str,
        door: Door,
        account: &str,
        code: &str,
    ) -> IntCounter {
        self.total.with_label_values(&[rule, door.as_str(), account, code])
    }

    /// The series of requests that a rule let go to Octopus by their ID token.
    pub(in crate::telemetry) fn forwarded(&self, rule: &str, account: &str) -> IntCounter {
        self.total(rule, Door::Bearer, account, "ok")
    }

    /// How many requests each rule decided, whatever came of them. Those that no rule decided have
    /// the name `""`.
    pub(in crate::telemetry) fn of_rules(&self) -> HashMap<String, u64> {
        let mut counts = HashMap::new();
        for series in self.total.collect().iter().flat_map(MetricFamily::get_metric) {
            let rule = series.get_label().iter().find(|label| label.name() == "rule");
            let rule = rule.map(|label| label.value().to_owned()).unwrap_or_default();
            *counts.entry(rule).or_default() += whole(series.get_counter().get_value());
        }
        counts
    }

    pub(in crate::telemetry) fn observe(&self, request: &RequestOutcome<'_>) {
        let door = request.door as usize;
        if let (Some(total), Some(overhead)) = (self.durations.get(door), self.overheads.get(door))
        {
            total.observe(request.total.as_secs_f64());
            overhead.observe(request.overhead.as_secs_f64());
        }
    }

    /// Lets what can be known of these names stand at 0, unless it counts already.
    pub(in crate::telemetry) fn start(&self, labels: &Labels) {
        for door in KNOWN_DOORS {
            self.total("", door, "", "ok");
            for code in Code::ALL {
                self.total("", door, "", code.as_str());
            }
        }
        for (rule, account) in &labels.rules {
            for code in AFTER_A_RULE {
                self.total(rule, Door::Bearer, account, code);
            }
        }
        for listener in &labels.listeners {
            self.connections.with_label_values(&[listener]);
        }
    }

    /// Forgets what was counted for names that nobody has any more.
    pub(in crate::telemetry) fn forget(&self, labels: &Labels) {
        let nameless = labels.service_accounts.iter().map(|account| ("", account.as_str()));
        let rules = labels.rules.iter().map(|(rule, account)| (rule.as_str(), account.as_str()));
        for (rule, account) in rules.chain(nameless) {
            for door in Door::ALL {
                for code in Code::ALL.iter().map(|code| code.as_str()).chain(["ok"]) {
                    let _ = self.total.remove_label_values(&[rule, door.as_str(), account, code]);
                }
            }
        }
    }
}

/// A counter of whole numbers, which the crate hands out as a float.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a u64 and is exact up to 2^53"
)]
const fn whole(count: f64) -> u64 {
    count as u64
}

/// How a request ends that a rule has admitted.
const AFTER_A_RULE: [&str; 12] = [
    "ok",
    Code::BadRequest.as_str(),
    Code::TokenReplayed.as_str(),
    Code::RequestNotAllowed.as_str(),
    Code::RequestTimeout.as_str(),
    Code::Internal.as_str(),
    Code::ExchangeRefused.as_str(),
    Code::ExchangeFailed.as_str(),
    Code::ExchangeUnavailable.as_str(),
    Code::UpstreamUnreachable.as_str(),
    Code::UpstreamInvalid.as_str(),
    Code::UpstreamTimeout.as_str(),
];

/// Octopus's answers to forwarded requests.
pub(in crate::telemetry) struct UpstreamSeries {
    pub(in crate::telemetry) rate_limit_waits: IntCounterVec,
    pub(in crate::telemetry) rate_limit_remaining: GaugeVec,
    responses: IntCounterVec,
    pub(in crate::telemetry) seconds: Histogram,
}

impl UpstreamSeries {
    pub(in crate::telemetry) fn new(registry: &Registry, labels: &Labels) -> Result<Self, Error> {
        let series = Self {
            rate_limit_waits: counters(
                registry,
                "octobroker_rate_limit_waits_total",
                "Requests that waited for their turn because a rate limit of Octopus was spent.",
                &["service_account"],
            )?,
            // Without a child until Octopus tells of a limit: 0 would say that it is spent.
            rate_limit_remaining: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "octobroker_rate_limit_remaining",
                        "Requests left of Octopus's rate limit, if it has one.",
                    ),
                    &["service_account"],
                )?,
            )?,
            responses: counters(
                registry,
                "octobroker_upstream_responses_total",
                "Answers of Octopus to forwarded requests.",
                &["service_account", "status_class"],
            )?,
            seconds: histogram(
                registry,
                "octobroker_upstream_response_seconds",
                "From sending a request to Octopus to the head of its answer.",
                &REQUEST_BUCKETS,
            )?,
        };
        series.start(labels);

        Ok(series)
    }

    /// Lets what can be known of these names stand at 0, unless it counts already.
    pub(in crate::telemetry) fn start(&self, labels: &Labels) {
        for account in labels.service_accounts.iter().map(String::as_str).chain([""]) {
            self.rate_limit_waits.with_label_values(&[account]);
            for class in STATUS_CLASSES {
                self.responses.with_label_values(&[account, class]);
            }
        }
    }

    /// Forgets what was counted for names that nobody has any more.
    pub(in crate::telemetry) fn forget(&self, labels: &Labels) {
        for account in &labels.service_accounts {
            let _ = self.rate_limit_waits.remove_label_values(&[account]);
            let _ = self.rate_limit_remaining.remove_label_values(&[account]);
            for class in STATUS_CLASSES {
                let _ = self.responses.remove_label_values(&[account, class]);
            }
        }
    }

    /// The counters of one account's answers, by class.
    pub(in crate::telemetry) fn responses(&self, account: &str) -> [IntCounter; 5] {
        STATUS_CLASSES.map(|class| self.responses.with_label_values(&[account, class]))
    }
}

/// The counter among those of [`UpstreamSeries::responses`]. RFC 9110 15: a status outside 100-599
/// is to be taken as a 5xx.
pub(in crate::telemetry) fn of_class(responses: &[IntCounter; 5], status: u16) -> &IntCounter {
    let [informational, successful, redirection, client_error, server_error] = responses;
    match status {
        ..200 => informational,
        200..300 => successful,
        300..400 => redirection,
        400..500 => client_error,
        500.. => server_error,
    }
}
