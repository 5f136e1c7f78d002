//! Many threads record while others scrape.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use axum_chassis::prometheus::Registry;
use opentelemetry::KeyValue;

use crate::{lines, meter};

const THREADS: u64 = 4;
const EACH: u64 = 20_000;

/// The number that a line ends with.
fn number(lines: &[String]) -> u64 {
    let number = lines.concat();
    let number = number.rsplit(' ').next().expect("the end of a line");
    number.parse().expect("a number")
}

#[test]
fn nothing_is_lost_and_the_count_is_always_that_of_all_buckets() {
    let registry = Registry::new();
    let wait = meter(&registry).f64_histogram("wait").build();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let recorders: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|n| wait.record((n % 100) as f64, &[]))))
            .collect();
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let page = lines(&registry, "wait_");
                let (all, count) = (&page.iter().rev().nth(2), &page.last());
                if let (Some(all), Some(count)) = (all, count) {
                    let [all, count] = [all, count].map(|line| number(&[(*line).clone()]));
                    assert_eq!(all, count);
                    assert!(count >= last, "a count fell");
                    last = count;
                }
            }
        });
        recorders
            .into_iter()
            .for_each(|recorder| recorder.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(number(&lines(&registry, "wait_count")), THREADS * EACH);
    assert_eq!(
        number(&lines(&registry, "wait_sum")),
        THREADS * EACH * 99 / 2
    );
}

#[test]
fn series_that_many_threads_bear_are_born_once() {
    let registry = Registry::builder().series_ceiling(100).build();
    let counter = meter(&registry).u64_counter("a").build();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for n in 0..200 {
                    counter.add(1, &[KeyValue::new("n", n)]);
                }
            });
        }
    });
    let series = lines(&registry, "a_total");
    assert_eq!(series.len(), 101);
    let total: u64 = series
        .iter()
        .map(|line| number(std::slice::from_ref(line)))
        .sum();
    assert_eq!(total, THREADS * 200);
}
