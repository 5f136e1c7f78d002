//! Every name that the layers give to telemetry, in one place.
//!
//! `http.*`, `url.*`, `server.*`, `client.*`, `network.*`, `user_agent.*` and
//! `error.*` are those of the OpenTelemetry semantic conventions [for HTTP][http],
//! `rpc.*` those [for RPC][rpc]; `axum_chassis.*` is our own.
//!
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/
//! [rpc]: https://opentelemetry.io/docs/specs/semconv/rpc/

pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub(crate) const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub(crate) const HTTP_ROUTE: &str = "http.route";
pub(crate) const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
pub(crate) const URL_SCHEME: &str = "url.scheme";

#[cfg(feature = "trace")]
pub(crate) mod span {
    pub(crate) const CLIENT_ADDRESS: &str = "client.address";
    /// A prefix, as the next.
    pub(crate) const HTTP_REQUEST_HEADER: &str = "http.request.header.";
    pub(crate) const HTTP_RESPONSE_HEADER: &str = "http.response.header.";
    pub(crate) const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
    pub(crate) const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
    pub(crate) const HTTP_RESPONSE_BODY_SIZE: &str = "http.response.body.size";
    pub(crate) const RPC_METHOD: &str = "rpc.method";
    pub(crate) const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
    pub(crate) const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
    pub(crate) const RPC_SYSTEM_NAME: &str = "rpc.system.name";
    pub(crate) const SERVER_ADDRESS: &str = "server.address";
    pub(crate) const SERVER_PORT: &str = "server.port";
    pub(crate) const URL_FULL: &str = "url.full";
    pub(crate) const URL_PATH: &str = "url.path";
    pub(crate) const URL_QUERY: &str = "url.query";
    pub(crate) const URL_TEMPLATE: &str = "url.template";
    pub(crate) const USER_AGENT_ORIGINAL: &str = "user_agent.original";

    pub(crate) const ENDING: &str = "axum_chassis.ending";
    pub(crate) const TIME_TO_HEAD_SECONDS: &str = "axum_chassis.time_to_head_seconds";
}

#[cfg(feature = "metrics")]
pub(crate) mod metric {
    pub(crate) const OVERFLOW: &str = "otel.metric.overflow";
    pub(crate) const OVERFLOWED_REQUESTS: &str = "axum_chassis.overflowed_requests";

    pub(crate) const ACTIVE_REQUESTS: &str = "http.server.active_requests";
    pub(crate) const REQUEST_BODY_SIZE: &str = "http.server.request.body.size";
    pub(crate) const REQUEST_DURATION: &str = "http.server.request.duration";
    pub(crate) const RESPONSE_BODY_SIZE: &str = "http.server.response.body.size";
}

#[cfg(feature = "jwt")]
pub(crate) mod jwt {
    /// Whether the signature was not checked again.
    pub(crate) const CACHED: &str = "axum_chassis.jwt.cached";
    pub(crate) const CACHE_SIZE: &str = "axum_chassis.jwt.cache.size";
    pub(crate) const CACHE_TOKENS: &str = "axum_chassis.jwt.cache.tokens";
    pub(crate) const VERIFICATIONS: &str = "axum_chassis.jwt.verifications";
}

#[cfg(feature = "prometheus")]
pub(crate) mod prometheus {
    /// The label that names a metric.
    pub(crate) const METRIC: &str = "metric";
    pub(crate) const OVERFLOWED_MEASUREMENTS: &str = "axum_chassis.overflowed_measurements";
}

#[cfg(feature = "health-metrics")]
pub(crate) mod health {
    /// The label that names a check, and the one that names a probe.
    pub(crate) const CHECK: &str = "check";
    pub(crate) const PROBE: &str = "probe";

    pub(crate) const CHECK_DURATION: &str = "axum_chassis.health.check.duration";
    pub(crate) const CHECK_LAST_SUCCESS: &str = "axum_chassis.health.check.last_success.timestamp";
    pub(crate) const CHECK_STATUS: &str = "axum_chassis.health.check.status";
    pub(crate) const RUNTIME_LAG: &str = "axum_chassis.health.runtime.lag";
    pub(crate) const STATUS: &str = "axum_chassis.health.status";
}

#[cfg(feature = "jwt")]
pub(crate) mod jwks {
    /// The attributes: where the keys come from, and how an attempt ended.
    pub(crate) const SOURCE: &str = "axum_chassis.jwks.source";
    pub(crate) const OUTCOME: &str = "axum_chassis.jwks.outcome";

    pub(crate) const COOLDOWN_REFUSALS: &str = "axum_chassis.jwks.cooldown_refusals";
    pub(crate) const FETCH_DURATION: &str = "axum_chassis.jwks.fetch.duration";
    pub(crate) const FETCHES: &str = "axum_chassis.jwks.fetches";
    pub(crate) const KEYS: &str = "axum_chassis.jwks.keys";
    pub(crate) const LAST_SUCCESS: &str = "axum_chassis.jwks.last_success.timestamp";
}
