use std::time::Duration;

use anyhow::Result;
use axum_chassis::{
    metrics::MetricsLayer,
    prometheus::{Registry, RegistryBuilder},
};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};

use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
};

/// Of more series than are granted by default.
const SERIES: usize = 20_000;

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis"],
    about: "`MetricsLayer` with the meter of a `Registry`: requests in flight, duration, size of \
            request and response; recorded at the body's end",
    prepare: || prepare(Registry::builder()),
};

pub const PUSHED: Entry = Entry {
    name: "ours, pushed too",
    kind: Kind::Ours,
    packages: &["axum-chassis", "opentelemetry_sdk 0.33"],
    about: "the same, and each measurement is passed on to the OpenTelemetry SDK, which exports \
            every minute",
    prepare: || {
        let sdk = SdkMeterProvider::builder().with_periodic_exporter(Exporter);
        prepare(Registry::builder().push(sdk.build()))
    },
};

fn prepare(registry: RegistryBuilder) -> Result<Subject> {
    let (layer, page) = layer_of(&registry.build());
    let router = bare::router().layer(layer);
    Ok(
        Subject::router(&router, Requests::item(SAMPLED)).prove(move |requests| {
            super::prove(
                &page(),
                "http_server_request_duration_seconds_count",
                r#"http_route="/items/{id}""#,
                requests,
            )
        }),
    )
}

/// The layer, and the page of what it records.
pub fn layer() -> (MetricsLayer, impl Fn() -> String) {
    layer_of(&Registry::builder().series_ceiling(SERIES).build())
}

fn layer_of(registry: &Registry) -> (MetricsLayer, impl Fn() -> String + use<>) {
    let layer = MetricsLayer::builder(&registry.meter("bench")).series_ceiling(SERIES);
    let registry = registry.clone();
    (layer.build(), move || registry.exposition(None).into_text())
}

/// Sends nothing.
struct Exporter;

impl PushMetricExporter for Exporter {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
