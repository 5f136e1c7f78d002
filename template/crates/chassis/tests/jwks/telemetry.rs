//! What is counted, as OpenTelemetry's SDK has it.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

use crate::{Endpoint, Live, Signer, UNKNOWN, call, jwks, verifier};

/// All that has been measured.
pub struct Seen {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Default for Seen {
    fn default() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter }
    }
}

impl Seen {
    pub fn meter(&self) -> Meter {
        self.provider.meter("test")
    }

    /// How many attempts had this outcome.
    pub fn fetches(&self, outcome: &str) -> u64 {
        let series = self.series("axum_chassis.jwks.fetches");
        let label = format!("axum_chassis.jwks.outcome={outcome}");
        let mut matching = series.iter().filter(|(labels, _)| labels.contains(&label));
        matching.next().map_or(0, |(_, value)| *value as u64)
    }

    /// The value of the only series; how many there are of a histogram.
    pub fn value(&self, name: &str) -> f64 {
        let series = self.series(name);
        assert_eq!(series.len(), 1, "{name}: {series:?}");
        series[0].1
    }

    pub fn series(&self, name: &str) -> Vec<(Vec<String>, f64)> {
        self.provider.force_flush().unwrap();
        let batches = self.exporter.get_finished_metrics().unwrap();
        let last = batches.last().into_iter();
        let scopes = last.flat_map(|batch| batch.scope_metrics());
        let metrics = scopes.flat_map(|scope| scope.metrics());
        metrics
            .filter(|metric| metric.name() == name)
            .flat_map(|metric| values(metric.data()))
            .collect()
    }
}

fn values(data: &AggregatedMetrics) -> Vec<(Vec<String>, f64)> {
    let text =
        |attribute: &opentelemetry::KeyValue| format!("{}={}", attribute.key, attribute.value);
    match data {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
            .data_points()
            .map(|point| (point.attributes().map(text).collect(), point.value() as f64))
            .collect(),
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (point.attributes().map(text).collect(), point.value() as f64))
            .collect(),
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (point.attributes().map(text).collect(), point.value()))
            .collect(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| (point.attributes().map(text).collect(), point.count() as f64))
            .collect(),
        other => panic!("no test expects {other:?}"),
    }
}

#[tokio::test]
async fn attempts_keys_and_refusals_are_counted_by_source() {
    let (known, new) = (Signer::new("a"), Signer::new("b"));
    let endpoint = Endpoint::with(jwks(&[&known])).await;
    let seen = Seen::default();
    let live = Live::spawn(endpoint.keys().meter(&seen.meter()));
    assert_eq!(live.authenticate(&known).await, Ok(()));
    for _ in 0..3 {
        assert_eq!(live.authenticate(&new).await, UNKNOWN);
    }

    assert_eq!((seen.fetches("changed"), seen.fetches("unchanged")), (1, 1));
    assert_eq!(seen.value("axum_chassis.jwks.fetch.duration"), 2.0);
    assert_eq!(seen.value("axum_chassis.jwks.keys"), 1.0);
    // The first of them has found out, and starts the cool-down.
    assert_eq!(seen.value("axum_chassis.jwks.cooldown_refusals"), 3.0);
    let last = seen.value("axum_chassis.jwks.last_success.timestamp");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!((now.as_secs_f64() - last).abs() < 60.0, "{last}");

    let (labels, _) = &seen.series("axum_chassis.jwks.keys")[0];
    let source = format!("axum_chassis.jwks.source={}/jwks", endpoint.url());
    assert_eq!(*labels, [source]);
}

/// How many verifications there were, by how they ended.
fn verifications(seen: &Seen) -> Vec<(String, f64)> {
    let series = seen.series("axum_chassis.jwt.verifications").into_iter();
    let counted = series.filter(|(_, value)| *value > 0.0);
    let counted = counted.map(|(labels, value)| (labels.join(","), value));
    counted.collect()
}

#[tokio::test]
async fn a_token_that_waits_for_its_key_is_counted_once() {
    let (known, new) = (Signer::new("a"), Signer::new("b"));
    let endpoint = Endpoint::with(jwks(&[&known])).await;
    let seen = Seen::default();
    let (keys, _task) = endpoint.keys().spawn().unwrap();
    let verifier = verifier(keys).meter(&seen.meter()).build().unwrap();
    // For the first keys, and for another one.
    assert!(verifier.authenticate(&known.token()).await.is_ok());
    endpoint.publish(jwks(&[&known, &new]));
    assert_eq!(call(&verifier, &new.token()).await.status(), 200);
    let good = ("axum_chassis.jwt.cached=false".to_owned(), 2.0);
    assert_eq!(verifications(&seen), [good]);
}

#[tokio::test]
async fn a_token_that_no_key_came_for_is_counted_by_why() {
    let (known, new) = (Signer::new("a"), Signer::new("b"));
    for (document, status, kind) in [
        ("no keys".to_owned(), 503_u16, "keys_unavailable"),
        (jwks(&[&known]), 401, "unknown_key"),
    ] {
        let endpoint = Endpoint::with(document).await;
        let seen = Seen::default();
        let (keys, _task) = endpoint.keys().spawn().unwrap();
        let verifier = verifier(keys).meter(&seen.meter()).build().unwrap();
        assert_eq!(call(&verifier, &new.token()).await.status(), status);
        let refused = (format!("error.type={kind}"), 1.0);
        assert_eq!(verifications(&seen), [refused]);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn events_tell_what_becomes_of_the_keys_and_never_show_a_document() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let told = || {
        let bytes = std::mem::take(&mut *log.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    };
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let endpoint = Endpoint::with(jwks(&[&old])).await;
    let live = Live::eager(&endpoint);
    assert_eq!(live.authenticate(&old).await, Ok(()));
    let text = told();
    assert!(text.contains("INFO"), "{text}");
    assert!(text.contains(r#"added=["old"] removed=[]"#), "{text}");

    endpoint.publish("<html>confidential</html>");
    for _ in 0..3 {
        assert_eq!(live.authenticate(&new).await, UNKNOWN);
    }
    let text = told();
    assert_eq!(text.matches("WARN").count(), 1, "{text}");
    assert!(text.contains("the last good ones are used"), "{text}");
    assert!(!text.contains("confidential"), "{text}");

    endpoint.publish(jwks(&[&new]));
    assert_eq!(live.authenticate(&new).await, Ok(()));
    let text = told();
    assert!(text.contains(r#"added=["new"] removed=["old"]"#), "{text}");
    assert!(text.contains("can be renewed again"), "{text}");
}
