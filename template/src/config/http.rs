use std::{net::SocketAddr, time::Duration};

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::{Faults, list};

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
    /// Time for the head of a request to arrive. A kept-alive connection may be
    /// idle for as long.
    #[serde(with = "humantime_serde")]
    pub header_read_timeout: Duration,
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

impl Default for Http {
    fn default() -> Self {
        Self {
            address: ([0, 0, 0, 0], 8080).into(),
            allowed_origins: Vec::new(),
            header_read_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            request_body_timeout: Duration::from_secs(30),
            request_body_limit_bytes: 1024 * 1024,
            concurrent_requests: 1024,
        }
    }
}

impl Http {
    pub(super) fn validate(&self, faults: &mut Faults) {
        for (field, timeout) in [
            ("http.header_read_timeout", self.header_read_timeout),
            ("http.request_timeout", self.request_timeout),
            ("http.request_body_timeout", self.request_body_timeout),
        ] {
            if timeout.is_zero() {
                faults.add(field, "0s", "must be longer than nothing, such as 5s");
            }
        }
        if self.concurrent_requests == 0 {
            faults.add("http.concurrent_requests", 0, "must be 1 or more");
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
