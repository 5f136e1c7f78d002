use metrics::counter;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::{all, subject};
use crate::catalogue::{Entry, Kind};

pub const EXPORTER: Entry = Entry {
    name: "metrics-exporter-prometheus",
    kind: Kind::Peer,
    packages: &["metrics-exporter-prometheus", "metrics"],
    about: "the `counter!` macro of metrics, written by `PrometheusHandle::render`",
    prepare: || {
        let handle = PrometheusBuilder::new().install_recorder()?;
        for sold in all() {
            counter!("sold_total", "shop" => sold.shop, "article" => sold.article, "outcome" => sold.outcome)
                .increment(sold.count);
        }
        Ok(subject(move || handle.render()))
    },
};
