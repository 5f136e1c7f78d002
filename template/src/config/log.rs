use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, filter::Directive};

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
    if let Err(error) = log_filter(filter) {
        faults.add(field, filter, error);
    }
}

/// Those of a filter's directives that are none.
#[derive(Debug, thiserror::Error)]
#[error("{}; write directives such as info,sqlx=warn", .0.join(", "))]
pub struct FilterError(Vec<String>);

/// The filter of these directives. Blanks around one mean nothing: to the parser they would
/// be a part of its target, or move what it takes for its level, or make it panic.
pub(crate) fn log_filter(directives: &str) -> Result<EnvFilter, FilterError> {
    let directives = directives.split(',').map(str::trim);
    let directives: Vec<_> = directives.filter(|text| !text.is_empty()).collect();
    let faults = directives.iter().filter_map(|text| {
        let error = Directive::from_str(text).err()?;
        Some(format!("`{text}`: {error}"))
    });
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() {
        let read = EnvFilter::from_str(&directives.join(","));
        read.map_err(|error| FilterError(vec![error.to_string()]))
    } else {
        Err(FilterError(faults))
    }
}
