use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::{Faults, choice};

/// What is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json`, `pretty`, or `auto`: pretty on a terminal, else JSON.
    #[serde(deserialize_with = "choice")]
    pub format: Format,
    /// Directives such as `info,sqlx=warn`. `RUST_LOG` wins over it.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Pretty on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For a person's eyes.
    Pretty,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            filter: "info".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn validate(&self, faults: &mut Faults) {
        if let Err(error) = EnvFilter::from_str(&self.filter) {
            let reason = format!("{error}; write directives such as info,sqlx=warn");
            faults.add("log.filter", &self.filter, reason);
        }
    }
}
