//! tower-http's `TraceLayer` for a service that traces: what it leaves to its user.

use std::time::Duration;

use axum::extract::MatchedPath;
use http::{HeaderMap, Request, Response, header};
use opentelemetry::{global, propagation::Extractor};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span by the conventions, in the trace of the caller.
pub fn make_span<B>(request: &Request<B>) -> Span {
    let route = request.extensions().get().map_or("", MatchedPath::as_str);
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = route,
        http.response.status_code = Empty,
        url.path = request.uri().path(),
        url.scheme = "http",
        server.address = header(header::HOST),
        user_agent.original = header(header::USER_AGENT),
    );
    let parent = global::get_text_map_propagator(|w3c| w3c.extract(&Headers(request.headers())));
    // It fails where no layer makes OpenTelemetry spans, and then nothing is lost.
    let _ = span.set_parent(parent);
    span
}

/// The one line of a request.
pub fn on_response<B>(response: &Response<B>, latency: Duration, span: &Span) {
    let status = response.status().as_u16();
    span.record("http.response.status_code", i64::from(status));
    tracing::info!(
        status,
        latency_seconds = latency.as_secs_f64(),
        "request finished"
    );
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(header::HeaderName::as_str).collect()
    }
}
