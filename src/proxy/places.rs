//! Places for what is done at once: taken and given back, with a bound that may move.
//!
//! A semaphore has its bound for life; a reload moves ours, while places are taken. What is taken
//! beyond a bound that was lowered stays; nobody is let in until enough have left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places are taken. Clones count the same.
#[derive(Debug, Clone, Default)]
pub struct Places {
    taken: Arc<AtomicUsize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<AtomicUsize>,
}

impl Places {
    /// A place, if fewer than `most` are taken.
    pub fn take(&self, most: usize) -> Option<Place> {
        let one_more = |taken| (taken < most).then_some(taken + 1);
        let order = Ordering::Relaxed;
        self.taken.fetch_update(order, order, one_more).ok()?;
        Some(Place { taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places = Places::default();
        let first = places.take(2).unwrap();
        let second = places.clone().take(2).unwrap();

        assert!(places.take(2).is_none());
        drop(first);
        assert!(places.take(2).is_some());
        drop(second);
    }

    #[test]
    fn the_bound_moves_while_places_are_taken() {
        let places = Places::default();
        let mut taken: Vec<_> = (0..3).map(|_| places.take(3).unwrap()).collect();

        assert!(places.take(1).is_none());
        taken.push(places.take(4).unwrap());
        taken.truncate(1);
        assert!(places.take(1).is_none());
        taken.clear();
        assert!(places.take(1).is_some());
    }
}
