//! The alerts: read by promtool, and tried on series in which each must and must not fire.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    object::{Object, find},
    render::Rendered,
};
use crate::{run, test::report::Report, tree};

const TESTS: &str = include_str!("alerts.test.yaml");

pub fn run(report: &mut Report, all: &[Vec<Rendered>]) -> Result<()> {
    let production = super::render::production(&all[0])?;
    let rule = find(&production.objects, "PrometheusRule", "-api").context("no PrometheusRule")?;
    let service = rule.text("/metadata/labels/app.kubernetes.io~1name");
    let alerts = Alerts {
        folder: tree::target().join("delivery/alerts"),
        tests: TESTS.replace("my-service", service),
        silenced: ("probe=\\\"readyz\\\"} == 0", "probe=\\\"readyz\\\"} == 2"),
    };
    alerts.fire(report, rule)
}

/// Tests of a rule's alerts.
pub struct Alerts<'a> {
    /// Where promtool reads.
    pub folder: PathBuf,
    /// The tests, of `rules.json`.
    pub tests: String,
    /// What stands in the rules, and what it becomes so that an alert never fires.
    pub silenced: (&'a str, &'a str),
}

impl Alerts<'_> {
    pub fn fire(&self, report: &mut Report, rule: &Object) -> Result<()> {
        if run::output(Command::new("promtool").arg("--version")).is_err() {
            let missing = "promtool is not here; Debian's package prometheus has it";
            ensure!(!run::in_ci(), missing);
            report.skip(missing.to_owned());
            return Ok(());
        }
        tree::fresh(&self.folder)?;
        let rules = serde_json::json!({ "groups": rule.at("/spec/groups") }).to_string();
        fs::write(self.folder.join("rules.json"), &rules)?;
        fs::write(self.folder.join("tests.yaml"), &self.tests)?;
        report.check("promtool check rules", || {
            self.promtool(&["check", "rules", "rules.json"])
        })?;
        report.check("promtool test rules: each alert fires when it must", || {
            self.promtool(&["test", "rules", "tests.yaml"])
        })?;
        report.check("every alert has a test", || {
            let groups = rule.list("/spec/groups").iter();
            for rule in groups.flat_map(|group| super::object::list(&group["rules"])) {
                if let Some(alert) = rule["alert"].as_str() {
                    let named = format!("alertname=\"{alert}\"");
                    ensure!(self.tests.contains(&named), "{alert} has none");
                }
            }
            Ok(())
        })?;
        report.check("promtool refuses an alert that never fires", || {
            let (from, to) = self.silenced;
            ensure!(rules.contains(from), "the rules have no {from:?} any more");
            fs::write(self.folder.join("rules.json"), rules.replace(from, to))?;
            let tested = self.promtool(&["test", "rules", "tests.yaml"]);
            ensure!(tested.is_err(), "it took it");
            Ok(())
        })
    }

    fn promtool(&self, arguments: &[&str]) -> Result<String> {
        let mut promtool = Command::new("promtool");
        run::output(promtool.current_dir(&self.folder).args(arguments))
    }
}
