//! Each request has a span, and it is exported.

use anyhow::ensure;
use axum_chassis::trace::TraceLayer;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use super::Spans;
use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    floor::span,
    subject::Subject,
    subjects::bare,
};

pub const FLOOR: Entry = Entry {
    name: "floor",
    kind: Kind::Floor,
    packages: &[],
    about: "by hand: the header parsed, an id drawn, a struct of what ours records (text shared \
            with the request) put into a bounded channel at the body's end, which a thread drains",
    prepare: || {
        let spans = span::Spans::new();
        let router = bare::router().layer(span::Watch(spans.clone()));
        let ended = spans.clone();
        Ok(Subject::router(&router, Requests::item(SAMPLED))
            .settle(move || ended.flush())
            .prove(move |requests| {
                let drained = spans.drained();
                ensure!(drained == requests, "{drained} of {requests} are drained");
                Ok(())
            }))
    },
};

pub const OTEL: Entry = Entry {
    name: "axum-tracing-opentelemetry",
    kind: Kind::Peer,
    packages: &["axum-tracing-opentelemetry", "tracing-opentelemetry"],
    about: "`OtelAxumLayer` on tracing-opentelemetry, with the filter of \
            init-tracing-opentelemetry; the span ends with the response's head",
    prepare: || {
        let spans = Spans::start();
        tracing_subscriber::registry()
            .with(spans.layer())
            .with(EnvFilter::new("info,otel::tracing=trace"))
            .init();
        let router = bare::router().layer(OtelAxumLayer::default());
        Ok(exported(
            Subject::router(&router, Requests::item(SAMPLED)),
            spans,
        ))
    },
};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis", "opentelemetry_sdk 0.33"],
    about: "`TraceLayer` with the OpenTelemetry SDK's tracer; the span ends with the body",
    prepare: || {
        let spans = Spans::start();
        let router = bare::router().layer(layer(&spans));
        Ok(exported(
            Subject::router(&router, Requests::item(SAMPLED)),
            spans,
        ))
    },
};

/// Our layer, with all that it needs but logs.
pub fn layer(spans: &Spans) -> TraceLayer<SdkTracer> {
    TraceLayer::new(spans.tracer())
}

/// The subject's spans must be exported.
pub fn exported(subject: Subject, spans: Spans) -> Subject {
    let flushed = spans.clone();
    subject
        .settle(move || flushed.flush())
        .prove(move |requests| spans.prove(requests))
}
