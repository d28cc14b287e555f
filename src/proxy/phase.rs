//! Whether requests are being served on a connection, and how far they have come.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::octopus::Progress;

/// Whether requests are being served; told by their journeys, read by the connection.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// Odd while a request is being served, and higher after each: one that is refused begins and
    /// ends between two reads of the connection.
    turns: AtomicU64,
    /// Requests being served: at most one, but in HTTP/2.
    running: AtomicUsize,
    /// Beginnings and ends of requests, parts of their bodies and answers: what has moved.
    steps: Arc<AtomicU64>,
    /// Of the request that began last.
    body: Mutex<CallerBody>,
}

/// What is still to come of a request.
#[derive(Debug, Default)]
enum CallerBody {
    #[default]
    Nothing,
    /// A body that nobody has begun to read.
    Unread,
    /// A body, as far as this does not tell that it was read.
    Read(Arc<Progress>),
}

impl Phase {
    /// A request is being served from now on.
    pub(super) fn begin(&self, has_body: bool) {
        *self.body() = if has_body { CallerBody::Unread } else { CallerBody::Nothing };
        if self.running.fetch_add(1, Ordering::AcqRel) == 0 {
            self.turns.fetch_add(1, Ordering::AcqRel);
        }
        self.step();
    }

    /// The request's body is being read from now on; how far, this tells.
    pub(super) fn reads(&self, progress: Arc<Progress>) {
        *self.body() = CallerBody::Read(progress);
    }

    /// Ready once nothing more is to come of the request.
    pub(super) fn poll_whole(&self, context: &Context<'_>) -> Poll<()> {
        match &*self.body() {
            CallerBody::Nothing => Poll::Ready(()),
            // It is the connection's own task that begins to read it.
            CallerBody::Unread => Poll::Pending,
            CallerBody::Read(progress) => progress.poll_complete(context),
        }
    }

    fn body(&self) -> MutexGuard<'_, CallerBody> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request is whole, or broken off.
    pub(super) fn end(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.turns.fetch_add(1, Ordering::AcqRel);
        }
        self.step();
    }

    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes when serving begins and ends.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// Whether a request was being served when there had been so many turns.
    pub(super) const fn is_busy(turns: u64) -> bool {
        turns % 2 == 1
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
    }

    /// What is counted up with each step.
    pub(super) fn steps(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.steps)
    }
}
