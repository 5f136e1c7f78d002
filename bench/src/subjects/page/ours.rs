use axum_chassis::prometheus::Registry;
use opentelemetry::{
    Context, KeyValue,
    metrics::MeterProvider,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use super::{SERIES, all, subject};
use crate::catalogue::{Entry, Kind};

pub const OURS: Entry = Entry {
    name: "ours",
    kind: Kind::Ours,
    packages: &["axum-chassis"],
    about: "a `Registry`, in Prometheus' text format as the peers",
    prepare: || {
        let registry = registry();
        Ok(subject(move || registry.exposition(None).into_text()))
    },
};

pub const OPENMETRICS: Entry = Entry {
    name: "ours, with exemplars",
    kind: Kind::Ours,
    packages: &["axum-chassis"],
    about: "the same in OpenMetrics, where each series has an exemplar too",
    prepare: || {
        let registry = registry();
        let accept = Some("application/openmetrics-text");
        Ok(subject(move || registry.exposition(accept).into_text()))
    },
};

fn registry() -> Registry {
    let registry = Registry::builder().series_ceiling(SERIES as usize).build();
    let span = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let _sampled = Context::new().with_remote_span_context(span).attach();
    let counter = registry.meter("bench").u64_counter("sold").build();
    for sold in all() {
        let labels = [
            KeyValue::new("shop", sold.shop),
            KeyValue::new("article", sold.article),
            KeyValue::new("outcome", sold.outcome),
        ];
        counter.add(sold.count, &labels);
    }
    registry
}
