//! Whatever instruments, labels and headers there are, what is written can be read.

use std::collections::BTreeMap;

use axum_chassis::prometheus::{Format, Registry};
use opentelemetry::KeyValue;
use proptest::{collection::vec, prelude::*};

use crate::{
    meter, open_metrics,
    parse::{Sample, samples},
    text,
};

/// Names and values that break what does not escape.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\\n\r\0{},= #a]{0,12}",
        "[a-z._]{1,8}",
        Just("le".to_owned()),
        Just("__name__".to_owned()),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let value = prop_oneof![
        hostile().prop_map(opentelemetry::Value::from),
        any::<i64>().prop_map(opentelemetry::Value::from),
        any::<f64>().prop_map(opentelemetry::Value::from),
        any::<bool>().prop_map(opentelemetry::Value::from),
    ];
    let attribute = (hostile(), value).prop_map(|(key, value)| KeyValue::new(key, value));
    vec(attribute, 0..6)
}

/// Makes an instrument of some kind and records some value.
fn measure(
    registry: &Registry,
    kind: u8,
    name: String,
    unit: String,
    value: f64,
    attributes: &[KeyValue],
) {
    let meter = meter(registry);
    match kind % 6 {
        0 => meter
            .f64_counter(name)
            .with_unit(unit)
            .build()
            .add(value, attributes),
        1 => meter
            .f64_gauge(name)
            .with_unit(unit)
            .build()
            .record(value, attributes),
        2 => meter
            .f64_up_down_counter(name)
            .with_unit(unit)
            .build()
            .add(value, attributes),
        3 => meter
            .f64_histogram(name)
            .with_unit(unit)
            .build()
            .record(value, attributes),
        4 => meter
            .u64_counter(name)
            .with_description(unit)
            .build()
            .bind(attributes)
            .add(value as u64),
        _ => {
            let attributes = attributes.to_vec();
            let gauge = meter.f64_observable_gauge(name).with_description(unit);
            gauge
                .with_callback(move |observer| observer.observe(value, &attributes))
                .build();
        }
    }
}

/// No two lines are of the same series, and a histogram's count is that of all.
fn assert_consistent(samples: &[Sample]) {
    let mut values = BTreeMap::new();
    for sample in samples {
        let series = (sample.name.as_str(), &sample.labels);
        assert!(
            values.insert(series, sample.value).is_none(),
            "{series:?} twice"
        );
    }
    for sample in samples {
        if let Some(name) = sample.name.strip_suffix("_count")
            && let Some(all) = {
                let bucket = format!("{name}_bucket");
                let mut labels = sample.labels.clone();
                labels.insert("le".to_owned(), "+Inf".to_owned());
                values.get(&(bucket.as_str(), &labels)).copied()
            }
        {
            assert_eq!(sample.value, all);
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(
        measurements in vec((any::<u8>(), hostile(), hostile(), any::<f64>(), attributes()), 0..12),
        resource in attributes(),
    ) {
        let registry = Registry::builder().series_ceiling(4).resource(resource).build();
        for (kind, name, unit, value, attributes) in measurements {
            measure(&registry, kind, name, unit, value, &attributes);
        }
        assert_consistent(&samples(&text(&registry)));
        let page = open_metrics(&registry);
        prop_assert!(page.ends_with("# EOF\n"));
        assert_consistent(&samples(&page));
    }

    #[test]
    fn a_value_of_a_label_comes_back(value in any::<String>()) {
        let registry = Registry::new();
        let label = KeyValue::new("label", value.clone());
        meter(&registry).u64_counter("a").build().add(1, &[label]);
        let samples = samples(&text(&registry));
        let sample = samples.iter().find(|sample| sample.name == "a_total");
        let read = sample.and_then(|sample| sample.labels.get("label"));
        let expected = value.replace('\0', "\u{fffd}");
        prop_assert_eq!(read.map_or("", |read| read), expected);
    }

    #[test]
    fn any_accept_header_is_answered(accept in hostile()) {
        Format::negotiate(Some(&accept));
    }

    #[test]
    fn the_weights_of_a_header_decide(open_metrics in 0..=1000_u16, text in 0..=1000_u16) {
        let q = |thousandths: u16| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let accept = format!(
            "text/plain;version=0.0.4;q={}, application/openmetrics-text;version=1.0.0;q={}",
            q(text), q(open_metrics),
        );
        let expected = if open_metrics >= text && open_metrics > 0 {
            Format::OpenMetrics
        } else {
            Format::Text
        };
        prop_assert_eq!(Format::negotiate(Some(&accept)), expected);
    }
}
