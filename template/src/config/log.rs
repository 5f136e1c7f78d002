use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::{Environment, Faults, choice};

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
        directives("log.filter", &self.filter, faults);
    }

    /// What wins over the filter must be as right.
    pub(super) fn validate_variable(environment: &Environment, faults: &mut Faults) {
        let variable = EnvFilter::DEFAULT_ENV;
        if let Some(filter) = environment.get(variable) {
            directives(variable, filter, faults);
        }
    }
}

fn directives(field: &str, filter: &str, faults: &mut Faults) {
    if let Err(error) = EnvFilter::from_str(filter) {
        let reason = format!("{error}; write directives such as info,sqlx=warn");
        faults.add(field, filter, reason);
    }
}
