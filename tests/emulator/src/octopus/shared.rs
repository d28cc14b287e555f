//! The state of the pretend server, shared by its owner and its connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::accounts::{Accounts, ServiceAccount};
use super::complaints::Standards;
use super::credentials::Carrier;
use super::knobs::Knobs;
use super::rate_limit::Limiter;
use super::record::{Log, Recorded};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::gate::{Barrier, Gate};
use crate::issuer;
use crate::keys::{Algorithm, SigningKey};

/// See the module's documentation.
pub(super) struct Shared {
    /// Base URL with the virtual directory, no trailing slash.
    pub(super) url: String,
    /// `/octopus`, or nothing.
    pub(super) virtual_directory: String,
    /// Values of `Host` that mean this server.
    pub(super) authorities: Vec<String>,
    pub(super) clock: Clock,
    pub(super) log: Log,
    pub(super) limiter: Limiter,
    knobs: Mutex<Knobs>,
    accounts: Mutex<Accounts>,
    trusted: Mutex<BTreeMap<String, Trusted>>,
    signing_keys: Mutex<Vec<SigningKey>>,
    complaints: Mutex<Vec<String>>,
    gates: Mutex<Vec<(Held, Barrier)>>,
    exchanges: AtomicUsize,
    successful_exchanges: AtomicUsize,
    writes: AtomicUsize,
}

/// How the keys of a trusted issuer are known.
pub(super) enum Trusted {
    Issuer(Arc<issuer::Shared>),
    Keys(Vec<SigningKey>),
}

/// What a gate holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Exchanges,
    Requests(String),
    Events,
}

impl Shared {
    pub(super) fn new(
        url: String,
        virtual_directory: String,
        authorities: Vec<String>,
        clock: Clock,
    ) -> Self {
        Self {
            url,
            virtual_directory,
            authorities,
            clock,
            log: Log::default(),
            limiter: Limiter::default(),
            knobs: Mutex::default(),
            accounts: Mutex::default(),
            trusted: Mutex::default(),
            signing_keys: Mutex::new(vec![
                SigningKey::shared(Algorithm::Ps256).with_kid("octopus-1"),
            ]),
            complaints: Mutex::default(),
            gates: Mutex::default(),
            exchanges: AtomicUsize::new(0),
            successful_exchanges: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
        }
    }

    pub(super) fn knobs(&self) -> MutexGuard<'_, Knobs> {
        lock(&self.knobs)
    }

    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(super) fn trust(&self, issuer: String, trusted: Trusted) {
        lock(&self.trusted).insert(issuer, trusted);
    }

    pub(super) fn distrust(&self, issuer: &str) {
        lock(&self.trusted).remove(issuer);
    }

    /// The current keys of an issuer; nothing when it is not trusted.
    pub(super) fn trusted_keys(&self, issuer: &str) -> Option<Vec<SigningKey>> {
        lock(&self.trusted).get(issuer).map(|trusted| match trusted {
            Trusted::Issuer(issuer) => issuer.keys(),
            Trusted::Keys(keys) => keys.clone(),
        })
    }

    /// The key that signs access tokens.
    pub(super) fn signing_key(&self) -> SigningKey {
        let keys = self.published_keys();
        keys.first().expect("a server always has a key").clone()
    }

    /// All keys that are still valid, the signing one first.
    pub(super) fn published_keys(&self) -> Vec<SigningKey> {
        lock(&self.signing_keys).clone()
    }

    pub(super) fn rotate_signing_key(&self) {
        let mut keys = lock(&self.signing_keys);
        let kid = format!("octopus-{}", keys.len() + 1);
        keys.insert(0, SigningKey::generate(Algorithm::Ps256, &kid));
    }

    pub(super) fn count_exchange(&self) {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }

    /// Counts; gives the number of this success.
    pub(super) fn count_success(&self) -> usize {
        self.successful_exchanges.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn successful_exchanges(&self) -> usize {
        self.successful_exchanges.load(Ordering::SeqCst)
    }

    /// Counts; gives the number of this change.
    pub(super) fn count_write(&self) -> usize {
        self.writes.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    pub(super) fn complain(&self, sentence: String) {
        lock(&self.complaints).push(sentence);
    }

    pub(super) fn complaints(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.complaints)
    }

    /// Every rule that the request breaks.
    pub(super) fn rules_broken_by(&self, request: &Recorded, is_exchange: bool) -> Vec<String> {
        let issuers = lock(&self.trusted).keys().cloned().collect();
        Standards {
            authorities: &self.authorities,
            issuers,
            knows_api_key: &|key| self.accounts().knows_api_key(key),
            is_exchange,
            caller_address: self.knobs().caller_address.clone(),
        }
        .broken_by(request)
    }

    /// The account that the request's one credential stands for.
    pub(super) fn authenticated(&self, request: &Recorded) -> Option<ServiceAccount> {
        let carriers = Carrier::all(request);
        let accounts = self.accounts();
        let account = match carriers.as_slice() {
            [Carrier::Bearer(token)] => accounts.by_token(token, self.clock.now_unix()),
            [Carrier::ApiKeyHeader(key) | Carrier::NuGetHeader(key) | Carrier::Query(key)] => {
                accounts.by_api_key(key, self.clock.now_unix())
            }
            _ => None,
        };
        account.cloned()
    }

    pub(super) fn hold(&self, held: Held) -> Gate {
        let (gate, barrier) = Gate::closed();
        lock(&self.gates).push((held, barrier));
        gate
    }

    /// The closed gates for which `is_held` says yes.
    pub(super) fn barriers(&self, is_held: impl Fn(&Held) -> bool) -> Vec<Barrier> {
        let mut gates = lock(&self.gates);
        gates.retain(|(_, barrier)| !barrier.is_open());
        gates.iter().filter(|(held, _)| is_held(held)).map(|(_, barrier)| barrier.clone()).collect()
    }

    /// The fault that hits exactly one request to this path, if one is waiting.
    pub(super) fn take_fault(&self, path: &str) -> Option<Fault> {
        let waiting = &mut self.knobs().faults_once;
        let place = waiting.iter().position(|(prefix, _)| path.starts_with(prefix))?;
        waiting.remove(place).map(|(_, fault)| fault)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
