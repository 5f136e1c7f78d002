use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Faults;

/// The deadlines of the way down. Their sum must stay below what the platform
/// grants between SIGTERM and SIGKILL (Kubernetes: 30 s).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Lame duck: readiness is red but requests are still served, until every
    /// load balancer has noticed.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Time for the requests in flight to finish.
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
        self.drain_delay + self.drain_timeout + self.close_timeout + self.flush_timeout
    }

    pub(super) fn validate(&self, faults: &mut Faults) {
        if self.drain_timeout.is_zero() {
            let reason = "would cut every request in flight: give it time, such as 15s";
            faults.add("shutdown.drain_timeout", "0s", reason);
        }
    }
}
