//! The caller has decided that its trace is not sampled.

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use super::{Spans, sampled};
use crate::{
    caller::{NOT_SAMPLED, Requests},
    catalogue::{Entry, Kind},
    floor::span,
    subject::Subject,
    subjects::bare,
};

pub const FLOOR: Entry = Entry {
    name: "floor",
    kind: Kind::Floor,
    packages: &[],
    about: "by hand: the header parsed, the flag looked at, nothing else",
    prepare: || {
        let router = bare::router().layer(span::Decide);
        Ok(Subject::router(&router, Requests::item(NOT_SAMPLED)))
    },
};

pub const OTEL: Entry = Entry {
    name: "axum-tracing-opentelemetry",
    kind: Kind::Peer,
    packages: &["axum-tracing-opentelemetry", "tracing-opentelemetry"],
    about: "the same as above; no span is exported",
    prepare: || {
        let spans = Spans::start();
        tracing_subscriber::registry()
            .with(spans.layer())
            .with(EnvFilter::new("info,otel::tracing=trace"))
            .init();
        let router = bare::router().layer(OtelAxumLayer::default());
        Ok(not_exported(
            Subject::router(&router, Requests::item(NOT_SAMPLED)),
            spans,
        ))
    },
};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis", "opentelemetry_sdk 0.33"],
    about: "the same as above; no span is exported",
    prepare: || {
        let spans = Spans::start();
        let router = bare::router().layer(sampled::layer(&spans));
        Ok(not_exported(
            Subject::router(&router, Requests::item(NOT_SAMPLED)),
            spans,
        ))
    },
};

fn not_exported(subject: Subject, spans: Spans) -> Subject {
    let flushed = spans.clone();
    subject
        .settle(move || flushed.flush())
        .prove(move |_| spans.prove_count(0))
}
