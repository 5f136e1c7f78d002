use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When the configuration is read again. At SIGHUP it is in any case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reload {
    /// How often the file that `APP_CONFIG_FILE` names is looked at. What is new in it
    /// is taken when two looks have seen the same, and what was refused is tried again;
    /// neither if this is 0s.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
}

impl Default for Reload {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
        }
    }
}
