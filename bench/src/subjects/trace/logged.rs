//! As sampled, and each request logs one line of JSON.

use axum_chassis::log::Json;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use tower::ServiceBuilder;
use tower_http::trace::{DefaultOnResponse, TraceLayer as HttpTraceLayer};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::format::{self, JsonFields},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::{
    Spans, http_span,
    lines::{Lines, WithIds},
    sampled::{exported, layer},
};
use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
};

pub const TOWER_HTTP: Entry = Entry {
    name: "tower-http",
    kind: Kind::Peer,
    packages: &["tower-http", "tracing-subscriber", "tracing-opentelemetry"],
    about: "`TraceLayer::new_for_http()` with a `make_span_with` that names the span by the \
            conventions and continues the caller's trace; tracing-subscriber's JSON with the \
            trace's ids; span and line end with the response's head",
    prepare: || {
        let (spans, lines) = (Spans::start(), Lines::default());
        peers_subscriber(&spans, &lines, "info");
        let layer = HttpTraceLayer::new_for_http()
            .make_span_with(http_span::make_span)
            .on_response(http_span::on_response);
        let router = bare::router().layer(layer);
        Ok(logged(
            Subject::router(&router, Requests::item(SAMPLED)),
            spans,
            lines,
        ))
    },
};

pub const OTEL: Entry = Entry {
    name: "axum-tracing-opentelemetry",
    kind: Kind::Peer,
    packages: &[
        "axum-tracing-opentelemetry",
        "tower-http",
        "tracing-subscriber",
    ],
    about: "`OtelAxumLayer` around tower-http's `TraceLayer`, as its README advises, whose \
            `on_response` logs at INFO; tracing-subscriber's JSON with the trace's ids, as \
            init-tracing-opentelemetry writes it",
    prepare: || {
        let (spans, lines) = (Spans::start(), Lines::default());
        peers_subscriber(&spans, &lines, "info,otel::tracing=trace");
        let on_response = DefaultOnResponse::new().level(Level::INFO);
        let layer = ServiceBuilder::new()
            .layer(OtelAxumLayer::default())
            .layer(HttpTraceLayer::new_for_http().on_response(on_response));
        let router = bare::router().layer(layer);
        Ok(logged(
            Subject::router(&router, Requests::item(SAMPLED)),
            spans,
            lines,
        ))
    },
};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis", "tracing-subscriber"],
    about: "`TraceLayer` with `log::Json`; span and line end with the body",
    prepare: || {
        let (spans, lines) = (Spans::start(), Lines::default());
        let log = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(Json)
            .with_writer(lines.clone());
        tracing_subscriber::registry()
            .with(log.with_filter(EnvFilter::new("info")))
            .init();
        let router = bare::router().layer(layer(&spans));
        Ok(logged(
            Subject::router(&router, Requests::item(SAMPLED)),
            spans,
            lines,
        ))
    },
};

fn peers_subscriber(spans: &Spans, lines: &Lines, filter: &str) {
    let log = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(WithIds(format::json()))
        .with_writer(lines.clone());
    tracing_subscriber::registry()
        .with(spans.layer())
        .with(log)
        .with(EnvFilter::new(filter))
        .init();
}

fn logged(subject: Subject, spans: Spans, lines: Lines) -> Subject {
    exported(subject, spans.clone()).prove(move |requests| {
        spans.prove(requests)?;
        lines.prove(requests)
    })
}
