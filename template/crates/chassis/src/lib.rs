//! Tower layers for a production service, each alone behind its own feature.
//!
//! | layer | feature | what it does |
//! |---|---|---|
//! | `trace::TraceLayer` | `trace` | one server span a request, W3C Trace Context in, one log line at its end |
//! | `metrics::MetricsLayer` | `metrics` | duration, requests in flight and body size as OpenTelemetry instruments |
//! | `jwt::JwtLayer` | `jwt` | lets in who shows a valid bearer token, and knows their scopes |
//! | `health::HealthLayer` | `health` | `/livez`, `/readyz` and `/startupz`, answered without waiting |
//!
//! Beside them stands what they are used with:
//!
//! | | feature | what it does |
//! |---|---|---|
//! | `prometheus::Registry` | `prometheus` | the meter provider that Prometheus scrapes: text and OpenMetrics, with exemplars |
//!
//! No layer knows another, none invents an error (`type Error = S::Error`), and a
//! rejection is a response. The reason of a rejection or a failure rides in the
//! response's extensions as a [`Cause`], and is logged once, at the edge.

#[cfg(any(feature = "metrics", feature = "prometheus"))]
mod bounded;
mod cause;
#[cfg(any(feature = "metrics", feature = "prometheus", feature = "trace"))]
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
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "trace")]
pub mod trace;
