use std::{sync::Arc, time::SystemTime};

use humantime::format_rfc3339_millis;
use serde_json::{Map, Value, json};

/// From best to worst (draft-inadarei-api-health-check-06 section 3.1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    Pass,
    Warn,
    Fail,
}

/// What a probe answers.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) status: Status,
    /// What else than a check is in the way.
    pub(super) output: Option<&'static str>,
    pub(super) checks: Vec<CheckReport>,
}

#[derive(Debug)]
pub(super) struct CheckReport {
    pub(super) name: Arc<str>,
    pub(super) status: Status,
    pub(super) time: Option<SystemTime>,
    pub(super) output: Option<String>,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Report {
    /// The document of draft-inadarei-api-health-check-06 section 3.
    pub(super) fn to_json(&self) -> String {
        let mut checks = Map::new();
        for check in &self.checks {
            let entries = checks.entry(&*check.name).or_insert_with(|| json!([]));
            if let Value::Array(entries) = entries {
                entries.push(check.to_json());
            }
        }
        let mut document = json!({ "status": self.status.name() });
        if let Some(output) = self.output {
            document["output"] = output.into();
        }
        if !checks.is_empty() {
            document["checks"] = checks.into();
        }
        document.to_string()
    }
}

impl CheckReport {
    fn to_json(&self) -> Value {
        let mut entry = json!({ "status": self.status.name() });
        if let Some(time) = self.time {
            entry["time"] = format_rfc3339_millis(time).to_string().into();
        }
        if let Some(output) = &self.output {
            entry["output"] = output.as_str().into();
        }
        entry
    }
}
