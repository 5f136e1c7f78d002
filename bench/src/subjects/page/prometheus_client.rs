use std::sync::Arc;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{all, subject};
use crate::catalogue::{Entry, Kind};

pub const CLIENT: Entry = Entry {
    name: "prometheus-client",
    kind: Kind::Peer,
    packages: &["prometheus-client"],
    about: "a `Family` of counters with a derived label set, written by `encoding::text::encode`",
    prepare: || {
        let mut registry = Registry::default();
        let counters = Family::<Labels, Counter>::default();
        registry.register("sold", "What was sold", counters.clone());
        for sold in all() {
            let labels = Labels {
                shop: sold.shop,
                article: sold.article,
                outcome: sold.outcome,
            };
            counters.get_or_create(&labels).inc_by(sold.count);
        }
        let registry = Arc::new(registry);
        Ok(subject(move || {
            let mut page = String::new();
            encode(&mut page, &registry).expect("a string takes all");
            page
        }))
    },
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    shop: String,
    article: String,
    outcome: &'static str,
}
