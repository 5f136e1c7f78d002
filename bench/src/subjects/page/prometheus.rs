use ::prometheus::{IntCounterVec, Opts, Registry, TextEncoder};

use super::{all, subject};
use crate::catalogue::{Entry, Kind};

pub const PROMETHEUS: Entry = Entry {
    name: "prometheus",
    kind: Kind::Peer,
    packages: &["prometheus"],
    about: "an `IntCounterVec`, written by its `TextEncoder`",
    prepare: || {
        let registry = Registry::new();
        let options = Opts::new("sold_total", "What was sold");
        let counters = IntCounterVec::new(options, &["shop", "article", "outcome"])?;
        registry.register(Box::new(counters.clone()))?;
        for sold in all() {
            let labels = [sold.shop.as_str(), &sold.article, sold.outcome];
            counters.with_label_values(&labels).inc_by(sold.count);
        }
        Ok(subject(move || {
            let page = TextEncoder::new().encode_to_string(&registry.gather());
            page.expect("the metrics do not contradict each other")
        }))
    },
};
