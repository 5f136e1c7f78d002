use std::{net::SocketAddr, time::Duration};

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::{Faults, list, some_time};

/// The public listener, and the bounds of what a client may ask of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where the API listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// Origins that browsers may call from, such as `https://app.example.com`;
    /// in the environment separated by commas. None by default.
    #[serde(deserialize_with = "list")]
    pub allowed_origins: Vec<String>,
    /// Connections at one time, at most three quarters of the descriptors that
    /// the process may have, of which a redirect to HTTPS has half; above it they wait to
    /// be accepted.
    pub connections: usize,
    /// Time for the head of a request to arrive; then the connection is cut.
    #[serde(with = "humantime_serde")]
    pub header_read_timeout: Duration,
    /// The largest head of a request, in bytes; from there on 431.
    pub header_limit_bytes: usize,
    /// The most fields in the head of a request; above it 431.
    pub header_limit_fields: usize,
    /// Time between two requests on one connection; then it is closed.
    #[serde(with = "humantime_serde")]
    pub keep_alive_timeout: Duration,
    /// Time in which a client must take some part of what is sent to it; then the
    /// connection is cut.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Time until the head of the answer is there; then 503.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Time for the whole body of a request to arrive; then 408.
    #[serde(with = "humantime_serde")]
    pub request_body_timeout: Duration,
    /// The largest body of a request, in bytes; above it 413.
    pub request_body_limit_bytes: usize,
    /// Requests in work at one time; above it 503 with `Retry-After`.
    pub concurrent_requests: usize,
}

/// Below it hyper's buffers do not go.
const LEAST_HEADER_LIMIT_BYTES: usize = 8 * 1024;
/// A map of headers has room for half as many again, and no more; for each that may come
/// hyper sets a place aside before it reads a head.
const MOST_HEADER_LIMIT_FIELDS: usize = 16 * 1024;

impl Default for Http {
    fn default() -> Self {
        Self {
            address: ([0, 0, 0, 0], 8080).into(),
            allowed_origins: Vec::new(),
            connections: 4096,
            header_read_timeout: Duration::from_secs(5),
            header_limit_bytes: 16 * 1024,
            header_limit_fields: 100,
            keep_alive_timeout: Duration::from_secs(8),
            write_timeout: Duration::from_secs(8),
            request_timeout: Duration::from_secs(10),
            request_body_timeout: Duration::from_secs(8),
            request_body_limit_bytes: 1024 * 1024,
            concurrent_requests: 1024,
        }
    }
}

impl Http {
    pub(super) fn validate(&self, faults: &mut Faults) {
        for (field, timeout) in [
            ("http.header_read_timeout", self.header_read_timeout),
            ("http.keep_alive_timeout", self.keep_alive_timeout),
            ("http.write_timeout", self.write_timeout),
            ("http.request_timeout", self.request_timeout),
            ("http.request_body_timeout", self.request_body_timeout),
        ] {
            some_time(field, timeout, faults);
        }
        for (field, limit) in [
            ("http.connections", self.connections),
            ("http.concurrent_requests", self.concurrent_requests),
        ] {
            if limit == 0 {
                faults.add(field, 0, "must be 1 or more");
            }
        }
        let fields = self.header_limit_fields;
        if !(1..=MOST_HEADER_LIMIT_FIELDS).contains(&fields) {
            let reason = format!("must be from 1 to {MOST_HEADER_LIMIT_FIELDS}");
            faults.add("http.header_limit_fields", fields, reason);
        }
        let bytes = self.header_limit_bytes;
        if bytes < LEAST_HEADER_LIMIT_BYTES || u32::try_from(bytes).is_err() {
            let reason = format!("must be from {LEAST_HEADER_LIMIT_BYTES} to {}", u32::MAX);
            faults.add("http.header_limit_bytes", bytes, reason);
        }
        for origin in &self.allowed_origins {
            if !is_origin(origin) {
                let reason = "is no origin: give scheme://host[:port] alone, such as https://app.example.com";
                faults.add("http.allowed_origins", origin, reason);
            }
        }
    }
}

/// RFC 6454 section 6.2: scheme, host and port, without a path.
fn is_origin(text: &str) -> bool {
    let parsed = url::Url::parse(text);
    parsed.is_ok_and(|url| url.origin().ascii_serialization() == text)
        && HeaderValue::from_str(text).is_ok()
}
