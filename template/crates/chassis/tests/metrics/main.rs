//! What a scrape shows of requests that end in every way there is.

#![cfg(feature = "metrics")]

mod allocations;
mod bounds;
mod conventions;
mod endings;
#[cfg(feature = "prometheus")]
mod exemplars;
mod grpc;
mod labels;
#[cfg(feature = "health")]
mod probes;
#[path = "../support/mod.rs"]
mod support;

use axum_chassis::metrics::{Metrics, MetricsLayer, MetricsLayerBuilder};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tower::Layer;

const DURATION: &str = "http_server_request_duration_seconds_count";
const ACTIVE: &str = "http_server_active_requests";
const RESPONSE_SIZE: &str = "http_server_response_body_size_bytes_sum";

/// A layer and what Prometheus sees of it: by OpenTelemetry's SDK, and with the
/// feature `prometheus` by our registry, which must be the same.
struct Observed {
    layer: MetricsLayer,
    registry: Registry,
    #[cfg(feature = "prometheus")]
    own: axum_chassis::prometheus::Registry,
    #[cfg(not(feature = "prometheus"))]
    _provider: SdkMeterProvider,
}

impl Observed {
    fn new() -> Self {
        Self::with(|layer| layer)
    }

    fn with(set: impl FnOnce(MetricsLayerBuilder) -> MetricsLayerBuilder) -> Self {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .expect("a reader");
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        #[cfg(feature = "prometheus")]
        let provider = axum_chassis::prometheus::Registry::builder()
            .push(provider)
            .build();
        Self {
            layer: set(MetricsLayer::builder(&provider.meter("test"))).build(),
            registry,
            #[cfg(feature = "prometheus")]
            own: provider,
            #[cfg(not(feature = "prometheus"))]
            _provider: provider,
        }
    }

    fn around<S>(&self, service: S) -> Metrics<S> {
        self.layer.layer(service)
    }

    /// All series of a name: labels and value.
    fn series(&self, name: &str) -> Vec<String> {
        let text = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("metrics that agree");
        let series = series_in(&text, name);
        #[cfg(feature = "prometheus")]
        {
            let (mut own, mut sdk) = (
                series_in(self.own.exposition(None).text(), name),
                series.clone(),
            );
            own.sort();
            sdk.sort();
            assert_eq!(own, sdk);
        }
        series
    }

    /// The one series of a name.
    fn only(&self, name: &str) -> String {
        let series = self.series(name);
        assert_eq!(series.len(), 1, "{name}: {series:?}");
        series.concat()
    }

    /// The value of a metric without labels.
    fn value(&self, name: &str) -> String {
        let text = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("metrics that agree");
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect("a metric without labels").to_owned()
    }

    /// The one request that was recorded: its status, and its error type.
    fn ending(&self) -> (String, String) {
        let series = self.only(DURATION);
        assert!(series.ends_with(" 1"), "{series}");
        assert!(self.only(ACTIVE).ends_with(" 0"), "one is left in flight");
        (
            label(&series, "http_response_status_code"),
            label(&series, "error_type"),
        )
    }
}

fn series_in(exposition: &str, name: &str) -> Vec<String> {
    let lines = exposition
        .lines()
        .filter_map(|line| line.strip_prefix(name));
    lines
        .filter(|line| line.starts_with('{'))
        .map(str::to_owned)
        .collect()
}

/// The value of a label; empty without it.
fn label(series: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let value = series.split_once(&start).map_or("", |(_, rest)| rest);
    value.split('"').next().unwrap_or_default().to_owned()
}

/// Status and error type of a request that ended so.
fn ended(status: &str, error_type: &str) -> (String, String) {
    (status.to_owned(), error_type.to_owned())
}
