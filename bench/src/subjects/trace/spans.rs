//! OpenTelemetry's SDK with an exporter that counts.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Context, Result, ensure};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::caller::TRACE_ID;

/// A provider with the SDK's own sampler (as the parent says) and batch
/// processor, whose exporter sends nothing.
#[derive(Clone)]
pub struct Spans {
    provider: SdkTracerProvider,
    exported: Arc<Exported>,
}

#[derive(Debug, Default)]
struct Exported {
    spans: AtomicU64,
    first: OnceLock<SpanData>,
}

#[derive(Debug)]
struct Exporter(Arc<Exported>);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.spans.fetch_add(batch.len() as u64, Relaxed);
        if let Some(first) = batch.into_iter().next() {
            self.0.first.get_or_init(|| first);
        }
        Ok(())
    }
}

impl Spans {
    /// With the propagator that all find globally.
    pub fn start() -> Self {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let exported = Arc::<Exported>::default();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Exporter(exported.clone()))
            .build();
        Self { provider, exported }
    }

    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("bench")
    }

    /// The layer of a subscriber that makes spans of tracing's.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer().with_tracer(self.tracer())
    }

    /// Waits until all that ended is exported.
    pub fn flush(&self) {
        let flushed = self.provider.force_flush();
        flushed.expect("an exporter that sends nothing does not fail");
    }

    /// Checks that each request has its span in the caller's trace.
    pub fn prove(&self, requests: u64) -> Result<()> {
        self.prove_count(requests)?;
        let span = self.exported.first.get().context("no span")?;
        let has = |key, value: &str| {
            let mut of_key = span.attributes.iter().filter(|kv| kv.key.as_str() == key);
            of_key.any(|attribute| attribute.value.as_str() == value)
        };
        let complete = span.name == "GET /items/{id}"
            && span.span_context.trace_id().to_string() == TRACE_ID
            && has("http.route", "/items/{id}")
            && has("http.response.status_code", "200");
        ensure!(complete, "a span is not as it should be: {span:#?}");
        Ok(())
    }

    /// Checks how many were exported.
    pub fn prove_count(&self, expected: u64) -> Result<()> {
        let exported = self.exported.spans.load(Relaxed);
        ensure!(
            exported == expected,
            "{exported} of {expected} spans are exported"
        );
        Ok(())
    }
}
