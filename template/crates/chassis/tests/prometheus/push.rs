//! What a second provider is passed.

use axum_chassis::prometheus::Registry;
use opentelemetry::{KeyValue, metrics::Meter};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider,
    Temporality,
    data::{AggregatedMetrics, MetricData},
};

use crate::{lines, meter};

/// A registry and the SDK behind it.
struct Pushed {
    registry: Registry,
    sdk: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Pushed {
    fn new(temporality: Temporality) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new();
        let exporter = exporter.with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let sdk = SdkMeterProvider::builder().with_reader(reader).build();
        Self {
            registry: Registry::builder().push(sdk.clone()).build(),
            sdk,
            exporter,
        }
    }

    /// What is exported now: name, unit and values or sums.
    fn exported(&self) -> Vec<String> {
        self.exporter.reset();
        self.sdk.force_flush().expect("an export");
        let batches = self.exporter.get_finished_metrics().expect("no panic");
        let scopes = batches.iter().flat_map(|batch| batch.scope_metrics());
        let metrics = scopes.flat_map(|scope| scope.metrics());
        let mut told: Vec<_> = metrics
            .map(|metric| {
                let values = match metric.data() {
                    AggregatedMetrics::F64(data) => values(data),
                    AggregatedMetrics::I64(data) => values(data),
                    AggregatedMetrics::U64(data) => values(data),
                };
                format!("{} [{}] {values:?}", metric.name(), metric.unit())
            })
            .collect();
        told.sort();
        told
    }
}

fn values<T: Copy + ToString>(data: &MetricData<T>) -> Vec<String> {
    match data {
        MetricData::Gauge(gauge) => gauge.data_points().map(|p| p.value().to_string()).collect(),
        MetricData::Sum(sum) => sum.data_points().map(|p| p.value().to_string()).collect(),
        MetricData::Histogram(histogram) => {
            let points = histogram.data_points();
            points
                .map(|p| format!("{}/{}", p.sum().to_string(), p.bounds().count()))
                .collect()
        }
        MetricData::ExponentialHistogram(_) => Vec::new(),
    }
}

fn measure(meter: &Meter) {
    let attributes = [KeyValue::new("x", 1)];
    let orders = meter.u64_counter("orders").with_unit("{order}").build();
    orders.add(1, &attributes);
    orders.bind(&attributes).add(2);
    let wait = meter.f64_histogram("wait").with_unit("s");
    let wait = wait.with_boundaries(vec![1.0, 2.0]).build();
    wait.record(0.5, &attributes);
    wait.bind(&attributes).record(1.0);
    meter
        .i64_up_down_counter("jobs")
        .build()
        .add(-3, &attributes);
    meter.f64_gauge("load").build().record(0.25, &attributes);
    let depth = meter.u64_observable_gauge("depth");
    depth
        .with_callback(|observer| observer.observe(7, &[]))
        .build();
}

#[test]
fn every_measurement_is_passed_on() {
    let pushed = Pushed::new(Temporality::Cumulative);
    measure(&meter(&pushed.registry));
    assert_eq!(
        pushed.exported(),
        [
            r#"depth [] ["7"]"#,
            r#"jobs [] ["-3"]"#,
            r#"load [] ["0.25"]"#,
            r#"orders [{order}] ["3"]"#,
            r#"wait [s] ["1.5/2"]"#,
        ]
    );
    assert_eq!(lines(&pushed.registry, "orders_total"), [r#"{x="1"} 3"#]);
    assert_eq!(
        lines(&pushed.registry, "wait_seconds_sum"),
        [r#"{x="1"} 1.5"#]
    );
    assert_eq!(lines(&pushed.registry, "depth"), [" 7"]);
}

#[test]
fn the_second_may_tell_differences() {
    let pushed = Pushed::new(Temporality::Delta);
    let orders = meter(&pushed.registry)
        .u64_counter("orders")
        .build()
        .bind(&[]);
    for _ in 0..2 {
        orders.add(3);
        assert_eq!(pushed.exported(), [r#"orders [] ["3"]"#]);
    }
    assert_eq!(lines(&pushed.registry, "orders_total"), [" 6"]);
}

#[test]
fn what_is_not_exposed_is_passed_on_all_the_same() {
    let pushed = Pushed::new(Temporality::Cumulative);
    let meter = meter(&pushed.registry);
    meter.u64_counter("a").build().add(1, &[]);
    meter.u64_gauge("a.").build().record(2, &[]);
    meter.u64_counter("a").build().add(4, &[]);
    meter.u64_gauge("a").with_unit("s").build().record(3, &[]);
    meter
        .u64_observable_gauge("a_")
        .with_callback(|o| o.observe(5, &[]))
        .build();
    meter.u64_gauge("a_total").build().record(6, &[]);
    let exported = pushed.exported();
    assert!(
        exported.contains(&r#"a_total [] ["6"]"#.to_owned()),
        "{exported:?}"
    );
    assert!(
        exported.contains(&r#"a [] ["5"]"#.to_owned()),
        "{exported:?}"
    );
    assert_eq!(lines(&pushed.registry, "a_total"), [" 5"]);
}

#[test]
fn a_callback_that_panics_does_not_end_the_export() {
    let pushed = Pushed::new(Temporality::Cumulative);
    let meter = meter(&pushed.registry);
    let a = meter.u64_observable_gauge("a");
    a.with_callback(|_| panic!("the callback panics, as the test asks"))
        .build();
    meter.u64_counter("b").build().add(1, &[]);
    for _ in 0..2 {
        assert_eq!(pushed.exported(), [r#"b [] ["1"]"#]);
    }
}
