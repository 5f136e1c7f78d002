use std::{num::NonZeroUsize, time::Duration};

use serde::{Deserialize, Serialize};

/// The threads that requests run on. Telemetry has a runtime of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Threads that run tasks. If it is not set, one for each CPU that the process
    /// may use: its affinity, and its cgroup's quota (v1 and v2), rounded down.
    pub worker_threads: Option<NonZeroUsize>,
    /// Threads at most for what blocks, such as reading files and looking up names.
    pub blocking_threads: NonZeroUsize,
    /// For how long such a thread waits for more to do before it ends.
    #[serde(with = "humantime_serde")]
    pub blocking_keep_alive: Duration,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            worker_threads: None,
            blocking_threads: NonZeroUsize::MIN.saturating_add(511),
            blocking_keep_alive: Duration::from_secs(10),
        }
    }
}
