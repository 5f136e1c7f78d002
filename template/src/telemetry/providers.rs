use axum_chassis::{health::Outcomes, prometheus::Registry};
use opentelemetry::{KeyValue, metrics::Meter};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};

use super::{TelemetryError, sampling::Sampling, spans::CountedSpans};
use crate::config::Otlp;

/// Spans exist without an exporter too: logs carry their ids.
pub(super) fn tracers(
    otlp: Otlp,
    sampling: Sampling,
    outcomes: &Outcomes,
    meter: &Meter,
) -> Result<SdkTracerProvider, TelemetryError> {
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_sampler(sampling);
    Ok(if otlp.traces {
        let exporter = outcomes.watch(SpanExporter::builder().build()?);
        provider
            .with_span_processor(CountedSpans::new(exporter, meter))
            .build()
    } else {
        provider.build()
    })
}

/// Who sends metrics by OTLP, if they are to be sent.
pub(super) fn pusher(
    otlp: Otlp,
    outcomes: &Outcomes,
) -> Result<Option<SdkMeterProvider>, TelemetryError> {
    if !otlp.metrics {
        return Ok(None);
    }
    let provider = SdkMeterProvider::builder()
        .with_resource(resource())
        .with_periodic_exporter(outcomes.watch(MetricExporter::builder().build()?))
        .build();
    Ok(Some(provider))
}

/// All metrics: scraped always, and passed on to who sends them.
pub(super) fn registry(pusher: Option<&SdkMeterProvider>) -> Registry {
    let resource = resource();
    let attributes = resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let registry = Registry::builder().resource(attributes);
    match pusher {
        Some(pusher) => registry.push(pusher.clone()).build(),
        None => registry.build(),
    }
}

/// The commit that the binary was built from, where the build says so:
/// `SOURCE_REVISION=$(git rev-parse HEAD) cargo build`.
pub(crate) const SOURCE_REVISION: Option<&str> = option_env!("SOURCE_REVISION");

/// Who speaks: the crate's name, version and commit, unless `OTEL_SERVICE_NAME` or
/// `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
fn resource() -> Resource {
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty());
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let revision = SOURCE_REVISION.map(|id| KeyValue::new("vcs.ref.head.revision", id));
    let resource = Resource::builder()
        .with_attribute(version)
        .with_attributes(revision);
    if named {
        resource.build()
    } else {
        resource.with_service_name(env!("CARGO_PKG_NAME")).build()
    }
}
