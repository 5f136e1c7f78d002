//! Tower layers for a production service, each alone behind its own feature.
//!
//! | layer | feature | what it does |
//! |---|---|---|
//! | `trace::TraceLayer` | `trace` | one server span a request in the trace of its caller, one log event at its end |
//! | `trace::client::ClientTraceLayer` | `trace` | one client span a request to another service, and its context in the headers |
//! | `metrics::MetricsLayer` | `metrics` | duration, requests in flight and body size as OpenTelemetry instruments |
//! | `jwt::JwtLayer` | `jwt` | lets in who shows a valid bearer token, and knows their scopes |
//! | `health::HealthLayer` | `health` | `/livez`, `/readyz` and `/startupz`, answered without waiting; a runtime that stalls |
//!
//! Beside them stands what they are used with:
//!
//! | | feature | what it does |
//! |---|---|---|
//! | `prometheus::Registry` | `prometheus` | the meter provider that Prometheus scrapes: text and OpenMetrics, with exemplars |
//! | `trace::Propagation` | `trace` | W3C Trace Context and Baggage, B3 and Jaeger: read and written to the letter |
//! | `trace::client::Reqwest` | `reqwest` | a reqwest client that layers can go around |
//! | `trace::RouteSampler` | `sampler` | samples by route and by rate, for the OpenTelemetry SDK |
//! | `health::checks`, `health::Outcomes` | `health-disk`, `health-certificate`, `health-export` | ready-made checks |
//! | `health::GrpcHealth` | `grpc-health` | grpc.health.v1 from the same state as the probes |
//! | `health::Health::observe` | `health-metrics` | the checks as gauges |
//! | `jwt::source::KeyEndpoint` | `jwks` | an issuer's keys from its JWKS URL or by discovery, kept fresh |
//! | `jwt::source::KeyFile` | `jwt` | keys from a file, which is watched |
//! | `log::Json` | `log` | a line of JSON for every event, with the ids of its trace |
//!
//! No layer knows another, none invents an error (`type Error = S::Error`), and a
//! rejection is a response. The reason of a rejection or a failure rides in the
//! response's extensions as a [`Cause`], and is logged once, at the edge.

#[cfg(any(feature = "metrics", feature = "prometheus"))]
mod bounded;
mod cause;
#[cfg(any(feature = "metrics", feature = "trace"))]
mod grpc;
#[cfg(any(
    feature = "health-metrics",
    feature = "jwt",
    feature = "metrics",
    feature = "prometheus",
    feature = "trace"
))]
#[cfg_attr(
    not(any(feature = "metrics", feature = "trace")),
    expect(dead_code, reason = "both layers share some names")
)]
mod names;
#[cfg(any(feature = "metrics", feature = "trace"))]
mod request;
#[cfg(any(feature = "metrics", feature = "trace"))]
mod route;
#[cfg(any(feature = "metrics", feature = "trace"))]
mod watch;

pub use cause::Cause;
#[cfg(any(feature = "metrics", feature = "trace"))]
pub use route::Route;

#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "trace")]
pub mod trace;

/// The README's programs are tests, too.
#[cfg(all(doctest, feature = "axum", feature = "trace"))]
#[doc = include_str!("../README.md")]
struct Readme;
