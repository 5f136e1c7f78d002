//! What the private listener serves: probes, metrics, and what operators ask for.
//!
//! It has no authentication. What is shown here holds no secret, but tells much of the
//! service; what can be changed here is the log's filter, for a while. Neither belongs
//! on a public network.

mod index;
mod info;
mod log_level;
mod metrics;
#[cfg(feature = "profiling")]
mod profiles;
mod runtime;

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, State},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_chassis::{
    health::{Health, HealthLayer},
    prometheus::Registry,
};
use time::OffsetDateTime;
use tower_http::{
    compression::CompressionLayer, normalize_path::NormalizePath, timeout::RequestBodyDeadlineLayer,
};

use crate::{problem, reload::Live, router, server::Connections, telemetry::LogLevel};

/// The largest body of a request: directives of a filter.
const BODY_LIMIT_BYTES: usize = 4096;
/// Time for it to arrive; then 408. Who sends none would keep a place from the probes.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// What the endpoints look at. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct Operations {
    /// All metrics.
    pub registry: Registry,
    /// The configuration that is in effect.
    pub live: Live,
    /// What is logged.
    pub log_level: LogLevel,
    /// How many connections there are.
    pub connections: Connections,
    /// When the process began to serve.
    pub started_at: OffsetDateTime,
}

/// Out of reach of load shedding, authentication and the ingress.
pub fn router(health: Health, state: Operations) -> NormalizePath<Router> {
    let router = Router::new()
        .route("/", get(index::show))
        .route("/config", get(config))
        .route("/info", get(info::show))
        .route(
            "/log-level",
            get(log_level::show)
                .put(log_level::choose)
                .delete(log_level::reset),
        )
        .route("/metrics", get(metrics::show))
        .route("/runtime", get(runtime::show));
    #[cfg(feature = "profiling")]
    let router = router.merge(profiles::router());
    let router = router
        .with_state(state)
        .layer(axum::middleware::map_response(filled))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIMEOUT))
        .layer(CompressionLayer::new())
        .layer(HealthLayer::new(health));
    router::normalized(router)
}

async fn filled(response: Response) -> Response {
    problem::fill(response)
}

/// As the command `config` prints it: secrets are masked.
async fn config(State(live): State<Live>) -> impl IntoResponse {
    live.current().to_string()
}
