//! Gates hold requests until the test lets them through, so that races need no sleeping.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Requests that arrive at a closed gate wait. Dropping the gate opens it for good.
#[derive(Debug)]
pub struct Gate {
    barrier: Barrier,
}

/// The server's side of a gate.
#[derive(Clone, Debug)]
pub(crate) struct Barrier(Arc<watch::Sender<Crowd>>);

#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    is_open: bool,
    waiting: usize,
    passes: usize,
}

impl Gate {
    pub(crate) fn closed() -> (Self, Barrier) {
        let barrier = Barrier(Arc::new(watch::Sender::new(Crowd::default())));
        let gate = Self { barrier: barrier.clone() };
        (gate, barrier)
    }

    /// How many requests wait now.
    pub fn waiting(&self) -> usize {
        self.barrier.0.borrow().waiting
    }

    /// Resolves when at least `count` requests wait at the same time.
    ///
    /// # Panics
    /// When they do not come within a minute: a hanging test says less than a failing one.
    pub async fn wait_for(&self, count: usize) {
        const PATIENCE: Duration = Duration::from_secs(60);
        let mut crowd = self.barrier.0.subscribe();
        let arrived = crowd.wait_for(|crowd| crowd.waiting >= count);
        let outcome = tokio::time::timeout(PATIENCE, arrived).await.map(|_| ());
        if outcome.is_err() {
            let waiting = self.waiting();
            panic!("{waiting} instead of {count} requests came to the gate");
        }
    }

    /// Lets `count` requests through, now or when they come; the gate stays closed for others.
    pub fn let_through(&self, count: usize) {
        self.barrier.0.send_modify(|crowd| crowd.passes += count);
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.barrier.0.send_modify(|crowd| crowd.is_open = true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Barrier {
    pub(crate) fn is_open(&self) -> bool {
        self.0.borrow().is_open
    }

    /// Waits until the gate opens or hands out a pass.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|crowd| crowd.waiting += 1);
        let _place = Place(self);
        let mut crowd = self.0.subscribe();
        loop {
            let mut passed = false;
            self.0.send_if_modified(|crowd| {
                passed = crowd.is_open || crowd.passes > 0;
                if passed && !crowd.is_open {
                    crowd.passes -= 1;
                }
                false
            });
            if passed || crowd.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A place in the queue, given up also when the request is cancelled.
struct Place<'a>(&'a Barrier);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|crowd| crowd.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn holds_counts_and_lets_through() {
        let (gate, barrier) = Gate::closed();
        let mut waiters = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let barrier = barrier.clone();
            waiters.spawn(async move { barrier.pass().await });
        }

        gate.wait_for(3).await;
        gate.let_through(1);
        waiters.join_next().await.unwrap().unwrap();
        assert_eq!(gate.waiting(), 2);

        drop(gate);
        waiters.join_all().await;
        assert!(barrier.is_open());
    }

    #[tokio::test]
    async fn a_cancelled_request_leaves_the_queue() {
        let (gate, barrier) = Gate::closed();
        let mut waiters = tokio::task::JoinSet::new();
        waiters.spawn(async move { barrier.pass().await });
        gate.wait_for(1).await;

        waiters.shutdown().await;

        assert_eq!(gate.waiting(), 0);
    }
}
