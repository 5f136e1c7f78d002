use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Faults, some_time};

/// What a client may ask of one HTTP/2 connection (RFC 9113).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http2 {
    /// Requests at one time on one connection: `SETTINGS_MAX_CONCURRENT_STREAMS`.
    pub concurrent_streams: u32,
    /// After this silence a client is asked by PING whether it is still there …
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// … and must answer within this time; then the connection is cut.
    #[serde(with = "humantime_serde")]
    pub ping_timeout: Duration,
    /// Requests that a client took back before they were begun; above it the
    /// connection is closed with `ENHANCE_YOUR_CALM` (CVE-2023-44487).
    pub pending_reset_streams: usize,
    /// Requests that had to be reset for a client's own fault; above it the
    /// connection is closed with `ENHANCE_YOUR_CALM` (CVE-2025-8671).
    pub faulty_streams: usize,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            concurrent_streams: 128,
            ping_interval: Duration::from_secs(5),
            ping_timeout: Duration::from_secs(3),
            pending_reset_streams: 20,
            faulty_streams: 100,
        }
    }
}

impl Http2 {
    pub(super) fn validate(&self, faults: &mut Faults) {
        some_time("http2.ping_interval", self.ping_interval, faults);
        some_time("http2.ping_timeout", self.ping_timeout, faults);
        if self.concurrent_streams == 0 {
            faults.add("http2.concurrent_streams", 0, "must be 1 or more");
        }
    }
}
