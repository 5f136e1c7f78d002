//! The two formats, whole.

use axum_chassis::prometheus::{Format, Registry};
use opentelemetry::KeyValue;

use crate::{OPEN_METRICS, meter, open_metrics};

/// A registry with one of each, and no time in it.
fn registry() -> Registry {
    let registry = Registry::builder()
        .resource([KeyValue::new("service.name", "shop")])
        .build();
    let meter = meter(&registry);
    let cpu = meter.f64_counter("cpu.time").with_unit("s");
    let cpu = cpu.with_description("A \"busy\"\nprocessor \\").build();
    cpu.add(1.5, &[KeyValue::new("mode", "a\"b\\c\nd")]);
    let size = meter.u64_histogram("size").with_unit("By");
    let size = size.with_boundaries(vec![64.0]).build();
    size.record(7, &[]);
    registry
}

#[test]
fn the_text_format() {
    let page = registry().exposition(None);
    assert_eq!(page.format(), Format::Text);
    assert_eq!(
        page.content_type(),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(
        page.text(),
        r#"# HELP axum_chassis_overflowed_measurements_total Measurements beyond the ceiling of series, by metric.
# TYPE axum_chassis_overflowed_measurements_total counter
axum_chassis_overflowed_measurements_total{metric="cpu_time_seconds"} 0
axum_chassis_overflowed_measurements_total{metric="size_bytes"} 0
# HELP cpu_time_seconds_total A "busy"\nprocessor \\
# TYPE cpu_time_seconds_total counter
cpu_time_seconds_total{mode="a\"b\\c\nd"} 1.5
# TYPE size_bytes histogram
size_bytes_bucket{le="64"} 1
size_bytes_bucket{le="+Inf"} 1
size_bytes_sum 7
size_bytes_count 1
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="shop"} 1
"#
    );
}

#[test]
fn open_metrics_has_units_and_an_end() {
    let page = registry().exposition(Some(OPEN_METRICS));
    assert_eq!(page.format(), Format::OpenMetrics);
    assert_eq!(
        page.content_type(),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(
        page.text(),
        r#"# HELP axum_chassis_overflowed_measurements Measurements beyond the ceiling of series, by metric.
# TYPE axum_chassis_overflowed_measurements counter
axum_chassis_overflowed_measurements_total{metric="cpu_time_seconds"} 0
axum_chassis_overflowed_measurements_total{metric="size_bytes"} 0
# HELP cpu_time_seconds A \"busy\"\nprocessor \\
# TYPE cpu_time_seconds counter
# UNIT cpu_time_seconds seconds
cpu_time_seconds_total{mode="a\"b\\c\nd"} 1.5
# TYPE size_bytes histogram
# UNIT size_bytes bytes
size_bytes_bucket{le="64.0"} 1
size_bytes_bucket{le="+Inf"} 1
size_bytes_sum 7
size_bytes_count 1
# HELP target Target metadata
# TYPE target info
target_info{service_name="shop"} 1
# EOF
"#
    );
}

/// Section "MetricFamily": `_` and the unit end the name.
#[test]
fn a_unit_that_is_the_whole_name_is_not_told() {
    let registry = Registry::new();
    let meter = meter(&registry);
    let seconds = meter.f64_counter("seconds").with_unit("s").build();
    seconds.add(0.5, &[]);
    let wait = meter.f64_gauge("wait_seconds").with_unit("s").build();
    wait.record(0.5, &[]);
    let page = open_metrics(&registry);
    let units: Vec<_> = page.lines().filter(|l| l.starts_with("# UNIT")).collect();
    assert_eq!(units, ["# UNIT wait_seconds seconds"]);
    assert!(page.contains("\nseconds_total 0.5\n"), "{page}");
}

#[test]
fn open_metrics_tells_when_a_series_was_born_if_asked_to() {
    let registry = Registry::builder().with_created().build();
    meter(&registry).u64_counter("a").build().add(1, &[]);
    meter(&registry).u64_histogram("b").build().record(1, &[]);
    let page = open_metrics(&registry);
    for name in ["a_created ", "b_created "] {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        let seconds: f64 = line.expect("a line").parse().expect("a number");
        assert!(seconds > 1_700_000_000.0);
    }
    let labelled = [KeyValue::new("k", "v")];
    meter(&registry).u64_counter("c").build().add(1, &labelled);
    assert!(open_metrics(&registry).contains("\nc_created{k=\"v\"} 1"));
}

#[test]
fn an_empty_registry_has_nothing_to_say() {
    assert_eq!(Registry::new().exposition(None).text(), "");
    assert_eq!(open_metrics(&Registry::new()), "# EOF\n");
}
