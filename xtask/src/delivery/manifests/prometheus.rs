//! The alerts: read by promtool, and tried on series in which each must and must not fire.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use serde_json::Value;

use super::{
    object::{self, Object, find, list},
    render::Rendered,
};
use crate::{refusal, run, test::report::Report, tree};

const TESTS: &str = include_str!("alerts.test.yaml");
const BACKUP_TESTS: &str = include_str!("backup.test.yaml");
const RUNBOOK: &str = "template/deploy/runbook.md";

pub fn run(report: &mut Report, all: &[Vec<Rendered>]) -> Result<()> {
    let production = super::render::production(&all[0])?;
    let of = |name| {
        let rule = find(&production.objects, "PrometheusRule", name);
        rule.context("no PrometheusRule")
    };
    let rule = of("-api")?;
    let service = rule.text("/metadata/labels/app.kubernetes.io~1name");
    let alerts = |tests: &str, silenced| Alerts {
        folder: tree::target().join("delivery/alerts"),
        tests: tests.replace("my-service", service),
        silenced,
    };
    let ready = ("probe=\\\"readyz\\\"} == 0", "probe=\\\"readyz\\\"} == 2");
    alerts(TESTS, ready).fire(report, rule)?;
    let backups = of("-backup")?;
    alerts(BACKUP_TESTS, ("26 * 3600", "26000 * 3600")).fire(report, backups)?;
    let page = tree::read(&tree::root().join(RUNBOOK))?;
    report.check("each alert leads to its part of the runbook", || {
        lead(rule, service, &page)?;
        lead(backups, service, &page)?;
        let broken = refusal::broken(RUNBOOK, &page, "## ServiceSlow", "## Slow")?;
        let came = lead(rule, service, &broken).map(|()| String::new());
        refusal::refused(came, "## Slow", "ServiceSlow")
    })
}

/// Whether each alert names the page of the service's own repository, which has the alert.
fn lead(rule: &Object, service: &str, page: &str) -> Result<()> {
    let groups = rule.list("/spec/groups").iter();
    for rule in groups.flat_map(|group| list(&group["rules"])) {
        let Some(alert) = rule["alert"].as_str() else {
            continue;
        };
        let url = format!(
            "https://github.com/acme/{service}/blob/main/deploy/runbook.md#{}",
            alert.to_lowercase()
        );
        let named = &rule["annotations"]["runbook_url"];
        ensure!(*named == url, "{alert} leads to {named}");
        let has = page.lines().any(|line| line == format!("## {alert}"));
        ensure!(has, "{RUNBOOK} has no {alert}");
    }
    Ok(())
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
        report.check("each alert has a test in which it fires and ends", || {
            let groups = rule.list("/spec/groups").iter();
            for rule in groups.flat_map(|group| list(&group["rules"])) {
                if let Some(alert) = rule["alert"].as_str() {
                    ensure!(ends_after_firing(&self.tests, alert)?, "{alert} has none");
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

/// What a test asks for, to see what fires.
const FIRING: &str = "ALERTS{alertstate=\"firing\"}";

/// Whether one of promtool's tests sees an alert fire, and later not any more.
pub fn ends_after_firing(tests: &str, alert: &str) -> Result<bool> {
    let tests = object::read(tests)?;
    let mut tests = tests.iter().flat_map(|file| file.list("/tests"));
    Ok(tests.any(|test| ends_in(test, alert)))
}

/// A test's questions stand in the order of their times.
fn ends_in(test: &Value, alert: &str) -> bool {
    let named = format!("alertname=\"{alert}\"");
    let mut has_fired = false;
    for question in list(&test["promql_expr_test"]) {
        let asks = |it: &str| it.contains(FIRING);
        if !question["expr"].as_str().is_some_and(asks) {
            continue;
        }
        let names = |sample: &Value| {
            let labels = sample["labels"].as_str();
            labels.is_some_and(|labels| labels.contains(&named))
        };
        let fires = list(&question["exp_samples"]).iter().any(names);
        if has_fired && !fires {
            return true;
        }
        has_fired |= fires;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(times: &[&str]) -> String {
        let asked = times.iter().map(|labels| {
            format!("{{expr: 'count by (alertname) ({FIRING})', exp_samples: [{labels}]}}")
        });
        let asked: Vec<_> = asked.collect();
        format!("tests: [{{promql_expr_test: [{}]}}]", asked.join(", "))
    }

    #[test]
    fn an_alert_is_tried_if_it_fires_and_then_ends() {
        const FIRES: &str = "{labels: '{alertname=\"A\"}'}";
        let is_tried = |times: &[&str]| ends_after_firing(&test(times), "A").unwrap();
        assert!(is_tried(&[FIRES, ""]));
        assert!(is_tried(&["", FIRES, FIRES, ""]));
        assert!(!is_tried(&["", FIRES]));
        assert!(!is_tried(&[FIRES, FIRES]));
        assert!(!is_tried(&[""]));
    }
}
