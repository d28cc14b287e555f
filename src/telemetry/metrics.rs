//! The metrics, as the other rooms see them: events to report, and a page to render.
//!
//! Rooms call event methods, never series. Labels are closed lists or configured names, never
//! claims, paths or headers, and a name that is not configured is counted as `""` (an issuer as
//! `unknown`). So the number of series has a bound that traffic can't move: the largest family,
//! `octobroker_requests_total`, has at most 5 doors x 41 words x (1 + rules + service accounts),
//! where those of earlier configurations count up to [`crate::limits::RETIRED_NAMES`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::{Error, IntGauge, Registry, TextEncoder};

use super::code::Code;
use super::names::{Families, Known};
use super::outcomes::{
    AccessTokenResult, Door, ExchangeOutcome, HandshakeFailure, RefreshOutcome, RequestOutcome,
    Verification,
};
use super::process::ProcessCollector;
use super::series::{
    ConfigSeries, KeySeries, RequestSeries, TokenSeries, UpstreamSeries, of_class,
};
use crate::platform::process::HAS_PROC;

/// The configured names that may become label values.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Names of issuers.
    pub issuers: Vec<String>,
    /// Names of service accounts.
    pub service_accounts: Vec<String>,
    /// Names of rules, each with the name of its service account.
    pub rules: Vec<(String, String)>,
    /// Names of listeners.
    pub listeners: Vec<String>,
}

impl Labels {
    /// These, and the others that are not among them.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        fn add<T: Clone + PartialEq>(to: &mut Vec<T>, more: &[T]) {
            let new: Vec<T> = more.iter().filter(|one| !to.contains(one)).cloned().collect();
            to.extend(new);
        }
        add(&mut self.issuers, &others.issuers);
        add(&mut self.service_accounts, &others.service_accounts);
        add(&mut self.rules, &others.rules);
        add(&mut self.listeners, &others.listeners);
        self
    }
}

/// Every series of the program. There is no global registry: a process may hold several.
pub struct Metrics {
    registry: Registry,
    known: ArcSwap<Known>,
    requests: RequestSeries,
    upstream: UpstreamSeries,
    tokens: TokenSeries,
    keys: KeySeries,
    config: ConfigSeries,
}

impl Metrics {
    /// Registers every family, and lets every series that is known by now start at 0.
    pub fn new(labels: &Labels) -> Result<Self, Error> {
        let registry = Registry::new();
        if HAS_PROC {
            registry.register(Box::new(ProcessCollector::new()?))?;
        }
        let requests = RequestSeries::new(&registry, labels)?;
        let upstream = UpstreamSeries::new(&registry, labels)?;
        let tokens = TokenSeries::new(&registry, labels)?;
        let families = Families { requests: &requests, upstream: &upstream, tokens: &tokens };
        let (known, _) = Known::after(None, labels, &families);

        Ok(Self {
            known: ArcSwap::from_pointee(known),
            keys: KeySeries::new(&registry, labels)?,
            config: ConfigSeries::new(&registry)?,
            requests,
            upstream,
            tokens,
            registry,
        })
    }

    fn families(&self) -> Families<'_> {
        Families { requests: &self.requests, upstream: &self.upstream, tokens: &self.tokens }
    }

    /// A configuration with these names is about to serve: what can be known of them stands at 0,
    /// unless it counts already. What was counted for earlier names stays, for a bounded number of
    /// them; the state of issuers that are gone does not. For one caller at a time.
    pub fn configured(&self, labels: &Labels) {
        self.requests.start(labels);
        self.upstream.start(labels);
        self.tokens.start(labels);
        self.keys.start(labels);
        let before = self.known.load_full();
        let (known, forgotten) = Known::after(Some(&*before), labels, &self.families());
        self.known.store(Arc::new(known));
        for issuer in before.current_issuers.iter().filter(|name| !labels.issuers.contains(name)) {
            self.keys.retire(issuer);
        }
        self.requests.forget(&forgotten);
        self.upstream.forget(&forgotten);
        self.tokens.forget(&forgotten);
        self.keys.forget(&forgotten);
    }

    /// The page for `GET /metrics`: Prometheus's text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut page = String::with_capacity(64 << 10);
        // Only a family without samples or name can fail here; `gather` leaves those out.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut page);

        page
    }

    /// A request began; it ends when the guard is dropped.
    pub fn request_started(&self) -> InFlight {
        InFlight(Raised::new(self.requests.in_flight.clone()))
    }

    /// A request has ended.
    pub fn request_ended(&self, request: &RequestOutcome<'_>) {
        self.requests.observe(request);

        let word = request.code.map_or("ok", Code::as_str);
        let known = self.known.load();
        match known.rule(request.rule, request.service_account) {
            Some((_, rule)) if request.door == Door::Bearer && request.code.is_none() => {
                rule.forwarded.inc();
            }
            Some((name, rule)) => {
                self.requests.total(name, request.door, &rule.service_account, word).inc();
            }
            None => {
                let account = known.service_accounts.known(request.service_account);
                self.requests.total("", request.door, account, word).inc();
            }
        }
    }

    /// How many requests each rule decided since the start, by the rule's name.
    pub fn requests_of_rules(&self) -> HashMap<String, u64> {
        self.requests.of_rules()
    }

    /// A task, or the serving of a request, panicked.
    pub fn panicked(&self) {
        self.requests.panics.inc();
    }

    /// A client connected to `listener`; the connection ends when the guard is dropped.
    pub fn connection_opened(&self, listener: &str) -> OpenConnection {
        let known = self.known.load();
        let listener = known.listeners.known(Some(listener));
        OpenConnection(Raised::new(self.requests.connections.with_label_values(&[listener])))
    }

    /// A listener serves a certificate that is valid until then, in seconds since 1970.
    pub fn certificate_expires(&self, listener: &str, unix_seconds: u64) {
        let known = self.known.load();
        let listener = known.listeners.known(Some(listener));
        let seconds = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
        self.requests.certificate_expiry.with_label_values(&[listener]).set(seconds);
    }

    /// A listener speaks TLS: failures of its handshakes stand at 0.
    pub fn tls_offered(&self, listener: &str) {
        let known = self.known.load();
        let listener = known.listeners.known(Some(listener));
        for reason in HandshakeFailure::ALL {
            self.requests.handshake_failures.with_label_values(&[listener, reason.as_str()]);
        }
    }

    /// A connection to a listener ended in its TLS handshake.
    pub fn handshake_failed(&self, listener: &str, reason: HandshakeFailure) {
        let known = self.known.load();
        let listener = known.listeners.known(Some(listener));
        self.requests.handshake_failures.with_label_values(&[listener, reason.as_str()]).inc();
    }

    /// The head of an answer of Octopus came, `elapsed` after the request was sent.
    pub fn upstream_answered(&self, service_account: Option<&str>, status: u16, elapsed: Duration) {
        let known = self.known.load();
        if let Some(responses) = known.responses(service_account) {
            of_class(responses, status).inc();
        }
        self.upstream.seconds.observe(elapsed.as_secs_f64());
    }

    /// An ID token was checked. `None` is an issuer that is not configured.
    pub fn token_verified(&self, issuer: Option<&str>, outcome: Verification) {
        let known = self.known.load();
        if let (Verification::Cached, Some(cached)) = (outcome, known.cached(issuer)) {
            cached.inc();
            return;
        }
        let issuer = known.issuers.known(issuer);
        self.tokens.verifications.with_label_values(&[issuer, outcome.as_str()]).inc();
    }

    /// A token exchange has ended.
    pub fn exchanged(&self, service_account: &str, outcome: ExchangeOutcome, elapsed: Duration) {
        let known = self.known.load();
        let account = known.service_accounts.known(Some(service_account));
        self.tokens.exchanges.with_label_values(&[account, outcome.as_str()]).inc();
        self.tokens.exchange_durations.observe(elapsed.as_secs_f64());
    }

    /// A request asked for an access token.
    pub fn access_token_requested(&self, result: AccessTokenResult) {
        if let Some(requests) = self.tokens.requests.get(result as usize) {
            requests.inc();
        }
    }

    /// Octopus answered a request that bore a cached access token with 401.
    pub fn access_token_rejected(&self, service_account: &str) {
        let known = self.known.load();
        let account = known.service_accounts.known(Some(service_account));
        self.tokens.rejected.with_label_values(&[account]).inc();
    }

    /// A request waits for its turn in a service account's rate budget.
    pub fn rate_limit_waited(&self, service_account: &str) {
        let known = self.known.load();
        let account = known.service_accounts.known(Some(service_account));
        self.upstream.rate_limit_waits.with_label_values(&[account]).inc();
    }

    /// So many requests are left of a service account's rate limit.
    pub fn rate_limit_remaining(&self, service_account: &str, remaining: f64) {
        let known = self.known.load();
        let account = known.service_accounts.known(Some(service_account));
        self.upstream.rate_limit_remaining.with_label_values(&[account]).set(remaining);
    }

    /// An issuer's keys were read, or could not be. On success there are now `keys` of them, and
    /// it is `unix_seconds` since 1970; on failure both stay what they were.
    ///
    /// An issuer that is not configured has no series, and is not counted.
    pub fn keys_refreshed(
        &self,
        issuer: &str,
        outcome: RefreshOutcome,
        keys: usize,
        unix_seconds: f64,
    ) {
        if !self.known.load().current_issuers.contains(issuer) {
            return;
        }
        self.keys.refreshes.with_label_values(&[issuer, outcome.as_str()]).inc();
        if outcome == RefreshOutcome::Ok {
            self.keys.count.with_label_values(&[issuer]).set(gauge_value(keys));
            self.keys.last_success.with_label_values(&[issuer]).set(unix_seconds);
        }
    }

    /// How many tokens are cached, and how many stand-ins live, now. To be set just before
    /// [`Metrics::render`].
    pub fn cached(&self, access_tokens: u64, verified_tokens: u64, stand_ins: usize) {
        self.tokens.stand_ins_live.set(gauge_value(stand_ins));
        self.tokens.access_tokens_cached.set(gauge_value(access_tokens));
        self.tokens.verified_tokens_cached.set(gauge_value(verified_tokens));
    }

    /// How many used ID tokens are remembered, now. To be set just before [`Metrics::render`].
    pub fn used_tokens_remembered(&self, count: usize) {
        self.tokens.used_tokens_remembered.set(gauge_value(count));
    }

    /// The configuration with this digest is in use since `unix_seconds` since 1970.
    pub fn config_loaded(&self, digest: &str, unix_seconds: f64) {
        self.config.loaded(digest, unix_seconds);
    }

    /// A configuration was read that can't be used: the one before stays.
    pub fn config_refused(&self) {
        self.config.refused();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A request that is being served, until this is dropped.
#[must_use = "the request counts as ended when this is dropped"]
#[derive(Debug)]
pub struct InFlight(#[expect(dead_code, reason = "held for its drop")] Raised);

/// A client's connection, until this is dropped.
#[must_use = "the connection counts as closed when this is dropped"]
#[derive(Debug)]
pub struct OpenConnection(#[expect(dead_code, reason = "held for its drop")] Raised);

/// A gauge that stands one higher until this is dropped.
#[derive(Debug)]
struct Raised(IntGauge);

impl Raised {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn gauge_value(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
