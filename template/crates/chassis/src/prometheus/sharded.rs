//! What many threads add to at once, each to a part of its own.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// More parts than this cost more memory than they save time.
const MOST_PARTS: usize = 8;

/// As many as threads run at once, so that most have a part for themselves.
static PARTS: LazyLock<usize> = LazyLock::new(|| {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    threads.min(MOST_PARTS)
});

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % *PARTS;
}

/// A value in parts: each thread adds to its own, who reads takes all together.
pub(super) struct Sharded<T>(Box<[Part<T>]>);

/// Two cache lines, for processors fetch them in pairs.
#[repr(align(128))]
struct Part<T>(T);

impl<T> Sharded<T> {
    pub(super) fn new(make: impl Fn() -> T) -> Self {
        Self((0..*PARTS).map(|_| Part(make())).collect())
    }

    /// The part of this thread.
    pub(super) fn own(&self) -> &T {
        &self.0[OWN.with(|own| *own)].0
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|part| &part.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_thread_adds_is_in_one_part() {
        let sharded = Sharded::new(AtomicUsize::default);
        let add = || {
            sharded.own().fetch_add(1, Ordering::Relaxed);
            sharded.own().fetch_add(1, Ordering::Relaxed);
        };
        thread::scope(|scope| (0..*PARTS).for_each(|_| drop(scope.spawn(add).join())));
        let parts = sharded.parts().map(|part| part.load(Ordering::Relaxed));
        let parts: Vec<_> = parts.collect();
        assert!(parts.iter().all(|part| part % 2 == 0), "{parts:?}");
        assert_eq!(parts.iter().sum::<usize>(), 2 * *PARTS);
    }

    #[test]
    fn parts_share_no_cache_line() {
        let sharded = Sharded::new(|| 0_u8);
        let addresses: Vec<_> = sharded
            .parts()
            .map(|part| &raw const *part as usize)
            .collect();
        assert!(addresses.windows(2).all(|pair| pair[1] - pair[0] >= 128));
    }
}
