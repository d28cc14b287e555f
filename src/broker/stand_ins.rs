//! Stand-ins: keys of ours, in the shape of Octopus API keys, for clients that know only those.
//!
//! A stand-in is bound to one admission: one identity, by one rule, as one service account. It
//! lives while the ID token that it was given for does, then as long as the last access token that
//! it could have been exchanged for, and never longer than `token_door.stand_in_lifetime`: a later
//! job of the same identity does not lengthen the life of an earlier one's. Only its SHA-256 is
//! kept. At Octopus it is worth nothing.
//!
//! Stand-ins outlive a configuration, but not what it said: under the next one each is judged again
//! before it serves, and goes on by the rule that admits its holder now, or ends.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use tracing::debug;

use super::Admission;
use super::access_tokens::AccessTokens;
use super::admission::AccessKey;
use crate::clock::Clock;
use crate::limits;
use crate::secret::Secret;

/// All stand-ins that are live, at most as many as configured.
#[derive(Debug)]
pub struct StandIns {
    store: Arc<Store>,
    /// Counts the configurations: what an earlier one admitted is judged again.
    generation: u64,
    most: usize,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
}

/// What all generations share.
#[derive(Debug, Default)]
struct Store {
    live: Mutex<HashMap<Hash, StandIn>>,
    /// For the broker's own identity; it lives as long as the process.
    own: OnceLock<Hash>,
}

/// SHA-256 of a stand-in. Looking one up compares hashes of 160 random bits, so the time it takes
/// tells nothing of those that are there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Hash([u8; 32]);

#[derive(Debug)]
struct StandIn {
    admission: Admission,
    /// The last that judged it.
    generation: u64,
    /// On the monotonic clock.
    issued: Duration,
    /// On the monotonic clock: the end of the access token that was at hand when the ID token was
    /// last seen alive.
    covered_until: Duration,
}

/// Whom a stand-in stands for.
#[derive(Debug, Clone)]
pub enum Holder {
    /// A workload that logged in.
    Workload(Admission),
    /// The broker itself, for a command that it runs.
    Itself,
}

/// A stand-in that is live, and whose.
#[derive(Debug, Clone)]
pub struct StandInHolding {
    /// Whom it stands for.
    pub admission: Admission,
    /// Since it was made.
    pub age: Duration,
    /// How long it lives, at the longest.
    pub remaining: Duration,
}

/// Why no stand-in is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StandInError {
    /// As many as allowed are live.
    #[error("as many stand-ins as allowed are live")]
    Full,
    /// The system has no randomness.
    #[error("the system's random source fails")]
    NoRandomness,
}

impl StandIns {
    /// None yet; at most `most` at any time, each for at most `lifetime`.
    pub fn new(most: usize, lifetime: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { store: Arc::default(), generation: 1, most, lifetime, clock }
    }

    /// The same, with the stand-ins of earlier ones, each of which is judged again.
    #[must_use]
    pub fn keeping(self, earlier: &Self) -> Self {
        let (store, generation) = (Arc::clone(&earlier.store), earlier.generation + 1);
        Self { store, generation, ..self }
    }

    /// Makes a stand-in for an admission. When all places are taken, those that have ended make
    /// room; if none has, the oldest of another identity that has more than half of them; else the
    /// newest is refused.
    pub(super) fn issue(
        &self,
        admission: Admission,
        access_tokens: &AccessTokens,
    ) -> Result<Secret, StandInError> {
        let text = random_key()?;
        let now = self.clock.elapsed();
        let covered_until = now + cover(&admission, access_tokens).unwrap_or_default();
        let mut live = self.lock();
        if live.len() >= self.most {
            live.retain(|_, stand_in| self.is_live(stand_in, access_tokens));
        }
        // Beyond a bound that a reload has lowered nobody makes room for another.
        let may_make_room = live.len() == self.most;
        if live.len() >= self.most && !(may_make_room && makes_room(&mut live, admission.key())) {
            return Err(StandInError::Full);
        }
        let admission = admission.of_stand_in();
        let generation = self.generation;
        let stand_in = StandIn { admission, generation, issued: now, covered_until };
        live.insert(Hash::of(&text), stand_in);
        Ok(text)
    }

    /// Makes the one stand-in for the broker itself.
    pub(super) fn issue_own(&self) -> Result<Secret, StandInError> {
        let text = random_key()?;
        self.store.own.set(Hash::of(&text)).map_err(|_| StandInError::Full)?;
        Ok(text)
    }

    /// Whom a stand-in stands for, if it is live. One that an earlier generation admitted is judged
    /// again first.
    pub(super) fn redeem(
        &self,
        text: &Secret,
        access_tokens: &AccessTokens,
        judge: impl Fn(&Admission) -> Option<Admission>,
    ) -> Option<Holder> {
        let hash = Hash::of(text);
        if self.store.own.get() == Some(&hash) {
            return Some(Holder::Itself);
        }
        if self.settle(&hash, &judge).is_break() {
            return None;
        }
        let mut live = self.lock();
        let stand_in = live.get_mut(&hash)?;
        if !self.is_live(stand_in, access_tokens) {
            live.remove(&hash);
            return None;
        }
        if stand_in.admission.is_exchangeable(&*self.clock)
            && let Some(remaining) = cover(&stand_in.admission, access_tokens)
        {
            stand_in.covered_until = self.clock.elapsed() + remaining;
        }
        Some(Holder::Workload(stand_in.admission.clone()))
    }

    /// Judges all that an earlier generation admitted, so that those which end make room at once;
    /// tells how many end.
    pub(super) fn settle_all(&self, judge: impl Fn(&Admission) -> Option<Admission>) -> usize {
        let is_earlier = |(_, stand_in): &(&Hash, &StandIn)| stand_in.generation < self.generation;
        let earlier: Vec<Hash> =
            self.lock().iter().filter(is_earlier).map(|(hash, _)| *hash).collect();
        earlier.iter().filter(|hash| self.settle(hash, &judge).is_break()).count()
    }

    /// Judges one again if an earlier generation admitted it; breaks if this ends it. A request that
    /// began under an earlier generation takes the judgement of a later one as it is.
    fn settle(
        &self,
        hash: &Hash,
        judge: &impl Fn(&Admission) -> Option<Admission>,
    ) -> ControlFlow<()> {
        let is_earlier = |stand_in: &&mut StandIn| stand_in.generation < self.generation;
        let earlier = self.lock().get_mut(hash).filter(is_earlier).map(|one| one.admission.clone());
        let Some(earlier) = earlier else { return ControlFlow::Continue(()) };
        // Not under the lock: there may be a thousand rules.
        let judged = judge(&earlier);
        let mut live = self.lock();
        let Some(stand_in) = live.get_mut(hash).filter(is_earlier) else {
            return ControlFlow::Continue(());
        };
        let Some(admission) = judged else {
            let rule = earlier.rule().unwrap_or_default();
            debug!(rule, "a stand-in has ended: its holder is no longer admitted");
            live.remove(hash);
            return ControlFlow::Break(());
        };
        stand_in.admission = admission.of_stand_in();
        stand_in.generation = self.generation;
        ControlFlow::Continue(())
    }

    /// Those that are live: the newest, and no more than `most`.
    pub(super) fn newest(&self, most: usize, access_tokens: &AccessTokens) -> Vec<StandInHolding> {
        let now = self.clock.elapsed();
        let live = self.lock();
        let mut live: Vec<&StandIn> =
            live.values().filter(|one| self.is_live(one, access_tokens)).collect();
        live.sort_unstable_by_key(|one| Reverse(one.issued));
        let holding = |one: &&StandIn| StandInHolding {
            admission: one.admission.clone(),
            age: now.saturating_sub(one.issued),
            remaining: (one.issued + self.lifetime).saturating_sub(now),
        };
        live.iter().take(most).map(holding).collect()
    }

    /// How many are live. Sweeps out what has ended.
    pub(super) fn count(&self, access_tokens: &AccessTokens) -> usize {
        let mut live = self.lock();
        live.retain(|_, stand_in| self.is_live(stand_in, access_tokens));
        live.len()
    }

    fn is_live(&self, stand_in: &StandIn, access_tokens: &AccessTokens) -> bool {
        let now = self.clock.elapsed();
        let is_covered =
            now < stand_in.covered_until && cover(&stand_in.admission, access_tokens).is_some();
        now < stand_in.issued + self.lifetime
            && (is_covered || stand_in.admission.is_exchangeable(&*self.clock))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, StandIn>> {
        self.store.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the oldest stand-in of another identity that has more than half of all places: one job that
/// logs in without end must not lock out all others. False if there is none.
fn makes_room(live: &mut HashMap<Hash, StandIn>, newcomer: &Arc<AccessKey>) -> bool {
    let half = live.len() / 2;
    let mut counts = HashMap::<&Arc<AccessKey>, usize>::new();
    for stand_in in live.values() {
        *counts.entry(stand_in.admission.key()).or_default() += 1;
    }
    let crowd = counts.into_iter().find(|(key, count)| *count > half && *key != newcomer);
    let Some(crowd) = crowd.map(|(key, _)| Arc::clone(key)) else { return false };
    let of_crowd = live.iter().filter(|(_, stand_in)| *stand_in.admission.key() == crowd);
    let oldest = of_crowd.min_by_key(|(_, stand_in)| stand_in.issued).map(|(hash, _)| *hash);
    oldest.and_then(|oldest| live.remove(&oldest)).is_some()
}

/// How long the credential at hand serves an admission. An API key would serve for ever; it does
/// so no longer than an access token would.
fn cover(admission: &Admission, access_tokens: &AccessTokens) -> Option<Duration> {
    match admission.api_key() {
        Some(_) => Some(limits::API_KEY_COVER),
        None => access_tokens.remaining(admission),
    }
}

impl Hash {
    fn of(text: &Secret) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.expose().as_bytes()).as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hash]")
    }
}

/// `API-` and 32 characters of RFC 4648 base32: 160 bits, in the one shape that all of Octopus's
/// clients take for an API key, and that no JWT can have.
fn random_key() -> Result<Secret, StandInError> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| StandInError::NoRandomness)?;
    // 256 is a multiple of 32, so that every character is equally likely.
    let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).copied();
    Ok(Secret::new("API-".chars().chain(characters.map(char::from)).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_of_octopus_takes_the_shape_for_an_api_key() {
        for _ in 0..100 {
            let key = random_key().unwrap();
            let tail = key.expose().strip_prefix("API-").unwrap();

            assert_eq!(key.expose().len(), 36);
            assert!(
                tail.bytes().all(|byte| byte.is_ascii_uppercase() || b"234567".contains(&byte))
            );
        }
        assert_ne!(random_key().unwrap().expose(), random_key().unwrap().expose());
    }
}
