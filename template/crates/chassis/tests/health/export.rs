//! What an exporter's exports tell.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum_chassis::health::Outcomes;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::time::advance;

use crate::{Alone, eventually};

const TOLERANCE: Duration = Duration::from_secs(300);

/// An exporter that works or fails as the switch says.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<AtomicBool>);

impl Collector {
    fn outcome(&self) -> OTelSdkResult {
        match self.0.load(Relaxed) {
            true => Ok(()),
            false => Err(OTelSdkError::InternalFailure("no collector".into())),
        }
    }
}

impl SpanExporter for Collector {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        self.outcome()
    }
}

impl LogExporter for Collector {
    async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
        self.outcome()
    }
}

impl PushMetricExporter for Collector {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        self.outcome()
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Delta
    }
}

/// Exports once, and lets more time pass than is tolerated.
async fn told_after(export: impl AsyncFn(&Outcomes, Collector)) -> [String; 2] {
    let collector = Collector::default();
    let outcomes = Outcomes::default();
    let alone = Alone::run(outcomes.check("export", TOLERANCE)).await;

    export(&outcomes, collector.clone()).await;
    advance(TOLERANCE).await;
    eventually("failing", || !alone.told().is_empty()).await;
    let failing = alone.status();

    collector.0.store(true, Relaxed);
    export(&outcomes, collector).await;
    eventually("mended", || alone.told().is_empty()).await;
    [failing, alone.status()]
}

#[tokio::test(start_paused = true)]
async fn spans_that_a_provider_exports_are_watched() {
    let told = told_after(async |outcomes, collector| {
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(outcomes.watch(collector))
            .build();
        provider.tracer("test").start("a span");
    });
    assert_eq!(told.await, ["warn", "pass"]);
}

#[tokio::test(start_paused = true)]
async fn logs_are_watched() {
    let told = told_after(async |outcomes, collector| {
        let exporter = outcomes.watch(collector);
        let _ = LogExporter::export(&exporter, LogBatch::new(&[])).await;
    });
    assert_eq!(told.await, ["warn", "pass"]);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_watched_and_their_temporality_is_the_exporters() {
    let told = told_after(async |outcomes, collector| {
        let exporter = outcomes.watch(collector);
        assert_eq!(exporter.temporality(), Temporality::Delta);
        let _ = PushMetricExporter::export(&exporter, &ResourceMetrics::default()).await;
    });
    assert_eq!(told.await, ["warn", "pass"]);
}
