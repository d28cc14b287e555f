//! Access tokens: cached, exchanged once for all who wait, renewed in the background.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Admission;
use super::admission::{AccessKey, Errand};
use super::exchanges::{Cached, Failure, Rejection, Remembered, kept, none};
use crate::bounded_map::Entry;
use crate::clock::{Clock, Reading};
use crate::identity::IdToken;
use crate::limits;
use crate::octopus::{AccessToken, ExchangeError, ServiceAccount, TokenExchange};
use crate::single_flight::{Seat, SingleFlight};
use crate::telemetry::{AccessTokenResult, Code, Metrics};

/// The access tokens of all identities. Clones are the same.
#[derive(Debug, Clone)]
pub struct AccessTokens {
    core: Arc<Core>,
    flights: Arc<SingleFlight<Arc<AccessKey>, Result<Cached, Failure>>>,
}

/// An access token, and how it was come by.
#[derive(Debug, Clone)]
pub struct Obtained {
    cached: Cached,
    /// For the log and the metrics.
    pub result: AccessTokenResult,
}

/// An access token that is at hand, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The account's id.
    pub service_account: String,
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// `aud`
    pub audience: String,
    /// How long it lives.
    pub remaining: Duration,
}

/// Why there is no access token, and when to ask again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("there is no access token")]
pub struct ExchangeFailure {
    /// Why.
    #[source]
    pub error: Arc<ExchangeError>,
    /// Whether this was remembered from an exchange shortly before.
    pub is_remembered: bool,
    /// No exchange will be tried before.
    pub retry_after: Duration,
}

#[derive(Debug)]
struct Core {
    exchange: Arc<dyn TokenExchange>,
    tokens: Remembered<Cached>,
    failures: Remembered<Failure>,
    rejections: Remembered<Rejection>,
    serial: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Obtained {
    /// The token.
    pub fn token(&self) -> &AccessToken {
        &self.cached.token
    }

    /// True if it was exchanged while the request waited, so that another would be no newer.
    pub const fn is_new(&self) -> bool {
        matches!(self.result, AccessTokenResult::Miss | AccessTokenResult::Joined)
    }
}

impl ExchangeFailure {
    /// The word for it.
    pub fn code(&self) -> Code {
        self.error.code()
    }
}

impl AccessTokens {
    /// No tokens yet, and at most `remembered` at any time.
    pub fn new(
        exchange: Arc<dyn TokenExchange>,
        remembered: u64,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let core = Core {
            exchange,
            tokens: none(remembered, &clock),
            failures: none(remembered, &clock),
            rejections: none(remembered, &clock),
            serial: Arc::default(),
            clock,
            metrics,
        };
        Self { core: Arc::new(core), flights: Arc::default() }
    }

    /// The same, with the tokens of earlier ones for the same server: both share them from now on,
    /// or this one has copies, if it remembers another number.
    #[must_use]
    pub fn keeping(self, earlier: &Self) -> Self {
        let (new, old) = (&self.core, &earlier.core);
        let core = Core {
            exchange: Arc::clone(&new.exchange),
            tokens: kept(&old.tokens, &new.tokens),
            failures: kept(&old.failures, &new.failures),
            rejections: kept(&old.rejections, &new.rejections),
            serial: Arc::clone(&old.serial),
            clock: Arc::clone(&new.clock),
            metrics: Arc::clone(&new.metrics),
        };
        Self { core: Arc::new(core), flights: Arc::clone(&earlier.flights) }
    }

    /// Counts how an access token was come by.
    pub(super) fn note(&self, outcome: &Result<Obtained, ExchangeFailure>) {
        let result = match outcome {
            Ok(obtained) => obtained.result,
            Err(failure) if failure.is_remembered => AccessTokenResult::RememberedFailure,
            Err(_) => AccessTokenResult::Miss,
        };
        self.core.metrics.access_token_requested(result);
    }

    /// Counts a request that waits because Octopus limits the rate of exchanges.
    pub(super) fn note_wait(&self, admission: &Admission) {
        self.core.metrics.rate_limit_waited(&admission.service_account().name);
    }

    /// True if the ID token still holds after `pause`.
    pub(super) fn may_exchange_after(&self, pause: Duration, admission: &Admission) -> bool {
        admission.is_exchangeable_at(self.core.clock.unix_seconds() + pause.as_secs_f64())
    }

    /// The token that is cached, and counted as such, if nothing is to be done about it.
    pub(super) fn at_hand(&self, admission: &Admission) -> Option<Obtained> {
        let now = self.core.clock.reading();
        let cached = self.core.usable(admission.key(), now)?;
        if !is_enough(&cached.token, admission.errand, now) {
            return None;
        }
        let result = AccessTokenResult::Hit;
        self.core.metrics.access_token_requested(result);
        Some(Obtained { cached, result })
    }

    /// One look, and one exchange if it needs one.
    pub(super) async fn find_or_exchange(
        &self,
        admission: &Admission,
    ) -> Result<Obtained, ExchangeFailure> {
        let (key, now) = (admission.key(), self.core.clock.reading());
        let fetch = || self.core.clone().fetch(admission);
        if let Some(cached) = self.core.usable(key, now) {
            return Ok(self.renewed(cached, admission).await);
        }
        if let Some(failure) = self.core.remembered_failure(key, admission.id_token()) {
            return Err(self.core.told(failure, true));
        }
        if admission.errand == Errand::StandIn && !admission.is_exchangeable(&*self.core.clock) {
            let ended = Failure::of(ExchangeError::StandInEnded, self.core.clock.elapsed());
            return Err(self.core.told(ended, false));
        }
        let mut fetched = self.flights.join(key, fetch).await;
        // What was said to another token that is at its end is not said to this one.
        if matches!(&fetched.0, Some(Err(failure)) if !failure.is_of(admission.id_token())) {
            fetched = self.flights.join(key, fetch).await;
        }
        let result = result_of(fetched.1);
        let crashed = || Err(Failure::of(ExchangeError::Crashed, self.core.clock.elapsed()));
        match fetched.0.unwrap_or_else(crashed) {
            Ok(cached) => Ok(Obtained { cached, result }),
            Err(failure) => Err(self.core.told(failure, false)),
        }
    }

    /// A usable token, or its successor if it wants one. For a request that is fetched in the background;
    /// a login waits for it, and where it can't be had the one that is there serves.
    async fn renewed(&self, cached: Cached, admission: &Admission) -> Obtained {
        let (core, key, errand) = (&self.core, admission.key(), admission.errand);
        let can_renew = || {
            core.remembered_failure(key, admission.id_token()).is_none()
                && admission.is_exchangeable(&*core.clock)
        };
        let mut obtained = Obtained { cached, result: AccessTokenResult::Hit };
        if is_enough(obtained.token(), errand, core.clock.reading()) || !can_renew() {
            return obtained;
        }
        let fetch = || core.clone().fetch(admission);
        if errand == Errand::Login {
            if let (Some(Ok(cached)), seat) = self.flights.join(key, fetch).await {
                obtained = Obtained { cached, result: result_of(seat) };
            }
        } else if self.flights.launch(key, fetch) == Seat::Pilot {
            obtained.result = AccessTokenResult::Renewed;
        }
        obtained
    }

    /// How long the access token for an admission lives, if one is at hand and usable.
    pub(super) fn remaining(&self, admission: &Admission) -> Option<Duration> {
        let now = self.core.clock.reading();
        let cached = self.core.usable(admission.key(), now)?;
        Some(cached.token.remaining_at(now))
    }

    /// Octopus answered 401 to this token: it is forgotten, unless a successor is already there.
    /// True if another may be asked for; false shortly after a fresh one was rejected as well, so
    /// that a server that accepts nothing is not flooded with exchanges.
    pub fn reject(&self, admission: &Admission, obtained: &Obtained) -> bool {
        let core = &self.core;
        core.metrics.access_token_rejected(&admission.service_account().name);
        let key = admission.key();
        let last = core.rejections.get(key);
        let now = core.clock.elapsed();
        if last.is_some_and(|last| last.counts_at(now)) {
            return false;
        }
        if core.tokens.get(key).is_some_and(|cached| cached.serial == obtained.cached.serial) {
            core.tokens.remove(key);
        }
        true
    }

    /// Octopus answered 401 even to a token that was fetched for the occasion.
    pub fn reject_fresh(&self, admission: &Admission) {
        self.core.metrics.access_token_rejected(&admission.service_account().name);
        let rejection = Rejection(self.core.clock.elapsed());
        self.core.rejections.insert(Arc::clone(admission.key()), rejection);
    }

    /// Those at hand that are usable: the newest, and no more than `most`.
    pub fn newest(&self, most: usize) -> Vec<Holding> {
        let now = self.core.clock.reading();
        let mut held = self.core.tokens.entries();
        held.retain(|(_, cached)| cached.token.is_usable_at(now));
        held.sort_unstable_by_key(|(_, cached)| Reverse(cached.serial));
        held.truncate(most);
        let holding = |(key, cached): (Arc<AccessKey>, Cached)| {
            let (service_account, identity) = key.parts();
            Holding {
                service_account: service_account.to_owned(),
                issuer: identity.issuer.to_owned(),
                subject: identity.subject.to_owned(),
                audience: identity.audience.to_owned(),
                remaining: cached.token.remaining_at(now),
            }
        };
        held.into_iter().map(holding).collect()
    }

    /// How many are remembered that can be used.
    pub fn remembered(&self) -> u64 {
        self.core.tokens.count()
    }
}

impl Core {
    fn usable(&self, key: &Arc<AccessKey>, now: Reading) -> Option<Cached> {
        self.tokens.get(key).filter(|cached| cached.token.is_usable_at(now))
    }

    fn remembered_failure(&self, key: &Arc<AccessKey>, token: Option<&IdToken>) -> Option<Failure> {
        let counts =
            |failure: &Failure| failure.is_of(token) && self.clock.elapsed() < failure.until;
        self.failures.get(key).filter(counts)
    }

    fn told(&self, failure: Failure, is_remembered: bool) -> ExchangeFailure {
        let retry_after = failure.until.saturating_sub(self.clock.elapsed());
        ExchangeFailure { error: failure.error, is_remembered, retry_after }
    }

    /// The work of one flight: everything it needs is taken along.
    fn fetch(
        self: Arc<Self>,
        admission: &Admission,
    ) -> impl Future<Output = Result<Cached, Failure>> + Send + use<> {
        let key = Arc::clone(admission.key());
        let account = Arc::clone(admission.service_account());
        let (id_token, errand) = (admission.id_token().cloned(), admission.errand);
        // Octopus's clock may be ahead, and the exchange take a while.
        let later = self.clock.unix_seconds() + limits::CLOCK_LEEWAY.as_secs_f64();
        let is_at_its_end = !admission.is_exchangeable_at(later);
        async move {
            // A flight may have landed between the caller's look and this one.
            let now = self.clock.reading();
            if let Some(cached) = self.usable(&key, now)
                && is_enough(&cached.token, errand, now)
            {
                return Ok(cached);
            }
            if let Some(failure) = self.remembered_failure(&key, id_token.as_ref()) {
                return Err(failure);
            }
            let Some(id_token) = id_token else {
                return Err(Failure::of(ExchangeError::Crashed, self.clock.elapsed()));
            };
            self.exchange(key, &account, (&id_token, is_at_its_end)).await
        }
    }

    async fn exchange(
        &self,
        key: Arc<AccessKey>,
        account: &ServiceAccount,
        (id_token, is_at_its_end): (&IdToken, bool),
    ) -> Result<Cached, Failure> {
        match self.exchange.exchange(account, id_token).await {
            Ok(token) => {
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                let cached = Cached { token, serial };
                self.failures.remove(&key);
                self.tokens.insert(key, cached.clone());
                Ok(cached)
            }
            Err(error) => {
                let now = self.clock.reading();
                let last = self.failures.get(&key).filter(|failure| !failure.has_ended(now));
                let streak = last.map_or(0, |failure| failure.streak) + 1;
                let until = now.elapsed + error.pause(streak);
                let is_of_one = is_at_its_end && error.code() == Code::ExchangeRefused;
                let only_of = is_of_one.then(|| id_token.fingerprint());
                let failure = Failure { error, until, streak, only_of };
                self.failures.insert(key, failure.clone());
                Err(failure)
            }
        }
    }
}

/// Of an exchange that was waited for.
const fn result_of(seat: Seat) -> AccessTokenResult {
    match seat {
        Seat::Pilot => AccessTokenResult::Miss,
        Seat::Passenger => AccessTokenResult::Joined,
    }
}

/// Whether a token needs no successor yet. Whoever logs in asks for a token of its own, and is not to
/// get the rest of somebody else's.
fn is_enough(token: &AccessToken, errand: Errand, now: Reading) -> bool {
    match errand {
        Errand::Login => token.is_young_at(now),
        Errand::Request | Errand::StandIn => !token.wants_renewal_at(now),
    }
}
