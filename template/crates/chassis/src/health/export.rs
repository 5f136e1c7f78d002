use std::time::Duration;

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};

use super::Outcomes;

/// An exporter of spans, logs or metrics whose [`Outcomes`] are taken down.
///
/// The SDK keeps to itself what became of an export; it only logs it. So this goes around
/// the exporter. What is dropped before, because a queue is full, is not seen here: it
/// is so when exports fail.
#[derive(Debug)]
pub struct WatchedExporter<E> {
    inner: E,
    outcomes: Outcomes,
}

impl Outcomes {
    /// Takes down what becomes of each export.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum_chassis::health::{Health, Outcomes};
    /// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    ///
    /// let spans = Outcomes::default();
    /// let exporter = InMemorySpanExporter::default(); // that of OTLP, say
    /// let tracers = SdkTracerProvider::builder()
    ///     .with_batch_exporter(spans.watch(exporter))
    ///     .build();
    /// let health = Health::builder()
    ///     .check(spans.check("traces", Duration::from_secs(300)))
    ///     .build();
    /// ```
    pub fn watch<E>(&self, exporter: E) -> WatchedExporter<E> {
        WatchedExporter {
            inner: exporter,
            outcomes: self.clone(),
        }
    }

    fn take_down(&self, outcome: OTelSdkResult) -> OTelSdkResult {
        match &outcome {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(error),
        }
        outcome
    }
}

impl<E: SpanExporter> SpanExporter for WatchedExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.outcomes.take_down(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for WatchedExporter<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.outcomes.take_down(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(
        &self,
        level: opentelemetry::logs::Severity,
        target: &str,
        name: Option<&str>,
    ) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for WatchedExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.outcomes.take_down(self.inner.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
