//! All four layers in one `ServiceBuilder`: trace, sampled and exported; metrics; health;
//! a token that all requests show.

use anyhow::{Result, ensure};
use axum_chassis::{
    health::{Health, HealthLayer},
    jwt::TokenCache,
    metrics::MetricsLayer,
    prometheus::Registry,
};
use axum_otel_metrics::HttpMetricsLayerBuilder;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk_0_32::metrics::SdkMeterProvider;
use prometheus::TextEncoder;
use tower::ServiceBuilder;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use super::{
    bare,
    jwt::{self, Shown},
    metrics,
    trace::{Spans, sampled},
};
use crate::{
    catalogue::{Entry, Kind},
    floor::{self, metrics::Watch, probe::Probe},
    subject::Subject,
    tokens::{ES256, HS256},
};

pub const WITH_ES256: &[Entry] = &with::<ES256>();
pub const WITH_HS256: &[Entry] = &with::<HS256>();

const fn with<const ALGORITHM: usize>() -> [Entry; 4] {
    [
        jwt::bare_with::<ALGORITHM, false>(),
        Entry {
            name: "floor",
            kind: Kind::Floor,
            packages: &[],
            about: "the floors of all four, as one layer",
            prepare: floors::<ALGORITHM>,
        },
        Entry {
            name: "peers",
            kind: Kind::Peer,
            packages: &[
                "axum-tracing-opentelemetry",
                "axum-otel-metrics",
                "tower-oauth2-resource-server",
            ],
            about: "the best of each kind that counts, traces and checks; nobody has a health \
                    layer",
            prepare: peers::<ALGORITHM>,
        },
        Entry {
            name: "ours",
            kind: Kind::Ours,
            packages: &["axum-chassis", "opentelemetry_sdk 0.33"],
            about: "`TraceLayer`, `MetricsLayer`, `HealthLayer`, `JwtLayer`, which counts too",
            prepare: ours::<ALGORITHM>,
        },
    ]
}

fn floors<const ALGORITHM: usize>() -> Result<Subject> {
    let shown = Shown::new::<ALGORITHM, false>()?;
    let (spans, numbers) = (
        floor::span::Spans::new(),
        floor::metrics::Metrics::default(),
    );
    let stack = ServiceBuilder::new()
        .layer(Watch((spans.clone(), numbers.clone())))
        .layer(Probe)
        .layer(jwt::known(&shown));
    let router = bare::router().layer(stack);
    let ended = spans.clone();
    let subject = Subject::router(&router, shown.requests()).settle(move || ended.flush());
    Ok(subject.prove(move |requests| {
        let (drained, counted) = (spans.drained(), numbers.items());
        ensure!(drained == requests, "{drained} of {requests} are drained");
        ensure!(
            counted == Some(requests),
            "{counted:?} of {requests} are counted"
        );
        Ok(())
    }))
}

fn peers<const ALGORITHM: usize>() -> Result<Subject> {
    let shown = Shown::new::<ALGORITHM, false>()?;
    let spans = Spans::start();
    tracing_subscriber::registry()
        .with(spans.layer())
        .with(EnvFilter::new("info,otel::tracing=trace"))
        .init();
    let registry = prometheus::Registry::new();
    let reader = opentelemetry_prometheus_0_32::exporter()
        .with_registry(registry.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let counting = HttpMetricsLayerBuilder::new()
        .with_provider(provider.clone())
        .build();
    let stack = ServiceBuilder::new()
        .layer(OtelAxumLayer::default())
        .layer(counting)
        .layer(jwt::tower_oauth2_layer(&shown)?);
    let router = bare::router().layer(stack);
    let subject = Subject::router(&router, shown.requests());
    Ok(proved(subject, router, spans, shown, move || {
        let _alive = &provider;
        Ok(TextEncoder::new().encode_to_string(&registry.gather())?)
    }))
}

fn ours<const ALGORITHM: usize>() -> Result<Subject> {
    let shown = Shown::new::<ALGORITHM, false>()?;
    let spans = Spans::start();
    let registry = Registry::builder().build();
    let stack = ServiceBuilder::new()
        .layer(sampled::layer(&spans))
        .layer(MetricsLayer::new(&registry.meter("bench")))
        .layer(HealthLayer::new(Health::builder().build()))
        .layer(jwt::layer(&shown, &registry, TokenCache::default())?);
    let router = bare::router().layer(stack);
    let subject = Subject::router(&router, shown.requests());
    Ok(proved(subject, router, spans, shown, move || {
        Ok(registry.exposition(None).into_text())
    }))
}

/// Checks that every request is counted and has its span, and that none passes without a
/// good token.
fn proved(
    subject: Subject,
    router: axum::Router,
    spans: Spans,
    shown: Shown,
    page: impl Fn() -> Result<String> + 'static,
) -> Subject {
    sampled::exported(subject, spans.clone()).prove(move |requests| {
        spans.prove(requests)?;
        metrics::prove(
            &page()?,
            "http_server_request_duration_seconds_count",
            r#"http_route="/items/{id}""#,
            requests,
        )?;
        jwt::prove_refused(&router, &jwt::forged(&shown.tokens[0]))
    })
}
