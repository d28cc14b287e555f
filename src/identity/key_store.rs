//! The life of one issuer's keys: a snapshot that readers never wait for, one refresh at a time.
//!
//! A failed or nonsensical fetch never replaces a good set. The set is read again every 15 minutes,
//! and at once when a token names a key id that it lacks, or was not signed with the key of its id
//! (then at most every 10 s for these causes).
//! When the issuer is down, the last good set serves on for a day.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::algorithm::Algorithm;
use super::fetch::{FetchError, KeyFetcher};
use super::issuer::{Issuer, KeySource};
use super::jwks::{Choice, KeySet};
use super::verifier::VerifyError;
use crate::clock::Clock;
use crate::limits;
use crate::single_flight::{Seat, SingleFlight};
use crate::tasks;
use crate::telemetry::{Metrics, RefreshOutcome, error_chain};

/// The current keys of one issuer.
#[derive(Debug)]
pub struct KeyStore {
    core: Arc<Core>,
    flight: Arc<Flight>,
    refreshing: OnceLock<Refreshing>,
}

type Flight = SingleFlight<(), Result<(), ()>>;

/// The task that keeps the keys fresh. It ends with the store: when a reload has removed the
/// issuer, and the last request that began before has ended.
#[derive(Debug)]
struct Refreshing(AbortHandle);

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the operator sees of an issuer's keys.
#[derive(Debug, Clone, Default)]
pub struct KeyStatus {
    /// Usable keys; 0 before the first fetch.
    pub keys: usize,
    /// When the set was last fetched.
    pub fetched_at: Option<SystemTime>,
    /// Why the last fetch failed, if it did.
    pub error: Option<String>,
}

/// A key set, and which one it is: verified tokens are bound to the set that verified them.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: KeySet,
    pub(super) generation: u64,
    fetched: Duration,
    fetched_at: SystemTime,
}

#[derive(Debug)]
struct Core {
    issuer: Issuer,
    fetcher: KeyFetcher,
    snapshot: ArcSwapOption<Snapshot>,
    attempts: Mutex<Attempts>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Attempts {
    last: Option<Duration>,
    last_for_unknown_key: Option<Duration>,
    failures: u32,
    error: Option<String>,
}

/// Why keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    NoKeys,
    UnknownKey,
    Age,
    /// The operator says so.
    Told,
}

impl KeyStore {
    /// No keys yet.
    pub fn new(issuer: &Issuer, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let core = Core {
            issuer: issuer.clone(),
            fetcher: KeyFetcher::new(issuer),
            snapshot: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            clock,
            metrics,
        };
        Self { core: Arc::new(core), flight: Arc::default(), refreshing: OnceLock::new() }
    }

    /// Finds the key for a token and hands it to `check` with its set's generation. Waits for the
    /// network only while there is no key that fits.
    pub(super) async fn with_key<T>(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        check: impl Fn(&super::jwks::Key, u64) -> T,
    ) -> Result<T, VerifyError> {
        let chosen = |snapshot: &Snapshot| match snapshot.keys.choose(key_id, algorithm) {
            Choice::One(key) => Ok(Some(check(key, snapshot.generation))),
            Choice::Several => Err(VerifyError::KeyAmbiguous),
            Choice::None => Ok(None),
        };
        let cause = match self.core.current() {
            Some(snapshot) => {
                if self.core.age(&snapshot) >= limits::JWKS_REFRESH {
                    self.flight.launch(&(), || Arc::clone(&self.core).refresh(Cause::Age));
                }
                if let Some(outcome) = chosen(&snapshot)? {
                    return Ok(outcome);
                }
                Cause::UnknownKey
            }
            None => Cause::NoKeys,
        };
        let mut flight = self.flight.join(&(), || Arc::clone(&self.core).refresh(cause)).await;
        let mut snapshot = self.core.current().ok_or(VerifyError::KeysUnavailable)?;
        if let Some(outcome) = chosen(&snapshot)? {
            return Ok(outcome);
        }
        if let (Some(Ok(())), Seat::Passenger) = flight {
            // What others had asked for may be from before this key was published.
            let work = || Arc::clone(&self.core).refresh(Cause::UnknownKey);
            flight = self.flight.join(&(), work).await;
            snapshot = self.core.current().ok_or(VerifyError::KeysUnavailable)?;
            if let Some(outcome) = chosen(&snapshot)? {
                return Ok(outcome);
            }
        }
        match flight.0 {
            Some(Ok(())) => {
                let key_id = key_id.unwrap_or_default().to_owned();
                Err(VerifyError::KeyUnknown { key_id })
            }
            // The issuer could not be asked whether it has such a key.
            Some(Err(())) | None => Err(VerifyError::KeysUnavailable),
        }
    }

    /// Asks for the keys again because a signature does not hold with the key of its id, at most as
    /// often as for an unknown one. True if the set in use is another one than `generation` now.
    pub(super) async fn replaced_after_mismatch(&self, generation: u64) -> bool {
        // Not even a task for each of a flood of forgeries.
        if self.core.is_rested(Cause::UnknownKey) {
            let work = || Arc::clone(&self.core).refresh(Cause::UnknownKey);
            self.flight.join(&(), work).await;
        }
        self.generation() != Some(generation)
    }

    /// The generation of the set in use, if there is one.
    pub(super) fn generation(&self) -> Option<u64> {
        self.core.current().map(|snapshot| snapshot.generation)
    }

    /// True if the operator wrote the keys down in a file: who is not in it has lost all trust.
    /// Elsewhere keys come and go as the issuer rotates them.
    pub(super) fn is_pinned(&self) -> bool {
        matches!(self.core.issuer.key_source, KeySource::File(_))
    }

    /// Hands the key for a token to `check`, if one is there now. Asks nobody.
    pub(super) fn with_known_key<T>(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        check: impl Fn(&super::jwks::Key) -> T,
    ) -> Option<T> {
        let snapshot = self.core.current()?;
        match snapshot.keys.choose(key_id, algorithm) {
            Choice::One(key) => Some(check(key)),
            Choice::Several | Choice::None => None,
        }
    }

    /// Fetches the keys for the first time, well or badly.
    pub async fn fetch_first(&self) {
        self.flight.join(&(), || Arc::clone(&self.core).refresh(Cause::NoKeys)).await;
    }

    /// Makes the keys ready for a configuration that is about to serve: those that nobody has tried
    /// to fetch are fetched, well or badly; those in a file are read again. Others are there, or
    /// their issuer is down, which is no reason to wait.
    pub async fn prepare(&self) {
        if self.core.lock().last.is_none() {
            return self.fetch_first().await;
        }
        if self.is_pinned() {
            let work = || Arc::clone(&self.core).refresh(Cause::Told);
            if self.flight.join(&(), work).await.1 == Seat::Passenger {
                // That flight may have read the file before it changed.
                self.flight.join(&(), work).await;
            }
        }
    }

    /// Keeps the keys fresh as long as the store lives: at the refresh interval when all is well,
    /// with a growing pause when the issuer is not. Once is as good as often.
    pub fn keep_fresh(&self) {
        self.refreshing.get_or_init(|| {
            let (core, flight) = (Arc::clone(&self.core), Arc::clone(&self.flight));
            Refreshing(tasks::spawn(keep_fresh(core, flight)).abort_handle())
        });
    }

    /// What the operator sees.
    pub fn status(&self) -> KeyStatus {
        let snapshot = self.core.current();
        KeyStatus {
            keys: snapshot.as_ref().map_or(0, |snapshot| snapshot.keys.len()),
            fetched_at: snapshot.map(|snapshot| snapshot.fetched_at),
            error: self.core.lock().error.clone(),
        }
    }
}

impl Core {
    /// The last good set, unless it is too old to be believed.
    fn current(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full().filter(|snapshot| self.age(snapshot) < limits::JWKS_STALE)
    }

    fn age(&self, snapshot: &Snapshot) -> Duration {
        self.clock.elapsed().saturating_sub(snapshot.fetched)
    }

    /// Fetches once, unless that was tried too recently for this cause; tells how the last try
    /// ended.
    async fn refresh(self: Arc<Self>, cause: Cause) -> Result<(), ()> {
        if !self.may_fetch(cause) {
            let failed = self.lock().error.is_some();
            return if failed { Err(()) } else { Ok(()) };
        }
        // A task of its own would be lost on a panic; the flight is that task.
        let outcome = self.fetcher.fetch().await;
        self.settle(outcome)
    }

    fn may_fetch(&self, cause: Cause) -> bool {
        let now = self.clock.elapsed();
        let mut attempts = self.lock();
        if !attempts.are_rested(cause, now) {
            return false;
        }
        attempts.last = Some(now);
        if cause == Cause::UnknownKey {
            attempts.last_for_unknown_key = Some(now);
        }
        true
    }

    /// Whether a fetch for this cause would be made now.
    fn is_rested(&self, cause: Cause) -> bool {
        self.lock().are_rested(cause, self.clock.elapsed())
    }

    fn settle(&self, outcome: Result<KeySet, FetchError>) -> Result<(), ()> {
        let issuer = &self.issuer.name;
        let mut attempts = self.lock();
        match outcome {
            Ok(keys) => {
                let previous = self.snapshot.load_full();
                let count = keys.len();
                if previous.as_ref().is_none_or(|previous| previous.keys.len() != count)
                    || attempts.error.is_some()
                {
                    info!(issuer, keys = count, "the issuer's keys were fetched");
                }
                self.metrics.keys_refreshed(
                    issuer,
                    RefreshOutcome::Ok,
                    count,
                    self.clock.unix_seconds(),
                );
                // The same document again is the same set: what it verified stays verified.
                let generation = match &previous {
                    Some(previous) if previous.keys.is_same_document(&keys) => previous.generation,
                    Some(previous) => previous.generation + 1,
                    None => 1,
                };
                self.snapshot.store(Some(Arc::new(Snapshot {
                    keys,
                    generation,
                    fetched: self.clock.elapsed(),
                    fetched_at: self.clock.now(),
                })));
                attempts.failures = 0;
                attempts.error = None;
                Ok(())
            }
            Err(error) => {
                let error = error_chain(&error);
                // Said once for each new reason: an issuer may be down for hours.
                if attempts.error.as_ref() != Some(&error) {
                    warn!(issuer, error, "the issuer's keys can't be fetched");
                }
                let now = self.clock.unix_seconds();
                self.metrics.keys_refreshed(issuer, RefreshOutcome::Failed, 0, now);
                attempts.failures += 1;
                attempts.error = Some(error);
                Err(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_fresh(core: Arc<Core>, flight: Arc<Flight>) {
    loop {
        let failures = core.lock().failures;
        let pause = if failures == 0 { limits::JWKS_REFRESH } else { retry_pause(failures) };
        tokio::time::sleep(pause).await;
        flight.join(&(), || Arc::clone(&core).refresh(Cause::Age)).await;
    }
}

impl Attempts {
    /// Whether the last one for this cause was long enough ago.
    fn are_rested(&self, cause: Cause, now: Duration) -> bool {
        let (last, pause) = match cause {
            Cause::Told => (None, Duration::ZERO),
            Cause::Age if self.failures == 0 => (None, Duration::ZERO),
            // Whoever comes by while the issuer is sick must not ask it again each time.
            Cause::Age => (self.last, retry_pause(self.failures)),
            Cause::NoKeys => (self.last, limits::JWKS_RETRY_MIN),
            Cause::UnknownKey => (self.last_for_unknown_key, limits::JWKS_UNKNOWN_KEY_COOLDOWN),
        };
        last.is_none_or(|last| now.saturating_sub(last) >= pause)
    }
}

/// 1 s, doubled with each failure, up to 30 s.
fn retry_pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    limits::JWKS_RETRY_MIN.saturating_mul(doubled).min(limits::JWKS_RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::telemetry::Labels;

    #[test]
    fn pauses_double_up_to_the_bound() {
        let pauses: Vec<u64> = (1..8).map(|failures| retry_pause(failures).as_secs()).collect();

        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retry_pause(u32::MAX), limits::JWKS_RETRY_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_read_again_every_15_minutes_though_nobody_asks() {
        let file = std::env::temp_dir().join(format!("octobroker-fresh-{}", std::process::id()));
        let key =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        std::fs::write(&file, format!("{{\"keys\":[{key}]}}")).unwrap();
        let issuer = Issuer { key_source: KeySource::File(file.clone()), ..Issuer::for_tests() };
        let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
        let store = KeyStore::new(&issuer, Arc::new(ManualClock::at(0)), metrics);
        store.fetch_first().await;
        store.keep_fresh();
        for keys in 2..5 {
            std::fs::write(&file, format!("{{\"keys\":[{}]}}", vec![key; keys].join(","))).unwrap();

            tokio::time::sleep(limits::JWKS_REFRESH / 2).await;
            assert_eq!(store.status().keys, keys - 1);
            tokio::time::sleep(limits::JWKS_REFRESH / 2).await;
            while store.status().keys < keys {
                // A file is read on a thread of its own, which takes no time of this clock.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        std::fs::remove_file(&file).unwrap();
    }
}
