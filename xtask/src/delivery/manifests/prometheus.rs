//! The alerts: read by promtool, and tried on series in which each must and must not fire.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};

use super::{object::find, render::Rendered};
use crate::{run, test::report::Report, tree};

const TESTS: &str = include_str!("alerts.test.yaml");

pub fn run(report: &mut Report, all: &[Vec<Rendered>]) -> Result<()> {
    if run::output(Command::new("promtool").arg("--version")).is_err() {
        ensure!(
            !run::in_ci(),
            "promtool is not here; Debian's package prometheus has it"
        );
        report.skip("promtool is not here; Debian's package prometheus has it".to_owned());
        return Ok(());
    }
    let production = super::render::production(&all[0])?;
    let rule = find(&production.objects, "PrometheusRule", "-api").context("no PrometheusRule")?;
    let service = rule.text("/metadata/labels/app.kubernetes.io~1name");
    let folder = tree::target().join("delivery/alerts");
    tree::fresh(&folder)?;
    let rules = serde_json::json!({ "groups": rule.at("/spec/groups") }).to_string();
    fs::write(folder.join("rules.json"), &rules)?;
    fs::write(
        folder.join("tests.yaml"),
        TESTS.replace("my-service", service),
    )?;
    let promtool = |arguments: &[&str]| {
        let mut promtool = Command::new("promtool");
        run::output(promtool.current_dir(&folder).args(arguments))
    };
    report.check("promtool check rules", || {
        promtool(&["check", "rules", "rules.json"])
    })?;
    report.check("promtool test rules: each alert fires when it must", || {
        promtool(&["test", "rules", "tests.yaml"])
    })?;
    report.check("every alert has a test", || {
        let groups = rule.list("/spec/groups").iter();
        for rule in groups.flat_map(|group| super::object::list(&group["rules"])) {
            if let Some(alert) = rule["alert"].as_str() {
                ensure!(
                    TESTS.contains(&format!("alertname=\"{alert}\"")),
                    "{alert} has none"
                );
            }
        }
        Ok(())
    })?;
    report.check("promtool refuses an alert that never fires", || {
        fs::write(
            folder.join("rules.json"),
            rules.replace("probe=\\\"readyz\\\"} == 0", "probe=\\\"readyz\\\"} == 2"),
        )?;
        ensure!(
            promtool(&["test", "rules", "tests.yaml"]).is_err(),
            "it took it"
        );
        Ok(())
    })
}
