//! Instruments that are asked at each scrape.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum_chassis::prometheus::Registry;
use opentelemetry::{KeyValue, metrics::MeterProvider};

use crate::{lines, meter, open_metrics};

#[test]
fn each_kind_is_asked_at_each_scrape() {
    let registry = Registry::new();
    let now = Arc::new(AtomicU64::new(7));
    let asked = |now: &Arc<AtomicU64>| {
        let now = Arc::clone(now);
        move || now.load(Ordering::Relaxed)
    };
    let meter = meter(&registry);
    let [a, b, c, d, e, f, g] = [(); 7].map(|()| asked(&now));
    meter
        .u64_observable_counter("a")
        .with_callback(move |o| o.observe(a(), &[]))
        .build();
    meter
        .f64_observable_counter("b")
        .with_callback(move |o| o.observe(b() as f64, &[]))
        .build();
    meter
        .u64_observable_gauge("c")
        .with_callback(move |o| o.observe(c(), &[]))
        .build();
    meter
        .i64_observable_gauge("d")
        .with_callback(move |o| o.observe(d() as i64, &[]))
        .build();
    meter
        .f64_observable_gauge("e")
        .with_callback(move |o| o.observe(e() as f64, &[]))
        .build();
    let f = move || f() as i64;
    meter
        .i64_observable_up_down_counter("f")
        .with_callback(move |o| o.observe(f(), &[]))
        .build();
    let g = move || g() as f64;
    meter
        .f64_observable_up_down_counter("g")
        .with_callback(move |o| o.observe(g(), &[]))
        .build();
    for value in [7, 8] {
        now.store(value, Ordering::Relaxed);
        for name in ["a_total", "b_total", "c", "d", "e", "f", "g"] {
            assert_eq!(lines(&registry, &format!("{name} ")), [value.to_string()]);
        }
    }
}

#[test]
fn what_is_no_longer_observed_is_no_longer_there() {
    let registry = Registry::new();
    let scrapes = AtomicU64::new(0);
    meter(&registry)
        .u64_observable_gauge("a")
        .with_callback(move |observer| {
            let scrape = scrapes.fetch_add(1, Ordering::Relaxed);
            if scrape < 2 {
                observer.observe(1, &[KeyValue::new("scrape", scrape as i64)]);
            }
        })
        .build();
    assert_eq!(lines(&registry, "a{"), [r#"scrape="0"} 1"#]);
    assert_eq!(lines(&registry, "a{"), [r#"scrape="1"} 1"#]);
    assert_eq!(lines(&registry, "# TYPE a "), [""; 0]);
}

#[test]
fn several_callbacks_of_several_scopes_are_all_asked() {
    let registry = Registry::new();
    for scope in ["a", "b"] {
        let meter = registry.meter(scope);
        let gauge = meter.u64_observable_gauge("depth");
        let tells = |n| {
            move |o: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
                o.observe(n, &[KeyValue::new("queue", format!("{scope}{n}"))]);
            }
        };
        gauge
            .with_callback(tells(1))
            .with_callback(tells(2))
            .build();
    }
    assert_eq!(
        lines(&registry, "depth"),
        [
            r#"{queue="a1"} 1"#,
            r#"{queue="a2"} 2"#,
            r#"{queue="b1"} 1"#,
            r#"{queue="b2"} 2"#
        ]
    );
}

#[test]
fn of_two_values_the_last_counts_and_nonsense_none() {
    let registry = Registry::new();
    meter(&registry)
        .f64_observable_counter("a")
        .with_callback(|observer| {
            for value in [1.0, 2.0, -3.0, f64::NAN, f64::INFINITY] {
                observer.observe(value, &[]);
            }
        })
        .build();
    assert_eq!(lines(&registry, "a_total"), [" 2"]);
}

#[test]
fn a_callback_that_panics_costs_only_its_own() {
    let registry = Registry::new();
    let meter = meter(&registry);
    meter
        .u64_observable_gauge("depth")
        .with_callback(|observer| {
            observer.observe(1, &[]);
            panic!("the callback panics, as the test asks");
        })
        .with_callback(|observer| observer.observe(2, &[KeyValue::new("n", 2)]))
        .build();
    meter.u64_counter("b").build().add(3, &[]);
    for _ in 0..2 {
        assert_eq!(lines(&registry, "depth"), [" 1", r#"{n="2"} 2"#]);
        assert_eq!(lines(&registry, "b_total"), [" 3"]);
    }
}

#[test]
fn a_callback_may_use_the_registry() {
    let registry = Registry::new();
    let inner = registry.clone();
    meter(&registry)
        .u64_observable_gauge("depth")
        .with_callback(move |observer| {
            inner
                .meter("inner")
                .u64_counter("calls")
                .build()
                .add(1, &[]);
            observer.observe(1, &[]);
        })
        .build();
    assert_eq!(lines(&registry, "depth"), [" 1"]);
    assert_eq!(lines(&registry, "calls_total"), [" 1"]);
}

#[test]
fn nobody_knows_when_what_is_observed_began() {
    let registry = Registry::builder().with_created().build();
    let meter = meter(&registry);
    let counter = meter.u64_observable_counter("a");
    counter
        .with_callback(|observer| observer.observe(1, &[]))
        .build();
    assert!(!open_metrics(&registry).contains("a_created"));
}
