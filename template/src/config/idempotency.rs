use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Faults;

const LONGEST_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long the answers of requests with an `Idempotency-Key` are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Idempotency {
    /// For how long a repeated request gets the first one's answer.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// How often the answers that have expired are deleted.
    #[serde(with = "humantime_serde")]
    pub clean_up_interval: Duration,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(24 * 60 * 60),
            clean_up_interval: Duration::from_secs(10 * 60),
        }
    }
}

impl Idempotency {
    pub(super) fn validate(&self, faults: &mut Faults) {
        if self.retention.is_zero() || self.retention > LONGEST_RETENTION {
            let given = humantime_serde::re::humantime::format_duration(self.retention);
            let reason = "must be longer than nothing and at most 30days, such as 24h";
            faults.add("idempotency.retention", given, reason);
        }
        if self.clean_up_interval.is_zero() {
            let reason = "must be longer than nothing, such as 10m";
            faults.add("idempotency.clean_up_interval", "0s", reason);
        }
    }
}
