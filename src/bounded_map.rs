//! A map with a bound, for what is remembered of many: tokens, failures, peers.
//!
//! What has ended is forgotten once in a while. When there is no room for something new, what nobody has
//! asked for since the last look goes first (the CLOCK algorithm), so that a flood of what is seen
//! once does not drive out what is in use. This is storage: whether an entry still holds is for
//! whoever finds it to judge.

use std::hash::Hash;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use indexmap::IndexMap;

use crate::clock::{Clock, Reading};
use crate::limits;

/// What can be remembered.
pub trait Entry: Clone {
    /// True once nobody has a use for it.
    fn has_ended(&self, now: Reading) -> bool;

    /// Of how many usual ones it takes the place: at least 1, and always the same.
    fn weight(&self) -> u64 {
        1
    }
}

/// At most so many entries, by their weight. Finding one takes a lock that many share.
#[derive(Debug)]
pub struct BoundedMap<K, V> {
    most: u64,
    clock: Arc<dyn Clock>,
    state: RwLock<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    slots: IndexMap<K, Slot<V>>,
    weight: u64,
    /// The slot that is looked at next when room is needed.
    hand: usize,
    /// When what had ended was last forgotten, on the monotonic clock.
    swept: Duration,
}

#[derive(Debug)]
struct Slot<V> {
    entry: V,
    weight: u64,
    /// Since the hand was here.
    was_found: AtomicBool,
}

impl<K: Hash + Eq + Clone, V: Entry> BoundedMap<K, V> {
    /// An empty one for entries of at most this weight, together.
    pub fn new(most: u64, clock: Arc<dyn Clock>) -> Self {
        let swept = clock.elapsed();
        let state = State { slots: IndexMap::new(), weight: 0, hand: 0, swept };
        Self { most, clock, state: RwLock::new(state) }
    }

    /// How much there is room for.
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// Finds an entry; it may have ended.
    pub fn get(&self, key: &K) -> Option<V> {
        self.read().get(key)
    }

    /// Remembers an entry, in the place of one that had this key.
    pub fn insert(&self, key: K, entry: V) {
        self.write().insert(key, entry, self.most, &*self.clock);
    }

    /// Finds an entry; or makes one, and remembers it.
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> V {
        if let Some(found) = self.get(&key) {
            return found;
        }
        let mut state = self.write();
        // Another thread may have been here between the two locks.
        if let Some(found) = state.get(&key) {
            return found;
        }
        let entry = make();
        state.insert(key, entry.clone(), self.most, &*self.clock);
        entry
    }

    /// Forgets an entry.
    pub fn remove(&self, key: &K) {
        self.write().remove(key);
    }

    /// What there is, in no order.
    pub fn entries(&self) -> Vec<(K, V)> {
        let state = self.read();
        state.slots.iter().map(|(key, slot)| (key.clone(), slot.entry.clone())).collect()
    }

    /// How many have not ended. Forgets the others, if that was not done for long.
    pub fn count(&self) -> u64 {
        let now = self.clock.reading();
        let is_due = self.read().is_due(now.elapsed);
        if is_due {
            self.write().sweep(now);
        }
        self.read().slots.values().filter(|slot| !slot.entry.has_ended(now)).count() as u64
    }

    fn read(&self) -> RwLockReadGuard<'_, State<K, V>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<K, V>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V: Entry> State<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        let slot = self.slots.get(key)?;
        // Written once, so that the threads that find it don't take its memory from one another.
        if !slot.was_found.load(Ordering::Relaxed) {
            slot.was_found.store(true, Ordering::Relaxed);
        }
        Some(slot.entry.clone())
    }

    fn insert(&mut self, key: K, entry: V, most: u64, clock: &dyn Clock) {
        if self.is_due(clock.elapsed()) {
            self.sweep(clock.reading());
        }
        self.remove(&key);
        let weight = entry.weight();
        if weight > most {
            return;
        }
        // One that needs the room of several is not to go for itself.
        let was_found = AtomicBool::new(weight > 1);
        self.weight += weight;
        self.slots.insert(key, Slot { entry, weight, was_found });
        while self.weight > most && self.forget_one() {}
    }

    fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.swap_remove(key) {
            self.weight -= slot.weight;
        }
    }

    /// Forgets the next that was not found since the hand was there before; false if there is none.
    /// The last takes its place: where that is new, it has its turn when all others have had theirs.
    fn forget_one(&mut self) -> bool {
        let last = self.slots.len().saturating_sub(1);
        loop {
            self.hand = if self.hand < last { self.hand } else { 0 };
            let Some((_, slot)) = self.slots.get_index_mut(self.hand) else { return false };
            if !mem::take(slot.was_found.get_mut()) {
                break;
            }
            self.hand += 1;
        }
        if let Some((_, slot)) = self.slots.swap_remove_index(self.hand) {
            self.weight -= slot.weight;
        }
        self.hand += 1;
        true
    }

    fn is_due(&self, elapsed: Duration) -> bool {
        elapsed.saturating_sub(self.swept) >= limits::SWEEP_TIME
    }

    fn sweep(&mut self, now: Reading) {
        self.swept = now.elapsed;
        let mut weight = 0;
        self.slots.retain(|_, slot| {
            let is_kept = !slot.entry.has_ended(now);
            weight += if is_kept { slot.weight } else { 0 };
            is_kept
        });
        self.weight = weight;
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// Its end, in seconds on the monotonic clock; and its weight.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Note(u64, u64);

    impl Entry for Note {
        fn has_ended(&self, now: Reading) -> bool {
            now.elapsed.as_secs() >= self.0
        }

        fn weight(&self) -> u64 {
            self.1
        }
    }

    const LASTING: Note = Note(u64::MAX, 1);

    fn map(most: u64) -> (BoundedMap<u32, Note>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        (BoundedMap::new(most, Arc::clone(&clock) as _), clock)
    }

    fn keys(map: &BoundedMap<u32, Note>) -> Vec<u32> {
        let mut keys: Vec<_> = map.entries().into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn what_is_in_use_outlives_a_flood_of_what_is_seen_once() {
        let (map, _) = map(100);
        (0..10).for_each(|key| map.insert(key, LASTING));

        for key in 10..10_000 {
            map.insert(key, LASTING);
            (0..10).for_each(|used| assert_eq!(map.get(&used), Some(LASTING), "{used} at {key}"));
            assert!(map.count() <= 100);
        }

        assert_eq!(map.count(), 100, "there is no more room lost than is needed");
        let newest = (9_950..10_000).filter(|key| map.get(key).is_some()).count();
        assert_eq!(newest, 50, "what came last is there");
    }

    #[test]
    fn where_all_are_in_use_the_new_one_is_remembered_all_the_same() {
        let (map, _) = map(3);
        for key in 0..100 {
            map.insert(key, LASTING);
            assert!(keys(&map).iter().all(|key| map.get(key).is_some()));
            assert_eq!(map.get(&key), Some(LASTING));
        }
        assert_eq!(map.count(), 3);
    }

    #[test]
    fn what_has_ended_is_forgotten_when_something_new_comes_and_when_it_is_counted() {
        let (map, clock) = map(100);
        (0..10).for_each(|key| map.insert(key, Note(5, 1)));
        (10..20).for_each(|key| map.insert(key, Note(500, 1)));

        clock.advance(Duration::from_secs(6));
        map.insert(20, LASTING);
        assert_eq!(map.entries().len(), 21, "it is not looked for with each");
        clock.advance(limits::SWEEP_TIME);
        map.insert(21, LASTING);
        assert_eq!(keys(&map), (10..22).collect::<Vec<_>>());
        clock.advance(Duration::from_secs(500));
        assert_eq!((map.count(), keys(&map)), (2, vec![20, 21]));
        map.insert(22, Note(600, 1));
        clock.advance(Duration::from_secs(50));
        assert_eq!(
            (map.count(), keys(&map)),
            (2, vec![20, 21, 22]),
            "what is counted is not searched for each time"
        );
    }

    #[test]
    fn heavy_entries_take_the_place_of_several() {
        let (map, _) = map(10);
        (0..10).for_each(|key| map.insert(key, LASTING));

        map.insert(10, Note(u64::MAX, 4));
        assert_eq!(map.count(), 7);
        map.insert(10, LASTING);
        assert_eq!(map.count(), 7, "one of this key");
        (20..23).for_each(|key| map.insert(key, LASTING));
        assert_eq!(map.count(), 10, "its room is free again");
        map.insert(20, Note(u64::MAX, 11));
        assert_eq!((map.count(), map.get(&20)), (9, None), "it drives out no one in vain");
    }

    #[test]
    fn a_heavy_entry_does_not_go_for_itself() {
        let (map, _) = map(10);
        (0..10).for_each(|key| map.insert(key, LASTING));
        (1..10).for_each(|key| assert!(map.get(&key).is_some()));

        map.insert(10, Note(u64::MAX, 2));

        assert!(map.get(&10).is_some());
        assert_eq!((map.count(), map.read().weight), (9, 10));
    }

    #[test]
    fn one_is_made_where_none_is_found() {
        let (map, _) = map(10);

        assert_eq!(map.get_or_insert_with(1, || LASTING), LASTING);
        assert_eq!(map.get_or_insert_with(1, || Note(0, 1)), LASTING);
        map.remove(&1);
        assert_eq!(map.get_or_insert_with(1, || Note(7, 1)), Note(7, 1));
        assert_eq!(map.count(), 1);
    }

    #[test]
    fn many_threads_may_use_it() {
        let (map, _) = map(50);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let map = &map;
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let key = (round * (thread + 1)) % 97;
                        map.insert(key, LASTING);
                        map.get(&(key / 2));
                        map.remove(&(key / 3));
                    }
                });
            }
        });

        let weight = map.read().weight;
        assert_eq!(map.count(), weight);
        assert!(weight <= 50);
    }
}
