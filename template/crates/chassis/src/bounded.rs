//! A map that is read without waiting, and never holds more than its ceiling.

use std::{
    hash::Hash,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::fast::RandomState;
use papaya::{Equivalent, HashMap};

/// Nothing is ever taken out, so what is there is there for good.
pub(crate) struct BoundedMap<K, V> {
    entries: HashMap<K, V, RandomState>,
    ceiling: usize,
    /// Once it is, a key that is not there is turned away without a lock.
    full: AtomicBool,
    /// Held while an entry is born, so that the ceiling is exact.
    births: Mutex<()>,
}

impl<K: Hash + Eq, V> BoundedMap<K, V> {
    pub(crate) fn new(ceiling: usize) -> Self {
        Self {
            entries: HashMap::default(),
            ceiling,
            full: AtomicBool::new(ceiling == 0),
            births: Mutex::new(()),
        }
    }

    /// What `read` makes of the value, if there is one.
    #[cfg(feature = "prometheus")]
    pub(crate) fn find<Q, T>(&self, key: &Q, read: impl FnOnce(&V) -> T) -> Option<T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.entries.pin().get(key).map(read)
    }

    /// What `read` makes of the value, which is made first if there is none;
    /// `None` if there is none and the map is full.
    ///
    /// `make` must not come back to this map.
    pub(crate) fn with<Q, T>(
        &self,
        key: &Q,
        make: impl FnOnce() -> (K, V),
        read: impl FnOnce(&V) -> T,
    ) -> Option<T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let entries = self.entries.pin();
        if let Some(value) = entries.get(key) {
            return Some(read(value));
        }
        if self.full.load(Ordering::Relaxed) {
            return None;
        }
        let birth = self.births.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(key).is_none() {
            if entries.len() >= self.ceiling {
                self.full.store(true, Ordering::Relaxed);
                return None;
            }
            let (key, value) = make();
            entries.insert(key, value);
        }
        drop(birth);
        entries.get(key).map(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn value(map: &BoundedMap<String, usize>, key: &str, new: usize) -> Option<usize> {
        map.with(key, || (key.to_owned(), new), |value| *value)
    }

    #[test]
    fn what_was_born_stays() {
        let map = BoundedMap::new(2);
        assert_eq!(value(&map, "a", 1), Some(1));
        assert_eq!(value(&map, "a", 2), Some(1));
    }

    #[test]
    fn a_full_map_still_knows_what_it_has() {
        let map = BoundedMap::new(1);
        assert_eq!(value(&map, "a", 1), Some(1));
        assert_eq!(value(&map, "b", 2), None);
        assert_eq!(value(&map, "b", 2), None);
        assert_eq!(value(&map, "a", 3), Some(1));
    }

    #[test]
    fn threads_that_race_stay_under_the_ceiling() {
        const THREADS: usize = 8;
        let (map, start) = (BoundedMap::new(100), Barrier::new(THREADS));
        let admitted = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (map, start) = (&map, &start);
                    scope.spawn(move || {
                        start.wait();
                        (0..100)
                            .filter(|n| value(map, &format!("{thread}/{n}"), *n).is_some())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().unwrap())
                .sum::<usize>()
        });
        assert_eq!(admitted, 100);
    }
}
