use std::{fmt::Write as _, sync::Arc};

use humantime::format_rfc3339_millis;
use serde_json::{Map, Value, json};

use super::record::Standing;

/// From best to worst (draft-inadarei-api-health-check-06 section 3.1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    Pass,
    Warn,
    Fail,
}

/// What an orchestrator asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Probe {
    Live,
    Ready,
    Startup,
}

/// What a probe answers.
#[derive(Debug)]
pub(super) struct Report {
    probe: Probe,
    /// What else than a check is in the way.
    obstacle: Option<&'static str>,
    pub(super) checks: Vec<CheckReport>,
    /// What was to be left out, and is no check.
    unknown: Vec<String>,
}

#[derive(Debug)]
pub(super) struct CheckReport {
    pub(super) name: Arc<str>,
    pub(super) critical: bool,
    pub(super) excluded: bool,
    pub(super) observed_seconds: Option<f64>,
    pub(super) standing: Standing,
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

impl Probe {
    pub(super) const ALL: [Self; 3] = [Self::Live, Self::Ready, Self::Startup];

    /// As Kubernetes has them.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Live => "livez",
            Self::Ready => "readyz",
            Self::Startup => "startupz",
        }
    }
}

impl Report {
    pub(super) fn new(probe: Probe, obstacle: Option<&'static str>) -> Self {
        Self {
            probe,
            obstacle,
            checks: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The checks of this name alone, if there are any: each answers for itself, and one
    /// without which the service would do fails as well.
    pub(super) fn only(mut self, name: &str) -> Option<Self> {
        self.obstacle = None;
        self.checks.retain(|check| &*check.name == name);
        for check in &mut self.checks {
            check.critical = true;
        }
        (!self.checks.is_empty()).then_some(self)
    }

    /// Without the checks of this name.
    pub(super) fn exclude(&mut self, name: &str) {
        let mut known = false;
        for check in self.checks.iter_mut().filter(|check| &*check.name == name) {
            check.excluded = true;
            known = true;
        }
        if !known {
            self.unknown.push(name.to_owned());
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.obstacle.is_some() {
            return Status::Fail;
        }
        let asked = self.checks.iter().filter(|check| !check.excluded);
        asked.map(CheckReport::status).max().unwrap_or(Status::Pass)
    }

    /// A line for each check, as Kubernetes' API server has them.
    pub(super) fn to_text(&self) -> String {
        let mut text: String = self.checks.iter().map(CheckReport::to_line).collect();
        if let Some(note) = self.note() {
            text += &format!("warn: {note}\n");
        }
        let verdict = match self.status() {
            Status::Pass | Status::Warn => "passed",
            Status::Fail => "failed",
        };
        text += &format!("{} check {verdict}", self.probe.name());
        if let Some(obstacle) = self.obstacle {
            text += &format!(": {obstacle}");
        }
        text + "\n"
    }

    /// The document of draft-inadarei-api-health-check-06 section 3.
    pub(super) fn to_json(&self) -> String {
        let mut checks = Map::new();
        for check in self.checks.iter().filter(|check| !check.excluded) {
            let entries = checks.entry(&*check.name).or_insert_with(|| json!([]));
            if let Value::Array(entries) = entries {
                entries.push(check.to_json());
            }
        }
        let mut document = json!({ "status": self.status().name() });
        if let Some(obstacle) = self.obstacle {
            document["output"] = obstacle.into();
        }
        if let Some(note) = self.note() {
            document["notes"] = json!([note]);
        }
        if !checks.is_empty() {
            document["checks"] = checks.into();
        }
        document.to_string()
    }

    fn note(&self) -> Option<String> {
        let unknown = (!self.unknown.is_empty()).then(|| self.unknown.join("\", \""))?;
        Some(format!(
            "some checks cannot be excluded: no matches for \"{unknown}\""
        ))
    }
}

impl CheckReport {
    fn status(&self) -> Status {
        match (self.standing.passing, &self.standing.output) {
            (true, None) => Status::Pass,
            (false, _) if self.critical => Status::Fail,
            _ => Status::Warn,
        }
    }

    fn to_line(&self) -> String {
        let name = &self.name;
        let mut line = match (self.excluded, self.status()) {
            (true, _) => return format!("[+]{name} excluded: ok\n"),
            (false, Status::Pass) => format!("[+]{name} ok"),
            (false, Status::Warn) => format!("[!]{name} degraded"),
            (false, Status::Fail) => format!("[-]{name} failed"),
        };
        if let Some(output) = &self.standing.output {
            let output = output.replace(char::is_control, " ");
            let _ = write!(line, ": {output}");
        }
        line + "\n"
    }

    fn to_json(&self) -> Value {
        let mut entry = json!({ "status": self.status().name() });
        if let Some(time) = self.standing.time {
            entry["time"] = format_rfc3339_millis(time).to_string().into();
        }
        if let Some(seconds) = self.observed_seconds {
            entry["observedValue"] = seconds.into();
            entry["observedUnit"] = "s".into();
        }
        if let Some(output) = &self.standing.output {
            entry["output"] = output.as_str().into();
        }
        entry
    }
}
