//! Each kind of instrument, unbound and bound.

use axum_chassis::prometheus::Registry;
use opentelemetry::KeyValue;

use crate::{lines, meter};

#[test]
fn a_counter_counts() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("orders").build();
    let paid = [KeyValue::new("paid", true)];
    counter.add(1, &paid);
    counter.add(2, &paid);
    counter.bind(&paid).add(4);
    counter.add(1, &[]);
    assert_eq!(
        lines(&registry, "orders_total"),
        [r#"{paid="true"} 7"#, " 1"]
    );
}

#[test]
fn a_counter_takes_no_step_back() {
    let registry = Registry::new();
    let counter = meter(&registry).f64_counter("energy").build();
    for joules in [1.5, -1.0, f64::NAN, f64::INFINITY] {
        counter.add(joules, &[]);
        counter.bind(&[]).add(joules);
    }
    assert_eq!(lines(&registry, "energy_total"), [" 3"]);
}

#[test]
fn integers_are_exact_and_floats_are_added_to_them() {
    let registry = Registry::new();
    let whole = meter(&registry).u64_counter("a").build();
    let real = meter(&registry).f64_counter("a").build();
    whole.add((1 << 53) + 1, &[]);
    assert_eq!(lines(&registry, "a_total"), [" 9007199254740993"]);
    whole.add(u64::MAX - (1 << 53), &[]);
    real.add(0.5, &[]);
    assert_eq!(
        lines(&registry, "a_total"),
        [" 0.5"],
        "as any counter, it wraps"
    );
}

#[test]
fn an_up_down_counter_goes_below_zero() {
    let registry = Registry::new();
    let jobs = meter(&registry).i64_up_down_counter("jobs").build();
    jobs.add(2, &[]);
    jobs.bind(&[]).add(-5);
    assert_eq!(lines(&registry, "jobs"), [" -3"]);

    let level = meter(&registry).f64_up_down_counter("level").build();
    level.add(0.5, &[]);
    level.bind(&[]).add(-0.75);
    level.add(f64::NAN, &[]);
    assert_eq!(lines(&registry, "level"), [" -0.25"]);
}

#[test]
fn a_gauge_has_the_last_value() {
    let registry = Registry::new();
    let meter = meter(&registry);
    meter.u64_gauge("d").build().record(7, &[]);
    meter.i64_gauge("b").build().record(-7, &[]);
    let gauge = meter.f64_gauge("c").build();
    gauge.record(1.0, &[]);
    gauge.bind(&[]).record(0.25);
    gauge.record(f64::INFINITY, &[]);
    for (name, value) in [("d", " 7"), ("b", " -7"), ("c", " 0.25")] {
        assert_eq!(lines(&registry, name), [value]);
    }
}

#[test]
fn a_histogram_has_buckets_up_to_infinity() {
    let registry = Registry::new();
    let wait = meter(&registry)
        .f64_histogram("wait")
        .with_unit("s")
        .with_boundaries(vec![0.5, 1.0])
        .build();
    for seconds in [0.25, 0.5, 1.0, 2.0, f64::NAN] {
        wait.record(seconds, &[]);
    }
    wait.bind(&[]).record(0.75);
    assert_eq!(
        lines(&registry, "wait_seconds"),
        [
            r#"_bucket{le="0.5"} 2"#,
            r#"_bucket{le="1"} 4"#,
            r#"_bucket{le="+Inf"} 5"#,
            "_sum 4.5",
            "_count 5",
        ]
    );
}

#[test]
fn a_histogram_that_names_no_boundaries_has_those_of_the_sdk() {
    let registry = Registry::new();
    meter(&registry).u64_histogram("a").build().record(7, &[]);
    let buckets = lines(&registry, "a_bucket");
    assert_eq!(buckets.len(), 16);
    assert_eq!(buckets[2], r#"{le="10"} 1"#);
}

#[test]
fn a_histogram_without_boundaries_has_one_bucket() {
    let registry = Registry::new();
    let meter = meter(&registry);
    let histogram = meter.u64_histogram("size").with_boundaries(vec![]);
    histogram.build().record(7, &[]);
    assert_eq!(
        lines(&registry, "size"),
        [r#"_bucket{le="+Inf"} 1"#, "_sum 7", "_count 1"]
    );
}

#[test]
fn a_sum_that_may_fall_is_not_told() {
    let registry = Registry::new();
    let histogram = meter(&registry)
        .f64_histogram("a")
        .with_boundaries(vec![1.0])
        .build();
    histogram.record(2.0, &[]);
    assert_eq!(lines(&registry, "a_sum"), [" 2"]);
    histogram.record(-1.0, &[]);
    assert_eq!(lines(&registry, "a_sum"), [""; 0]);
    assert_eq!(lines(&registry, "a_count"), [" 2"]);
}

#[test]
fn what_is_bound_is_there_before_it_counts() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    assert_eq!(lines(&registry, "a_total"), [""; 0]);
    let _bound = counter.bind(&[]);
    assert_eq!(lines(&registry, "a_total"), [" 0"]);
}

#[test]
fn attributes_are_the_same_in_any_order() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    let (x, y) = (KeyValue::new("x", 1), KeyValue::new("y", 2));
    counter.add(1, &[x.clone(), y.clone()]);
    counter.add(1, &[y.clone(), x.clone()]);
    counter.add(1, &[y.clone(), KeyValue::new("x", "old"), x]);
    assert_eq!(lines(&registry, "a_total"), [r#"{x="1",y="2"} 3"#]);
}

#[test]
fn what_prometheus_cannot_tell_apart_is_one_series() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    counter.add(1, &[KeyValue::new("x.y", "1"), KeyValue::new("z", "")]);
    counter.add(1, &[KeyValue::new("x_y", 1)]);
    assert_eq!(lines(&registry, "a_total"), [r#"{x_y="1"} 2"#]);
}

#[test]
fn a_series_that_is_there_is_found_without_an_allocation() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    let histogram = meter(&registry).f64_histogram("b").build();
    let attributes = [KeyValue::new("x", "1"), KeyValue::new("y", 2)];
    counter.add(1, &attributes);
    histogram.record(0.5, &attributes);

    let allocations = allocation_counter::measure(|| {
        counter.add(1, &attributes);
        histogram.record(0.5, &attributes);
    });

    assert_eq!(allocations.count_total, 0);
}
