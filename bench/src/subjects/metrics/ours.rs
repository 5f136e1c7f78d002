use anyhow::Result;
use axum_chassis::metrics::MetricsLayer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis", "opentelemetry_sdk 0.33"],
    about: "`MetricsLayer` with the OpenTelemetry SDK's meter: requests in flight, duration, \
            size of request and response; recorded at the body's end; read through \
            opentelemetry-prometheus",
    prepare,
};

fn prepare() -> Result<Subject> {
    let (layer, page) = layer()?;
    let router = bare::router().layer(layer);
    Ok(
        Subject::router(&router, Requests::item(SAMPLED)).prove(move |requests| {
            super::prove(
                &page()?,
                "http_server_request_duration_seconds_count",
                r#"http_route="/items/{id}""#,
                requests,
            )
        }),
    )
}

/// The layer, and the page of what it records: of more series than the SDK
/// grants by default.
pub fn layer() -> Result<(MetricsLayer, impl Fn() -> Result<String>)> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()?;
    let provider = SdkMeterProvider::builder()
        .with_reader(reader)
        .with_view(|_: &Instrument| {
            Stream::builder()
                .with_cardinality_limit(20_000)
                .build()
                .ok()
        })
        .build();
    let layer = MetricsLayer::new(&provider.meter("bench"));
    let page = move || {
        // A provider that is dropped shuts its readers down: so it lives as long.
        let _alive = &provider;
        Ok(TextEncoder::new().encode_to_string(&registry.gather())?)
    };
    Ok((layer, page))
}
