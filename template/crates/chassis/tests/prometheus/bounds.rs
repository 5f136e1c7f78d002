//! How many series an instrument has.

use axum_chassis::prometheus::Registry;
use opentelemetry::{KeyValue, metrics::AsyncInstrument};

use crate::{lines, meter};

const OVERFLOWED: &str = "axum_chassis_overflowed_measurements_total";

#[test]
fn beyond_the_ceiling_is_one_series_and_a_count() {
    let registry = Registry::builder().series_ceiling(2).build();
    let counter = meter(&registry).u64_counter("a").build();
    for n in 0..5 {
        counter.add(10, &[KeyValue::new("n", n)]);
        counter.bind(&[KeyValue::new("n", n)]).add(1);
    }
    assert_eq!(
        lines(&registry, "a_total"),
        [
            r#"{n="0"} 11"#,
            r#"{n="1"} 11"#,
            r#"{otel_metric_overflow="true"} 33"#
        ]
    );
    assert_eq!(lines(&registry, OVERFLOWED), [r#"{metric="a"} 6"#]);
}

#[test]
fn each_instrument_has_its_own_ceiling() {
    let registry = Registry::builder().series_ceiling(1).build();
    for name in ["a", "b"] {
        meter(&registry).u64_counter(name).build().add(1, &[]);
    }
    assert_eq!(
        lines(&registry, OVERFLOWED),
        [r#"{metric="a"} 0"#, r#"{metric="b"} 0"#]
    );
}

#[test]
fn a_full_instrument_still_knows_its_series_in_any_order() {
    let registry = Registry::builder().series_ceiling(1).build();
    let counter = meter(&registry).u64_counter("a").build();
    let (x, y) = (KeyValue::new("x", 1), KeyValue::new("y", 2));
    counter.add(1, &[x.clone(), y.clone()]);
    counter.add(1, &[KeyValue::new("z", 3)]);
    // More orders than are kept: still one series.
    for n in 0..100 {
        counter.add(1, &[KeyValue::new("x", n), y.clone(), x.clone()]);
    }
    assert_eq!(
        lines(&registry, "a_total"),
        [r#"{x="1",y="2"} 101"#, r#"{otel_metric_overflow="true"} 1"#]
    );
}

#[test]
fn what_says_that_it_overflowed_is_counted_with_what_did() {
    let registry = Registry::builder().series_ceiling(1).build();
    let counter = meter(&registry).u64_counter("a").build();
    counter.add(1, &[KeyValue::new("otel.metric.overflow", true)]);
    counter.add(1, &[]);
    counter.add(1, &[KeyValue::new("n", 1)]);
    assert_eq!(
        lines(&registry, "a_total"),
        [r#"{otel_metric_overflow="true"} 2"#, " 1"]
    );
}

#[test]
fn observations_have_the_ceiling_too() {
    let registry = Registry::builder().series_ceiling(2).build();
    meter(&registry)
        .u64_observable_gauge("depth")
        .with_callback(|observer| {
            for n in 0..5 {
                observer.observe(n, &[KeyValue::new("n", n as i64)]);
            }
        })
        .build();
    assert_eq!(
        lines(&registry, "depth"),
        [
            r#"{n="0"} 0"#,
            r#"{n="1"} 1"#,
            r#"{otel_metric_overflow="true"} 4"#
        ]
    );
}

#[test]
fn what_is_observed_beyond_the_ceiling_adds_up_where_it_can() {
    let registry = Registry::builder().series_ceiling(1).build();
    let meter = meter(&registry);
    let names = [
        ("n", "0"),
        ("n", "1"),
        ("n", "2"),
        ("otel.metric.overflow", "true"),
    ];
    let counter = meter.u64_observable_counter("jobs");
    let tells = move |observer: &dyn AsyncInstrument<u64>| {
        for (name, value) in names {
            observer.observe(10, &[KeyValue::new(name, value)]);
        }
    };
    counter.with_callback(tells).build();
    let sum = meter.i64_observable_up_down_counter("debts");
    let tells = move |observer: &dyn AsyncInstrument<i64>| {
        for (name, value) in names {
            observer.observe(-10, &[KeyValue::new(name, value)]);
        }
    };
    sum.with_callback(tells).build();
    for _ in 0..2 {
        let overflow = r#"{otel_metric_overflow="true"}"#;
        let expected = [r#"{n="0"} 10"#.to_owned(), format!("{overflow} 30")];
        assert_eq!(lines(&registry, "jobs_total"), expected);
        let expected = [r#"{n="0"} -10"#.to_owned(), format!("{overflow} -30")];
        assert_eq!(lines(&registry, "debts"), expected);
    }
}
