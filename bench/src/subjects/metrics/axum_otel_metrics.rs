use anyhow::Result;
use axum_otel_metrics::HttpMetricsLayerBuilder;
use opentelemetry_sdk_0_32::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
};

pub const OTEL: Entry = Entry {
    name: "axum-otel-metrics",
    kind: Kind::Peer,
    packages: &["axum-otel-metrics", "opentelemetry_sdk 0.32"],
    about: "`HttpMetricsLayerBuilder`: requests in flight, duration, size of request and \
            response; recorded at the response's head; read through opentelemetry-prometheus",
    prepare,
};

fn prepare() -> Result<Subject> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus_0_32::exporter()
        .with_registry(registry.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let layer = HttpMetricsLayerBuilder::new()
        .with_provider(provider.clone())
        .build();
    let router = bare::router().layer(layer);
    Ok(
        Subject::router(&router, Requests::item(SAMPLED)).prove(move |requests| {
            // A provider that is dropped shuts its readers down: so it lives as long.
            let _alive = &provider;
            super::prove(
                &TextEncoder::new().encode_to_string(&registry.gather())?,
                "http_server_request_duration_seconds_count",
                r#"http_route="/items/{id}""#,
                requests,
            )
        }),
    )
}
