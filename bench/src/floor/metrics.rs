//! Requests in flight and their durations in atomics alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::extract::MatchedPath;
use http::{Request, StatusCode};

pub use super::watch::Watch;
use super::watch::{Begin, Guard};

/// Known beforehand; the last is for all else.
const ROUTES: [&str; 2] = ["/items/{id}", ""];
/// Known beforehand; the last is for all else.
const STATUSES: [u16; 6] = [200, 201, 400, 404, 500, 0];
/// Those of `http.server.request.duration`.
const BOUNDS_MILLISECONDS: [u64; 14] = [
    5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
];

/// A layer's numbers.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Numbers>);

#[derive(Default)]
struct Numbers {
    active: AtomicI64,
    durations: [[Histogram; STATUSES.len()]; ROUTES.len()],
}

#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS_MILLISECONDS.len() + 1],
    sum_nanoseconds: AtomicU64,
}

impl Metrics {
    /// How many requests to the item there were, if none is in flight.
    pub fn items(&self) -> Option<u64> {
        let buckets = &self.0.durations[0][0].buckets;
        let count = buckets.iter().map(|bucket| bucket.load(Relaxed)).sum();
        (self.0.active.load(Relaxed) == 0).then_some(count)
    }
}

impl Begin for Metrics {
    type Guard = Recorder;

    fn begin<B>(&self, request: &Request<B>) -> Recorder {
        let route = request.extensions().get().map_or("", MatchedPath::as_str);
        self.0.active.fetch_add(1, Relaxed);
        Recorder {
            numbers: self.0.clone(),
            start: Instant::now(),
            route: position(&ROUTES, &route),
            status: STATUSES.len() - 1,
        }
    }
}

/// One request.
pub struct Recorder {
    numbers: Arc<Numbers>,
    start: Instant,
    route: usize,
    status: usize,
}

impl Guard for Recorder {
    fn head(&mut self, status: StatusCode) {
        self.status = position(&STATUSES, &status.as_u16());
    }

    fn data(&mut self, _bytes: u64) {}
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let taken = self.start.elapsed();
        let over = |bound: &&u64| taken > Duration::from_millis(**bound);
        let bucket = BOUNDS_MILLISECONDS.iter().take_while(over).count();
        let histogram = &self.numbers.durations[self.route][self.status];
        histogram.buckets[bucket].fetch_add(1, Relaxed);
        let nanoseconds = taken.as_nanos() as u64;
        histogram.sum_nanoseconds.fetch_add(nanoseconds, Relaxed);
        self.numbers.active.fetch_sub(1, Relaxed);
    }
}

fn position<T: PartialEq>(known: &[T], value: &T) -> usize {
    let found = known.iter().position(|known| known == value);
    found.unwrap_or(known.len() - 1)
}
