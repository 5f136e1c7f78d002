//! One family a name, and what contradicts it.

use std::sync::{Arc, Mutex};

use axum_chassis::prometheus::Registry;
use opentelemetry::metrics::MeterProvider;
use tracing_subscriber::fmt::MakeWriter;

use crate::{lines, meter, text};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of(act: impl FnOnce()) -> String {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = log.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text")
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn scopes_share_the_series_of_a_name() {
    let registry = Registry::new();
    for scope in ["a", "b"] {
        registry
            .meter(scope)
            .u64_counter("orders")
            .build()
            .add(1, &[]);
    }
    assert_eq!(lines(&registry, "orders_total"), [" 2"]);
    assert_eq!(lines(&registry, "# TYPE orders_total"), [" counter"]);
}

#[test]
fn another_kind_of_the_same_name_is_not_exposed_and_told_once() {
    let registry = Registry::new();
    let log = Log::of(|| {
        let meter = meter(&registry);
        meter.u64_counter("orders").build().add(1, &[]);
        for _ in 0..3 {
            meter.u64_gauge("orders").build().record(7, &[]);
            meter.u64_gauge("orders").build().bind(&[]).record(7);
        }
    });
    assert_eq!(lines(&registry, "orders"), ["_total 1"]);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ERROR") && log.contains("rename it"), "{log}");
}

#[test]
fn contradictions_are_not_exposed() {
    let registry = Registry::new();
    let log = Log::of(|| {
        let meter = meter(&registry);
        let wait = || meter.f64_histogram("wait").with_unit("s");
        wait().with_boundaries(vec![1.0]).build().record(1.0, &[]);
        // Each of these says otherwise.
        wait().with_boundaries(vec![2.0]).build().record(2.0, &[]);
        meter.f64_histogram("wait.seconds").build().record(2.0, &[]);
        meter.u64_counter("wait.seconds").build().add(2, &[]);
        meter.u64_gauge("wait_seconds_count").build().record(2, &[]);
        meter.u64_gauge("target").build().record(2, &[]);
        meter.u64_gauge("").build().record(2, &[]);
        let unsorted = meter.f64_histogram("unsorted");
        unsorted
            .with_boundaries(vec![2.0, 1.0])
            .build()
            .record(2.0, &[]);
        meter
            .u64_observable_gauge("wait_seconds")
            .with_callback(|o| o.observe(2, &[]))
            .build();
    });
    let families = lines(&registry, "# TYPE ");
    assert_eq!(
        families,
        [
            "axum_chassis_overflowed_measurements_total counter",
            "wait_seconds histogram"
        ]
    );
    assert_eq!(lines(&registry, "wait_seconds_sum"), [" 1"]);
    assert_eq!(
        log.matches("an instrument is not exposed").count(),
        8,
        "{log}"
    );
}

#[test]
fn of_two_descriptions_the_first_is_kept() {
    let registry = Registry::new();
    let log = Log::of(|| {
        for description in ["first", "second"] {
            let meter = meter(&registry);
            let counter = meter.u64_counter("a").with_description(description);
            counter.build().add(1, &[]);
        }
    });
    assert_eq!(lines(&registry, "# HELP a_total"), [" first"]);
    assert_eq!(lines(&registry, "a_total"), [" 2"]);
    assert!(log.contains("WARN") && log.contains("second"), "{log}");
}

#[test]
fn families_are_in_the_order_of_their_names() {
    let registry = Registry::new();
    for name in ["b", "c", "a"] {
        meter(&registry).u64_counter(name).build().add(1, &[]);
    }
    let names: Vec<_> = ["a_total 1", "b_total 1", "c_total 1"]
        .map(|line| text(&registry).find(line))
        .into();
    assert!(names.is_sorted() && names[0].is_some(), "{names:?}");
    assert_eq!(text(&registry), text(&registry));
}
