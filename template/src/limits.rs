//! What the service refuses because a bound is reached: answered, explained and
//! counted in one place.
//!
//! All that clients are bound by, with its default:
//!
//! | setting | default | unit | beyond it | counted by |
//! |---|---|---|---|---|
//! | `http.connections` | 4096 | connections | a further one waits | `http_server_connection_limit_reached_total` |
//! | `http.header_read_timeout` | 5s | time | cut | `reason="header_read_timeout"` |
//! | `http.header_limit_bytes` | 16384 | bytes | 431 | `reason="header_too_large"`; by HTTP/2 nowhere |
//! | `http.header_limit_fields` | 100 | fields | 431 | `reason="header_too_large"`; by HTTP/2 its `setting` |
//! | `http.keep_alive_timeout` | 8s | time | closed | `reason="keep_alive_timeout"` |
//! | `http.write_timeout` | 8s | time | cut | `reason="write_timeout"` |
//! | `http.request_timeout` | 10s | time | 503 | its `setting` |
//! | `http.request_body_timeout` | 8s | time | 408 | its `setting` |
//! | `http.request_body_limit_bytes` | 1048576 | bytes, unpacked too | 413 | its `setting` |
//! | `http.concurrent_requests` | 1024 | requests | 503 | its `setting` |
//! | `http2.concurrent_streams` | 128 | requests of one connection | `REFUSED_STREAM` | nowhere: a client that keeps to the protocol waits |
//! | `http2.ping_interval` | 5s | time | a PING | nowhere |
//! | `http2.ping_timeout` | 3s | time | cut | `reason="ping_timeout"` |
//! | `http2.pending_reset_streams` | 20 | requests of one connection | `ENHANCE_YOUR_CALM` | `reason="flood"` |
//! | `http2.faulty_streams` | 100 | requests of one connection | `ENHANCE_YOUR_CALM` | `reason="flood"` |
//! | `tls.handshake_timeout` | 5s | time | cut | `reason="handshake_timeout"` |
//! | `clients.requests_per_second` | none | requests a second of one client | 429 | its `setting` |
//! | `clients.request_burst` | 100 | requests of one client at once | 429 | `setting="clients.requests_per_second"` |
//! | `operations.connections` | 64 | connections | a further one waits | `http_server_connection_limit_reached_total` |
//!
//! A `reason` is a label of `http_server_connection_cut_total`, a `setting` one of
//! `limits_refused_requests_total`.

use std::time::Duration;

use axum::{
    BoxError,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use axum_chassis::Cause;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use tower::timeout::error::Elapsed;

use crate::telemetry::names;

/// A bound of what clients may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Requests in work at one time.
    Concurrency,
    /// Time until the head of the answer.
    Time,
    /// Requests of one client.
    Rate,
    /// Bytes of a request's body.
    BodySize,
    /// Time for a request's body.
    BodyTime,
    /// Fields in the head of an HTTP/2 request; HTTP/1.1 cuts the connection.
    HeaderFields,
}

impl Limit {
    /// The setting that moves it.
    const fn setting(self) -> &'static str {
        match self {
            Self::Concurrency => "http.concurrent_requests",
            Self::Time => "http.request_timeout",
            Self::Rate => "clients.requests_per_second",
            Self::BodySize => "http.request_body_limit_bytes",
            Self::BodyTime => "http.request_body_timeout",
            Self::HeaderFields => "http.header_limit_fields",
        }
    }

    /// The refusal: when to come back, and for the log the setting that it hit.
    pub(crate) fn refuse(self, status: StatusCode, wait: Duration) -> Response {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let mut response = (status, [(RETRY_AFTER, seconds.max(1).to_string())]).into_response();
        let cause = format!("the bound {} is reached", self.setting());
        response.extensions_mut().insert(Cause::new(cause));
        response.extensions_mut().insert(self);
        response
    }

    /// The limit that made this answer. Those of the body answer by their status alone.
    fn of<B>(response: &axum::http::Response<B>) -> Option<Self> {
        let marked = response.extensions().get().copied();
        marked.or(match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::BodySize),
            StatusCode::REQUEST_TIMEOUT => Some(Self::BodyTime),
            _ => None,
        })
    }
}

/// Answers for a service that had no room or took too long.
pub(crate) async fn refuse(error: BoxError) -> Response {
    let limit = if error.is::<Elapsed>() {
        Limit::Time
    } else {
        Limit::Concurrency
    };
    limit.refuse(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1))
}

/// Counts what is refused, by the setting that was hit.
#[derive(Clone, Debug)]
pub(crate) struct Refusals(Counter<u64>);

impl Refusals {
    pub(crate) fn new(meter: &Meter) -> Self {
        let refused = meter
            .u64_counter(names::limits::REFUSED)
            .with_description("Requests that were refused because a bound was reached.")
            .with_unit("{request}");
        Self(refused.build())
    }

    pub(crate) fn count<B>(&self, response: axum::http::Response<B>) -> axum::http::Response<B> {
        if let Some(limit) = Limit::of(&response) {
            self.add(limit);
        }
        response
    }

    /// One more request hit this limit.
    pub(crate) fn add(&self, limit: Limit) {
        let setting = KeyValue::new(names::limits::SETTING, limit.setting());
        self.0.add(1, &[setting]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use crate::config::Config;

    /// The settings of the table above, with their defaults.
    fn told() -> BTreeMap<String, String> {
        let rows = include_str!("limits.rs").lines();
        let rows = rows.filter_map(|line| line.strip_prefix("//! | `"));
        rows.map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            let mut cell = || cells.next().unwrap().to_owned();
            (cell(), cell())
        })
        .collect()
    }

    fn shown(value: &Value) -> String {
        match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    #[test]
    fn the_table_has_every_bound_of_a_client_with_its_default() {
        let config = serde_json::to_value(Config::default()).unwrap();
        let mut told = told();
        for section in ["http", "http2"] {
            for (key, value) in config[section].as_object().unwrap() {
                if !["address", "allowed_origins"].contains(&key.as_str()) {
                    let field = format!("{section}.{key}");
                    assert_eq!(told.remove(&field), Some(shown(value)), "{field}");
                }
            }
        }
        for (field, default) in &told {
            let (section, key) = field.split_once('.').unwrap();
            let value = config[section].get(key).expect(field);
            assert_eq!(*default, shown(value), "{field}");
        }
        assert_eq!(told.len(), 4, "{told:?}");
    }
}
