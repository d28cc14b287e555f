//! The connections to Octopus of one thread: those that nobody uses, and the requests that wait for
//! one to come back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::client::conn::http1::SendRequest;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::request_body::RequestBody;
use crate::deadline::Deadline;
use crate::limits;

/// One connection. Dropped, it lets go at once of the socket and of the body that it is sending:
/// its driver alone would wait for a server that neither reads nor closes.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    pub(super) driver: AbortHandle,
    pub(super) born: Instant,
    /// For the server's silence: one timer for all requests.
    pub(super) silence: Deadline,
    /// Among those of its thread, as long as it lives.
    pub(super) _counted: Counted,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One of the connections that are open or being opened.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    state: Mutex<State>,
    open: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    /// The most recently used at the end, so that the others grow old and go.
    idle: VecDeque<Idle>,
    /// In the order in which they came. Some may have gone away.
    waiting: VecDeque<oneshot::Sender<Connection>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Shelf {
    /// Counts one more connection.
    pub(super) fn count(&self) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.open))
    }

    /// Whether so many are open that waiting for one is likely to be worth it.
    pub(super) fn has_many(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= limits::UPSTREAM_READILY_OPENED
    }

    /// The most recently used connection that can serve; those that can't any more are closed on
    /// the way.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut state = lock(&self.state);
        let now = Instant::now();
        while state.idle.front().is_some_and(|oldest| !oldest.serves_at(now)) {
            state.idle.pop_front();
        }
        while let Some(newest) = state.idle.pop_back() {
            if newest.serves_at(now) {
                return Some(newest.connection);
            }
        }
        None
    }

    /// The next connection that comes back and that nobody has waited for longer.
    pub(super) async fn returned(&self) -> Connection {
        loop {
            let (sender, receiver) = oneshot::channel();
            self.queue(sender);
            if let Ok(connection) = receiver.await {
                return connection;
            }
        }
    }

    /// Puts somebody at the end of the queue. Who waited in vain leaves it here: while Octopus is away
    /// no connection comes back, and the queue must not grow with each request.
    fn queue(&self, sender: oneshot::Sender<Connection>) {
        let mut state = lock(&self.state);
        while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            state.waiting.pop_front();
        }
        state.waiting.push_back(sender);
    }

    /// Takes a connection back: for the first who waits, or to be kept. One that is too old, or closed,
    /// is of no use to either.
    pub(super) fn put(&self, connection: Connection) {
        let now = Instant::now();
        if !connection.serves_at(now) {
            return;
        }
        let mut state = lock(&self.state);
        let mut connection = connection;
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(connection) {
                Ok(()) => return,
                Err(unwanted) => connection = unwanted,
            }
        }
        if state.idle.len() < limits::UPSTREAM_IDLE_CONNECTIONS {
            state.idle.push_back(Idle { connection, since: now });
        }
    }

    /// Closes the connections that are idle.
    pub(super) fn clear(&self) {
        lock(&self.state).idle.clear();
    }
}

impl Idle {
    fn serves_at(&self, now: Instant) -> bool {
        now.duration_since(self.since) < limits::UPSTREAM_IDLE_TIME
            && self.connection.serves_at(now)
    }
}

impl Connection {
    fn serves_at(&self, now: Instant) -> bool {
        now.duration_since(self.born) < limits::UPSTREAM_CONNECTION_AGE && !self.sender.is_closed()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_that_waited_in_vain_are_not_remembered() {
        let shelf = Shelf::default();

        for _ in 0..100 {
            let waited = tokio::time::timeout(Duration::from_secs(1), shelf.returned()).await;
            assert!(waited.is_err());
        }

        assert_eq!(lock(&shelf.state).waiting.len(), 1, "the last, until the next comes");
    }
}
