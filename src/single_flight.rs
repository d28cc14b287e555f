//! Single flight: many callers want the same thing, one task fetches it, all get the outcome.
//!
//! The work runs in a task of its own, so a caller that hangs up costs the others nothing.
//! `try_get_with` of the crate moka is not used for this: its waiters panic after 200 aborted leaders,
//! and hyper aborts a leader whenever its client hangs up.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::Shared;

use crate::tasks;

type Landing<V> = Shared<Pin<Box<dyn Future<Output = Option<V>> + Send>>>;

/// Flights under way, by key. Entries leave when their flight lands, so the number is bounded by
/// the number of requests being served.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<HashMap<K, Landing<V>>>>,
}

/// How a caller came by its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// This caller's request started the flight.
    Pilot,
    /// The flight was under way already.
    Passenger,
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// No flight under way.
    pub fn new() -> Self {
        Self { flights: Arc::default() }
    }

    /// Joins the flight for `key`, or starts one with `work`, and waits for the outcome.
    ///
    /// The outcome is `None` only if the work panicked.
    pub async fn join<W>(&self, key: &K, work: impl FnOnce() -> W) -> (Option<V>, Seat)
    where
        W: Future<Output = V> + Send + 'static,
    {
        let (landing, seat) = self.board(key, work);
        (landing.await, seat)
    }

    /// Starts a flight for `key` unless one is under way, and does not wait.
    pub fn launch<W>(&self, key: &K, work: impl FnOnce() -> W) -> Seat
    where
        W: Future<Output = V> + Send + 'static,
    {
        self.board(key, work).1
    }

    fn board<W>(&self, key: &K, work: impl FnOnce() -> W) -> (Landing<V>, Seat)
    where
        W: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(landing) = flights.get(key) {
            return (landing.clone(), Seat::Passenger);
        }
        let cleared = Cleared { flights: Arc::clone(&self.flights), key: key.clone() };
        let work = work();
        let flight = tasks::spawn(async move {
            let outcome = work.await;
            drop(cleared);
            outcome
        });
        let landing: Landing<V> = flight.map(Result::ok).boxed().shared();
        flights.insert(key.clone(), landing.clone());
        (landing, Seat::Pilot)
    }
}

impl<K, V> Default for SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SingleFlight")
    }
}

/// Takes the flight off the board when its work ends, a panic included.
struct Cleared<K: Eq + Hash, V> {
    flights: Arc<Mutex<HashMap<K, Landing<V>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Cleared<K, V> {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn callers_of_one_key_share_one_flight() {
        let flights: Arc<SingleFlight<&str, usize>> = Arc::default();
        let count = Arc::new(AtomicUsize::new(0));
        let (open, gate) = oneshot::channel::<()>();
        flights.launch(&"key", || {
            let count = Arc::clone(&count);
            async move {
                gate.await.unwrap();
                count.fetch_add(1, Ordering::SeqCst) + 1
            }
        });
        let callers = (0..300).map(|_| {
            let flights = Arc::clone(&flights);
            tasks::spawn(async move { flights.join(&"key", || async { 99 }).await })
        });
        let callers: Vec<_> = callers.collect();
        tokio::task::yield_now().await;

        open.send(()).unwrap();

        for caller in callers {
            assert_eq!(caller.await.unwrap(), (Some(1), Seat::Passenger));
        }
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_does_not_end_the_flight() {
        let flights: Arc<SingleFlight<u8, u8>> = Arc::default();
        let (open, gate) = oneshot::channel::<()>();
        let pilot = tasks::spawn({
            let flights = Arc::clone(&flights);
            async move {
                let work = || async move {
                    gate.await.unwrap();
                    7
                };
                flights.join(&1, work).await
            }
        });
        tokio::task::yield_now().await;
        pilot.abort();
        let passenger = flights.join(&1, || async { 8 });
        open.send(()).unwrap();

        assert_eq!(passenger.await, (Some(7), Seat::Passenger));
    }

    #[tokio::test]
    async fn a_panic_is_told_to_all_and_the_key_is_free_again() {
        let flights: SingleFlight<u8, u8> = SingleFlight::new();

        let (outcome, _) = flights.join(&1, || async { panic!("a bug") }).await;

        assert_eq!(outcome, None);
        assert_eq!(flights.join(&1, || async { 2 }).await, (Some(2), Seat::Pilot));
    }
}
