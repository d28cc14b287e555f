//! What is remembered of exchanges: the tokens, and what went wrong.

use std::sync::Arc;
use std::time::Duration;

use super::admission::AccessKey;
use crate::bounded_map::{BoundedMap, Entry};
use crate::clock::{Clock, Reading};
use crate::identity::{Fingerprint, IdToken};
use crate::limits;
use crate::octopus::{AccessToken, ExchangeError};

#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) token: AccessToken,
    /// Tells this token from its successors.
    pub(super) serial: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) error: Arc<ExchangeError>,
    /// On the monotonic clock.
    pub(super) until: Duration,
    /// Failures in a row.
    pub(super) streak: u32,
    /// The ID token that alone is meant: that one at its end is refused says nothing of the next.
    pub(super) only_of: Option<Fingerprint>,
}

/// When even a fresh token was answered with 401, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rejection(pub(super) Duration);

/// By whose access token.
pub(super) type Remembered<V> = Arc<BoundedMap<Arc<AccessKey>, V>>;

/// Nothing yet, and at most so many.
pub(super) fn none<V: Entry>(most: u64, clock: &Arc<dyn Clock>) -> Remembered<V> {
    Arc::new(BoundedMap::new(most, Arc::clone(clock)))
}

/// The old ones if as many are remembered as before; else the new ones, filled from the old.
pub(super) fn kept<V: Entry>(old: &Remembered<V>, new: &Remembered<V>) -> Remembered<V> {
    if old.most() == new.most() {
        return Arc::clone(old);
    }
    for (key, entry) in old.entries() {
        new.insert(key, entry);
    }
    Arc::clone(new)
}

impl Entry for Cached {
    fn has_ended(&self, now: Reading) -> bool {
        !self.token.is_usable_at(now)
    }
}

impl Entry for Failure {
    /// Until then it counts in a row with the next.
    fn has_ended(&self, now: Reading) -> bool {
        now.elapsed.saturating_sub(self.until) >= limits::RETRY_AFTER_MAX
    }
}

impl Entry for Rejection {
    fn has_ended(&self, now: Reading) -> bool {
        !self.counts_at(now.elapsed)
    }
}

impl Rejection {
    pub(super) fn counts_at(self, now: Duration) -> bool {
        now.saturating_sub(self.0) < limits::REJECTION_COOLDOWN
    }
}

impl Failure {
    /// Whether it tells anything to whoever comes with this ID token.
    pub(super) fn is_of(&self, token: Option<&IdToken>) -> bool {
        self.only_of.is_none() || self.only_of == token.map(IdToken::fingerprint)
    }

    pub(super) fn of(error: ExchangeError, now: Duration) -> Self {
        Self { error: Arc::new(error), until: now, streak: 1, only_of: None }
    }
}
