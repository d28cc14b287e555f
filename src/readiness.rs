//! Readiness by drop guards: whoever still has to do something before the broker can serve holds
//! a guard; when the last is dropped, the broker is ready. Readiness goes away only to drain.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the broker still waits for. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    awaited: BTreeMap<String, usize>,
    is_draining: bool,
}

impl Readiness {
    /// Ready at once, until somebody awaits something.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds readiness back until the guard is dropped.
    pub fn awaiting(&self, what: impl Into<String>) -> Awaited {
        let what = what.into();
        *self.lock().awaited.entry(what.clone()).or_default() += 1;
        Awaited { readiness: self.clone(), what }
    }

    /// Takes readiness away for good.
    pub fn drain(&self) {
        self.lock().is_draining = true;
    }

    /// What is still awaited, in words; empty when ready.
    pub fn pending(&self) -> Vec<String> {
        let state = self.lock();
        let draining = state.is_draining.then(|| "draining".to_owned());
        draining.into_iter().chain(state.awaited.keys().cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds readiness back as long as it lives.
#[derive(Debug)]
pub struct Awaited {
    readiness: Readiness,
    what: String,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut state = self.readiness.lock();
        if let Some(count) = state.awaited.get_mut(&self.what) {
            *count -= 1;
            if *count == 0 {
                state.awaited.remove(&self.what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn is_ready_when_the_last_guard_is_dropped() {
        let readiness = Readiness::new();
        let keys = readiness.awaiting("keys of github");
        let listener = readiness.awaiting("listener");

        assert_eq!(readiness.pending(), ["keys of github", "listener"]);
        drop(keys);
        assert_eq!(readiness.pending(), ["listener"]);
        drop(listener);
        assert!(readiness.pending().is_empty());
    }

    #[test]
    fn draining_is_never_ready_again() {
        let readiness = Readiness::new();

        readiness.drain();

        assert_eq!(readiness.pending(), ["draining"]);
    }
}
