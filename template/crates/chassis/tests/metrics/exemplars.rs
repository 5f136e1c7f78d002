//! The way from a slow request to its trace.

use axum_chassis::{metrics::MetricsLayer, prometheus::Registry};
use opentelemetry::{
    Context,
    metrics::MeterProvider,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tower::Layer;

use crate::support::*;

/// As if a sampled span with this number were entered.
fn span(number: u64) -> Context {
    let (trace_id, span_id) = (TraceId::from(u128::from(number)), SpanId::from(number));
    let (flags, state) = (TraceFlags::SAMPLED, TraceState::NONE);
    Context::new()
        .with_remote_span_context(SpanContext::new(trace_id, span_id, flags, false, state))
}

#[tokio::test]
async fn a_request_leaves_the_trace_that_it_was_in() {
    let registry = Registry::new();
    let layer = MetricsLayer::new(&registry.meter("test"));
    // The first binds the series, the second finds it.
    for number in [1, 2] {
        let _in_span = span(number).attach();
        read(layer.layer(sends(&[Step::Data("hello")])), get("/")).await;

        let page = registry.exposition(Some("application/openmetrics-text"));
        let trace = format!("# {{trace_id=\"{number:032x}\",span_id=\"{number:016x}\"}}");
        for name in ["duration_seconds", "response_body_size_bytes"] {
            let bucket = format!("{name}_bucket{{");
            let mut lines = page.text().lines();
            let found = lines.any(|line| line.contains(&bucket) && line.contains(&trace));
            assert!(found, "{name} has no {trace} in {}", page.text());
        }
    }
}

#[cfg(feature = "trace")]
#[tokio::test]
async fn a_request_whose_client_hung_up_leaves_its_trace_too() {
    use axum_chassis::trace::TraceLayer;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    let registry = Registry::new();
    let tracers = SdkTracerProvider::builder().build();
    let metrics = MetricsLayer::new(&registry.meter("test"));
    let service = metrics.layer(sends(&[Step::Data("hello"), Step::Data("world")]));
    let service = TraceLayer::new(tracers.tracer("test")).layer(service);
    hang_up_after(1, service, get("/")).await;

    let page = registry.exposition(Some("application/openmetrics-text"));
    let mut lines = page.text().lines();
    let is_there = |line: &str| line.contains("\"cancelled\"") && line.contains("# {trace_id");
    assert!(lines.any(is_there), "{}", page.text());
}
