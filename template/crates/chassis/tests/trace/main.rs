//! What is exported and logged of requests that end in every way there is.

#![cfg(feature = "trace")]

mod allocations;
mod client;
mod context;
mod conventions;
mod endings;
mod events;
mod grpc;
mod logs;
mod propagation;
#[path = "../support/mod.rs"]
mod support;

use axum_chassis::trace::{Trace, TraceLayer};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, ShouldSample, SpanData,
};
use tower::Layer;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{Registry, layer::SubscriberExt};

use self::events::{Event, Events};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is exported and logged of this thread's spans.
struct Exported {
    spans: InMemorySpanExporter,
    events: Events,
    provider: SdkTracerProvider,
    _subscriber: DefaultGuard,
}

impl Exported {
    fn new() -> Self {
        Self::sampled_by(Sampler::AlwaysOn)
    }

    fn sampled_by(sampler: impl ShouldSample + 'static) -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .with_sampler(sampler)
            .build();
        let events = Events::default();
        let instrumented = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = Registry::default().with(instrumented).with(events.clone());
        Self {
            spans,
            events,
            provider,
            _subscriber: tracing::subscriber::set_default(subscriber),
        }
    }

    fn layer(&self) -> TraceLayer<SdkTracer> {
        TraceLayer::new(self.provider.tracer("test"))
    }

    fn traced<S>(&self, service: S) -> Trace<S, SdkTracer> {
        self.layer().layer(service)
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().expect("spans are at hand")
    }

    fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// The one span that has ended.
    fn only(&self) -> SpanData {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// How the one span has ended, and with which error type and level of its log event.
    fn ending(&self) -> [String; 3] {
        let span = self.only();
        let failed = matches!(span.status, Status::Error { .. });
        assert_eq!(failed, !attribute(&span, "error.type").is_empty());
        let events = self.events();
        let [event] = &events[..] else {
            panic!("one log event a request, not {events:?}");
        };
        assert_eq!(event.field("message"), "request finished");
        assert_eq!(event.trace_id, span.span_context.trace_id());
        [
            attribute(&span, "axum_chassis.ending"),
            attribute(&span, "error.type"),
            event.level.to_string(),
        ]
    }
}

/// The value of an attribute; empty without it.
fn attribute(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|kv| kv.key.as_str() == name);
    found.map(|kv| kv.value.to_string()).unwrap_or_default()
}
