//! The state of the checks as instruments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum_chassis::health::{Health, HealthTasks};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, Gauge, Metric, MetricData},
};

use crate::{eventually, passes, refused, report};

/// What is collected of a gauge: `check` or `probe`, and the value.
type Points = Vec<(String, f64)>;

fn points<T: Copy>(gauge: &Gauge<T>, value: impl Fn(T) -> f64) -> Points {
    let points = gauge.data_points().map(|point| {
        let labels = point.attributes().map(|label| label.value.to_string());
        (labels.collect(), value(point.value()))
    });
    points.collect()
}

fn points_of(metric: &Metric) -> Points {
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => points(gauge, |value| value),
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => points(gauge, |value| value as f64),
        other => panic!("no gauge: {other:?}"),
    }
}

struct Collected {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Collected {
    fn of(health: &Health) -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(exporter.clone())
            .build();
        health.observe(&provider.meter("test"));
        Self { provider, exporter }
    }

    /// The points of the instrument, sorted; none if there is none.
    fn now(&self, name: &str) -> Points {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.iter().flat_map(|all| all.scope_metrics());
        let metrics = scopes.flat_map(|scope| scope.metrics());
        let mut points: Points = metrics
            .filter(|metric| metric.name() == name)
            .flat_map(points_of)
            .collect();
        points.sort_by(|one, other| one.0.cmp(&other.0));
        points
    }
}

/// Two checks that have run, on a runtime that is watched.
async fn mixed() -> (Health, HealthTasks) {
    let health = Health::builder()
        .stall_limit(Duration::from_millis(100))
        .check(passes("store"))
        .check(refused("cache").degraded())
        .build();
    health.mark_started();
    let checks = health.spawn();
    eventually("run", || {
        !report(&health)["checks"]
            .to_string()
            .contains("not run yet")
    })
    .await;
    (health, checks)
}

fn named(points: &[(&str, f64)]) -> Points {
    let points = points.iter();
    points
        .map(|&(name, value)| (name.to_owned(), value))
        .collect()
}

#[tokio::test]
async fn the_status_of_each_check_and_probe_is_one_or_zero() {
    let (health, _checks) = mixed().await;
    let collected = Collected::of(&health);
    let checks = [("cache", 0.0), ("runtime", 1.0), ("store", 1.0)];
    assert_eq!(
        collected.now("axum_chassis.health.check.status"),
        named(&checks)
    );
    let probes = |ready| [("livez", 1.0), ("readyz", ready), ("startupz", 1.0)];
    let status = || collected.now("axum_chassis.health.status");
    assert_eq!(status(), named(&probes(1.0)));
    health.mark_draining();
    assert_eq!(status(), named(&probes(0.0)));
}

#[tokio::test]
async fn a_run_has_a_duration_and_the_last_success_a_time() {
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (health, _checks) = mixed().await;
    let collected = Collected::of(&health);

    let durations = collected.now("axum_chassis.health.check.duration");
    let names: Vec<_> = durations.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cache", "store"]);
    assert!(
        durations
            .iter()
            .all(|(_, seconds)| (0.0..10.0).contains(seconds))
    );

    let times = collected.now("axum_chassis.health.check.last_success.timestamp");
    let [(name, seconds)] = &times[..] else {
        panic!("{times:?}");
    };
    assert_eq!(name, "store");
    assert!((0.0..10.0).contains(&(seconds - begun.as_secs_f64())));
}

#[tokio::test]
async fn the_lag_of_the_runtime_is_the_longest_of_late() {
    let (health, _checks) = mixed().await;
    let collected = Collected::of(&health);
    let lag = || collected.now("axum_chassis.health.runtime.lag")[0].1;
    assert!((0.0..10.0).contains(&lag()));
    // This runtime has one thread, and the loop keeps it.
    while health.is_live() {
        std::thread::yield_now();
    }
    eventually("on", || health.is_live()).await;
    assert!(lag() > 0.09, "{}", lag());
}

#[tokio::test]
async fn an_instrument_does_not_keep_what_it_observes() {
    let (health, checks) = mixed().await;
    let collected = Collected::of(&health);
    drop((health, checks));
    eventually("gone", || {
        collected.now("axum_chassis.health.status").is_empty()
    })
    .await;
}
