//! ID tokens that have served, of issuers whose tokens serve once (`replay: once`).
//!
//! A token is known by its issuer and its `jti`, not by its bytes: a signature may have a twin that
//! holds as well. It is remembered, as a hash, until nobody accepts it any more. What was forgotten
//! by a clock that ran ahead does not come back with the clock: whatever ends before the last that was
//! forgotten counts as used. A full memory forgets nothing; the newest is refused.
//!
//! All generations share one memory, so that no reload lets a token serve again; a restart does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::Admission;
use crate::clock::Clock;
use crate::identity::SingleUse;
use crate::limits;
use crate::telemetry::Code;

/// The tokens that have served, at most as many as configured.
#[derive(Debug)]
pub struct UsedTokens {
    memory: Arc<Mutex<Memory>>,
    most: usize,
    clock: Arc<dyn Clock>,
}

/// Why a token does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UseError {
    /// It has served.
    #[error("the ID token has served, and each of its issuer's serves once")]
    Replayed,
    /// It could not be remembered.
    #[error("as many used ID tokens as allowed are remembered")]
    Full,
}

impl UseError {
    /// The word for it.
    pub const fn code(self) -> Code {
        match self {
            Self::Replayed => Code::TokenReplayed,
            Self::Full => Code::Overloaded,
        }
    }
}

#[derive(Debug, Default)]
struct Memory {
    /// By the hash of a token's name: when it can be forgotten, in seconds since 1970.
    ends: HashMap<[u8; 32], f64>,
    /// The latest of those that were forgotten.
    forgotten: f64,
    /// When it was last looked for what can be forgotten, on the monotonic clock.
    swept: Duration,
}

impl UsedTokens {
    /// None yet; at most `most` at any time.
    pub fn new(most: usize, clock: Arc<dyn Clock>) -> Self {
        Self { memory: Arc::default(), most, clock }
    }

    /// The same, with those of earlier ones: both share them from now on.
    #[must_use]
    pub fn keeping(self, earlier: &Self) -> Self {
        Self { memory: Arc::clone(&earlier.memory), ..self }
    }

    /// Whether an admission's token could serve now. Nothing is taken.
    pub fn check(&self, admission: &Admission) -> Result<(), UseError> {
        let Some(single_use) = admission.single_use() else { return Ok(()) };
        self.look(&mut self.lock(), single_use).map(drop)
    }

    /// Has an admission's token serve: of all who try, one succeeds.
    pub fn take(&self, admission: &Admission) -> Result<(), UseError> {
        let Some(single_use) = admission.single_use() else { return Ok(()) };
        let mut memory = self.lock();
        let name = self.look(&mut memory, single_use)?;
        memory.ends.insert(name, end(single_use));
        Ok(())
    }

    /// Gives back what was taken for something that did not come about.
    pub fn give_back(&self, admission: &Admission) {
        if let Some(single_use) = admission.single_use() {
            self.lock().ends.remove(&name(single_use));
        }
    }

    /// How many are remembered. Forgets those that can be.
    pub fn count(&self) -> usize {
        let mut memory = self.lock();
        memory.sweep(self.clock.unix_seconds());
        memory.ends.len()
    }

    /// The name under which it would be remembered, if it may serve.
    fn look(&self, memory: &mut Memory, single_use: SingleUse<'_>) -> Result<[u8; 32], UseError> {
        let now = self.clock.elapsed();
        if now.saturating_sub(memory.swept) >= limits::USED_TOKENS_LOOK {
            memory.swept = now;
            memory.sweep(self.clock.unix_seconds());
        }
        let name = name(single_use);
        if memory.ends.contains_key(&name) || end(single_use) <= memory.forgotten {
            return Err(UseError::Replayed);
        }
        if memory.ends.len() >= self.most {
            return Err(UseError::Full);
        }
        Ok(name)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn sweep(&mut self, unix_seconds: f64) {
        let forgotten = &mut self.forgotten;
        self.ends.retain(|_, end| {
            let is_kept = unix_seconds < *end;
            if !is_kept {
                *forgotten = forgotten.max(*end);
            }
            is_kept
        });
    }
}

/// When nobody accepts the token any more.
fn end(single_use: SingleUse<'_>) -> f64 {
    single_use.expires + (limits::CLOCK_LEEWAY + limits::USED_TOKEN_MARGIN).as_secs_f64()
}

/// The issuer's length stands before it, so that no two pairs run together alike.
fn name(single_use: SingleUse<'_>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(&single_use.issuer.len().to_be_bytes());
    hash.update(single_use.issuer.as_bytes());
    hash.update(single_use.token_id.as_bytes());
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> std::collections::HashSet<[u8; 32]> {
        let named =
            |(issuer, token_id): &(&str, &str)| name(SingleUse { issuer, token_id, expires: 0.0 });
        pairs.iter().map(named).collect()
    }

    #[test]
    fn a_token_is_known_by_its_issuer_and_its_id() {
        let pairs = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc"), ("a", "BC")];
        assert_eq!(names(&pairs).len(), pairs.len());
        assert_eq!(names(&[("a", "bc"), ("a", "bc")]).len(), 1);
    }

    #[test]
    fn what_can_be_forgotten_is_and_leaves_its_end_behind() {
        let mut memory = Memory::default();
        memory.ends.extend([([1; 32], 100.0), ([2; 32], 200.0), ([3; 32], 300.0)]);

        memory.sweep(99.9);
        assert_eq!((memory.ends.len(), memory.forgotten), (3, 0.0));
        memory.sweep(200.0);
        assert_eq!((memory.ends.len(), memory.forgotten), (1, 200.0));
        // The clock is set back.
        memory.sweep(0.0);
        assert_eq!((memory.ends.len(), memory.forgotten), (1, 200.0));
    }
}
