//! What is exported and logged of requests that end in every way there is.

#![cfg(feature = "trace")]

mod context;
mod conventions;
mod endings;
mod logs;
mod propagation;
#[path = "../support/mod.rs"]
mod support;

use axum_chassis::trace::{Trace, TraceLayer};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tower::Layer;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is exported of this thread's spans.
struct Exported {
    spans: InMemorySpanExporter,
    _subscriber: DefaultGuard,
    _provider: SdkTracerProvider,
}

impl Exported {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        Self {
            spans,
            _subscriber: tracing::subscriber::set_default(Registry::default().with(layer)),
            _provider: provider,
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().expect("spans are at hand")
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
        let [event] = &span.events.events[..] else {
            panic!("one log event a request, not {:?}", span.events);
        };
        assert_eq!(event.name, "request finished");
        let level = event
            .attributes
            .iter()
            .find(|kv| kv.key.as_str() == "level");
        [
            attribute(&span, "axum_chassis.ending"),
            attribute(&span, "error.type"),
            level.expect("an event has a level").value.to_string(),
        ]
    }
}

/// The value of an attribute; empty without it.
fn attribute(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|kv| kv.key.as_str() == name);
    found.map(|kv| kv.value.to_string()).unwrap_or_default()
}

fn traced<S>(service: S) -> Trace<S> {
    TraceLayer::new().layer(service)
}
