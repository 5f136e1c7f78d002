//! Whether what panels ask is PromQL, and LogQL.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Dashboard, node::Node};
use crate::{
    refusal, run,
    test::{report::Report, tools},
    tree,
};

/// What Grafana puts in for its variables that stand for a time.
const TIMES: [&str; 4] = ["$__rate_interval", "$__auto", "$__range", "$__interval"];

/// What LogQL must not be.
const NO_LOGQL: [&str; 3] = [
    "sum(rate({service_name=~\"$service\"} | status >>= 500 [5m]))",
    "{service_name=shop}",
    "sum by (status) (rate({service_name=\"shop\"}))",
];

/// Of one kind of data source, as it is asked; each once.
pub fn asked(dashboards: &[Dashboard], kind: &str) -> Vec<String> {
    let all = dashboards.iter().flat_map(Dashboard::expressions);
    let of_kind = all.filter(|(of, _)| *of == kind);
    let mut asked: Vec<_> = of_kind
        .map(|(_, expression)| {
            let with = |text: String, time: &&str| text.replace(time, "5m");
            TIMES.iter().fold(expression.to_owned(), with)
        })
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

pub fn logql(report: &mut Report, node: &Node, dashboards: &[Dashboard]) -> Result<()> {
    let asked = asked(dashboards, "loki");
    let step = format!(
        "Grafana's grammar reads {} expressions in LogQL",
        asked.len()
    );
    report.check(&step, || {
        asked.first().context("no panel asks Loki")?;
        node.logql(&asked)
    })?;
    for broken in NO_LOGQL {
        report.check(&format!("Grafana's grammar refuses: {broken}"), || {
            refusal::refused(node.logql(&[broken.to_owned()]), broken, "no LogQL from")
        })?;
    }
    Ok(())
}

/// promtool reads an expression as a rule's.
pub fn promql(report: &mut Report, dashboards: &[Dashboard]) -> Result<()> {
    if tools::of_system(report, "promtool", "prometheus")?.is_none() {
        return Ok(());
    }
    let asked = asked(dashboards, "prometheus");
    let check = |expressions: &[String]| {
        let rules = expressions.iter().enumerate().map(|(number, expression)| {
            json!({ "record": format!("panel:{number}"), "expr": expression })
        });
        let rules: Vec<_> = rules.collect();
        let file = tree::target().join("platform/panels.json");
        let groups = json!({ "groups": [{ "name": "panels", "rules": rules }] });
        fs::write(&file, groups.to_string())?;
        run::output(Command::new("promtool").args(["check", "rules"]).arg(&file))
    };
    let step = format!("promtool reads {} expressions of panels", asked.len());
    report.check(&step, || {
        asked.first().context("no panel asks Prometheus")?;
        check(&asked)
    })?;
    let broken = "sum by (job) (rate(up{job=~\"$service\"}))";
    report.check(&format!("promtool refuses: {broken}"), || {
        refusal::refused(
            check(&[broken.to_owned()]),
            broken,
            "expected type range vector",
        )
    })
}
