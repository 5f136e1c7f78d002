use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};

use super::{Faults, Http};
use crate::runtime;

/// The deadlines of the way down. Their sum must stay below what the platform
/// grants between SIGTERM and SIGKILL (Kubernetes: 30 s).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Lame duck: readiness is red but requests are still served, until every
    /// load balancer has noticed.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Time for the requests in flight to finish; at least `http.write_timeout`.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    /// Time for the store's connections to close.
    #[serde(with = "humantime_serde")]
    pub close_timeout: Duration,
    /// Time for the last telemetry to be sent.
    #[serde(with = "humantime_serde")]
    pub flush_timeout: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            drain_delay: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(2),
            flush_timeout: Duration::from_secs(3),
        }
    }
}

impl Shutdown {
    /// The longest that a process may take from the signal to its end.
    pub fn longest(&self) -> Duration {
        let deadlines =
            self.drain_delay + self.drain_timeout + self.close_timeout + self.flush_timeout;
        deadlines + runtime::FAREWELL
    }

    pub(super) fn validate(&self, http: &Http, faults: &mut Faults) {
        if self.drain_timeout.is_zero() {
            let reason = "would cut every request in flight: give it time, such as 15s";
            faults.add("shutdown.drain_timeout", "0s", reason);
        } else if self.drain_timeout < http.write_timeout {
            let reason = format!(
                "must not exceed shutdown.drain_timeout, {}: for so long a client of HTTP/2 may \
                 take its last answer, and the drain would miss its deadline",
                format_duration(self.drain_timeout)
            );
            faults.add(
                "http.write_timeout",
                format_duration(http.write_timeout),
                reason,
            );
        }
    }
}
