//! Logs: Loki with its shippers and rules, and Elasticsearch with Filebeat and Kibana. None of
//! these is to be had from a registry as a program; what they read is held against schemas of
//! ours, and against each other.

mod elastic;
mod manifests;
mod schemas;
mod shippers;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::grafana::node::Node;
use crate::{
    run,
    test::{report::Report, tools::YAMLLINT},
    tree,
};

const LOKI: &str = "deploy/loki";
const ELK: &str = "deploy/elk";

const NOT_RUN: &str = "Loki, Alloy, Promtail, Filebeat, Elasticsearch, Kibana and Grafana do not run here: no registry has them as programs. What they read is held against schemas, LogQL against Grafana's grammar";

pub fn run(report: &mut Report) -> Result<()> {
    report.skip(NOT_RUN.to_owned());
    lint(report)?;
    schemas::run(report)?;
    if let Some(node) = Node::have(report)? {
        rules(report, &node)?;
    }
    shippers::run(report)?;
    elastic::run(report)?;
    manifests::run(report)
}

/// A key that stands twice is seen by no schema.
fn lint(report: &mut Report) -> Result<()> {
    let Some(program) = YAMLLINT.have(report)? else {
        return Ok(());
    };
    report.check("yamllint: Grafana, Loki, Filebeat", || {
        let rules = "{extends: relaxed, rules: {line-length: disable}}";
        let mut yamllint = Command::new(&program);
        yamllint.current_dir(tree::root());
        run::output(
            yamllint
                .args(["--strict", "-d", rules])
                .args(["deploy/grafana", LOKI, ELK]),
        )
    })?;
    Ok(())
}

/// Alerts by lines: LogQL, and labels that the expression leaves.
fn rules(report: &mut Report, node: &Node) -> Result<()> {
    let text = tree::read(&tree::root().join(LOKI).join("rules/services.yaml"))?;
    let rules: Value = serde_yaml_ng::from_str(&text)?;
    let groups = list(&rules["groups"]).iter();
    let rules: Vec<_> = groups.flat_map(|group| list(&group["rules"])).collect();
    let expressions: Vec<_> = rules
        .iter()
        .filter_map(|rule| rule["expr"].as_str().map(str::to_owned))
        .collect();
    let step = format!("Grafana's grammar reads {} alerts of Loki", rules.len());
    report.check(&step, || {
        expressions.first().context("no alerts")?;
        node.logql(&expressions)
    })?;
    report.check("alerts of Loki tell what their expressions leave", || {
        rules.iter().try_for_each(|rule| labels_are_left(rule))
    })?;
    report.check("an alert that tells more is refused", || {
        let mut broken = (*rules.first().context("no alerts")?).clone();
        broken["annotations"]["summary"] = Value::from("{{ $labels.pod }} is down.");
        ensure!(labels_are_left(&broken).is_err(), "it took it");
        Ok(())
    })
}

fn labels_are_left(rule: &Value) -> Result<()> {
    let expression = rule["expr"].as_str().unwrap_or_default();
    let told = format!("{}{}", rule["labels"], rule["annotations"]);
    for part in told.split("$labels.").skip(1) {
        let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let label: String = part.chars().take_while(is_name).collect();
        let left = expression.split("by (").skip(1);
        let mut left = left.map(|part| part.split(')').next().unwrap_or_default());
        ensure!(
            left.all(|labels| labels.split(", ").any(|one| one == label)),
            "{}: {label} is not left",
            rule["alert"]
        );
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
