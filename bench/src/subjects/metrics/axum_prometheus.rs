use anyhow::Result;
use axum_prometheus::PrometheusMetricLayer;

use crate::{
    caller::{Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
};

pub const PROMETHEUS: Entry = Entry {
    name: "axum-prometheus",
    kind: Kind::Peer,
    packages: &["axum-prometheus", "metrics-exporter-prometheus"],
    about: "`PrometheusMetricLayer::pair()`: requests, requests in flight, duration; recorded at \
            the response's head. A histogram's values are kept one by one until the upkeep, \
            which is run between rounds: instructions hold it, times do not",
    prepare,
};

fn prepare() -> Result<Subject> {
    // It spawns its upkeep, which this runtime never runs: see `settle`.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (layer, handle) = {
        let _inside = runtime.enter();
        PrometheusMetricLayer::pair()
    };
    std::mem::forget(runtime);
    let router = bare::router().layer(layer);
    let upkeep = handle.clone();
    Ok(Subject::router(&router, Requests::item(SAMPLED))
        .settle(move || upkeep.run_upkeep())
        .prove(move |requests| {
            super::prove(
                &handle.render(),
                "axum_http_requests_duration_seconds_count",
                r#"endpoint="/items/{id}""#,
                requests,
            )
        }))
}
