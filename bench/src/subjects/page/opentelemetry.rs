use ::prometheus::{Registry, TextEncoder};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};

use super::{SERIES, all, subject};
use crate::catalogue::{Entry, Kind};

pub const OTEL: Entry = Entry {
    name: "opentelemetry-prometheus",
    kind: Kind::Peer,
    packages: &[
        "opentelemetry-prometheus 0.33",
        "opentelemetry_sdk 0.33",
        "prometheus",
    ],
    about: "an `SdkMeterProvider` with its exporter as the reader, written by prometheus' \
            `TextEncoder`; the SDK's limit of 2,000 series is lifted",
    prepare: || {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()?;
        let limit = SERIES as usize + 1;
        let provider = SdkMeterProvider::builder()
            .with_reader(reader)
            .with_view(move |_: &Instrument| {
                Stream::builder().with_cardinality_limit(limit).build().ok()
            })
            .build();
        let counter = provider.meter("bench").u64_counter("sold").build();
        for sold in all() {
            let labels = [
                KeyValue::new("shop", sold.shop),
                KeyValue::new("article", sold.article),
                KeyValue::new("outcome", sold.outcome),
            ];
            counter.add(sold.count, &labels);
        }
        Ok(subject(move || {
            // A provider that is dropped shuts its readers down: so it lives as long.
            let _alive = &provider;
            let page = TextEncoder::new().encode_to_string(&registry.gather());
            page.expect("the metrics do not contradict each other")
        }))
    },
};
