//! A registry that implements the metrics API of OpenTelemetry itself, to be scraped
//! by Prometheus.
//!
//! There is one API for all metrics, those of the layers and your own: OpenTelemetry's
//! `Meter`. [`Registry`] is its provider. Its instruments keep their own numbers, in
//! atomics; a scrape copies the labels, which were rendered when a series was born,
//! and formats the numbers. Measurements are passed on to a second provider, if one is
//! [given](RegistryBuilder::push), such as the SDK's with an exporter for OTLP.
//!
//! # Names
//!
//! By [Prometheus and OpenMetrics Compatibility][spec]: the unit becomes a suffix in
//! words, a counter ends in `_total`, and what may not be in a name is `_`.
//!
//! | instrument | unit | metric |
//! |---|---|---|
//! | histogram `http.server.request.duration` | `s` | `http_server_request_duration_seconds` |
//! | counter `orders` | `{order}` | `orders_total` |
//! | gauge `pool.utilization` | `1` | `pool_utilization_ratio` |
//! | counter `network.io` | `By/s` | `network_io_bytes_per_second_total` |
//!
//! A metric is one family, whatever the scope that its instruments were made in: an
//! instrument of the same name, kind and unit counts into the same series, and there
//! are no `otel_scope_…` labels. A contradiction is not exposed; an error says once
//! what to change.
//!
//! # Series are bounded
//!
//! An instrument has [so many](RegistryBuilder::series_ceiling) series and no more.
//! What is beyond goes to the one with the label `otel_metric_overflow="true"`, and is
//! counted by `axum_chassis_overflowed_measurements_total`, by metric. Of what is observed
//! it is the sum; of an observed gauge, which has none, the last value.
//!
//! # Exemplars
//!
//! A counter and each bucket of a histogram keep the first measurement after a scrape
//! that was made in a sampled span, with the ids of the trace and the span. They are
//! in OpenMetrics only. Prometheus keeps them with `--enable-feature=exemplar-storage`.
//!
//! # Example
//!
//! ```
//! use axum::{Router, extract::State, http::{HeaderMap, header}, response::IntoResponse, routing::get};
//! use axum_chassis::prometheus::Registry;
//! use opentelemetry::{KeyValue, metrics::MeterProvider};
//!
//! async fn scrape(State(registry): State<Registry>, headers: HeaderMap) -> impl IntoResponse {
//!     let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
//!     let page = registry.exposition(accept);
//!     ([(header::CONTENT_TYPE, page.content_type())], page.into_text())
//! }
//!
//! let registry = Registry::builder()
//!     .resource([KeyValue::new("service.name", "shop")])
//!     .build();
//! let meter = registry.meter("shop");
//! let _depth = meter
//!     .u64_observable_gauge("queue.depth")
//!     .with_callback(|observer| observer.observe(7, &[]))
//!     .build();
//!
//! let app: Router = Router::new().route("/metrics", get(scrape)).with_state(registry);
//! ```
//!
//! [spec]: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/

mod catalog;
mod cell;
mod exemplar;
mod family;
mod format;
mod histogram;
mod instrument;
mod kind;
mod labels;
mod meter;
mod milliseconds;
mod name;
mod observed;
mod page;
mod registry;
mod sharded;

use self::kind::Kind;
pub use self::{
    format::Format,
    registry::{Exposition, Registry, RegistryBuilder},
};
