//! Grafana: its dashboards, held against its own types and by rules of ours; where it asks;
//! and its manifests.

mod expressions;
mod manifests;
pub mod node;
mod rules;
mod sources;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;

use self::node::Node;
use crate::{
    dashboards, refusal, run,
    test::{report::Report, tools::CHECK_JSONSCHEMA},
    tree,
};

const FOLDER: &str = "deploy/grafana";

/// A dashboard, as it is in its file.
pub struct Dashboard {
    pub file: &'static str,
    pub text: String,
    pub value: Value,
}

/// What the types must refuse: in the service's dashboard, what it has, what it gets
/// instead, and a word of the reason.
const BROKEN: [(&str, &str, &str); 6] = [
    (
        r#""colorMode": "value""#,
        r#""colorMode": "values""#,
        "values",
    ),
    (r#""unit": "reqps""#, r#""units": "reqps""#, "units"),
    (
        r#""description": "Requests a second of each route"#,
        r#""describes": "Requests a second of each route"#,
        "describes",
    ),
    (
        r#""uid": "${datasource}""#,
        r#""uid": "prometheus""#,
        "prometheus",
    ),
    (r#""drawStyle": "line""#, r#""drawStyle": "lines""#, "lines"),
    (r#""type": "heatmap""#, r#""type": "heat""#, "heat"),
];

pub fn run(report: &mut Report) -> Result<()> {
    let dashboards = read()?;
    rules::run(report, &dashboards)?;
    if let Some(node) = Node::have(report)? {
        by_types(report, &node, &dashboards)?;
        expressions::logql(report, &node, &dashboards)?;
    }
    expressions::promql(report, &dashboards)?;
    sources::run(report)?;
    manifests::run(report)
}

/// All dashboards of this repository.
pub fn read() -> Result<Vec<Dashboard>> {
    let files = dashboards::all().map(|(file, _)| {
        let text = tree::read(&tree::root().join(file))?;
        let value = serde_json::from_str(&text).with_context(|| file.to_owned())?;
        Ok(Dashboard { file, text, value })
    });
    files.collect()
}

impl Dashboard {
    /// Its panels, those in rows that are closed too.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        let of = |value: &'static str| move |panel: &Value| panel["type"] == value;
        let panels = list(&self.value["panels"]).iter();
        let all = panels.flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])));
        all.filter(move |panel| !of("row")(panel))
    }

    /// Each expression, and the kind of data source that is asked.
    pub fn expressions(&self) -> impl Iterator<Item = (&str, &str)> {
        let targets = self.panels().flat_map(|panel| list(&panel["targets"]));
        targets.map(|target| {
            let kind = target["datasource"]["type"].as_str().unwrap_or_default();
            (kind, target["expr"].as_str().unwrap_or_default())
        })
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn by_types(report: &mut Report, node: &Node, dashboards: &[Dashboard]) -> Result<()> {
    let Some(program) = CHECK_JSONSCHEMA.have(report)? else {
        return Ok(());
    };
    let folder = tree::target().join("platform/dashboards");
    tree::fresh(&folder)?;
    let schema = folder.join("schema.json");
    report.check("Grafana's types of panels, as a schema", || {
        node.schema(&schema)
    })?;
    let conform = |files: &[PathBuf]| {
        let mut check = Command::new(&program);
        run::output(check.arg("--schemafile").arg(&schema).args(files))
    };
    report.check("dashboards are of Grafana's types", || {
        let files = dashboards.iter().map(|it| tree::root().join(it.file));
        conform(&files.collect::<Vec<_>>())
    })?;
    let first = dashboards.first().context("no dashboards")?;
    for (from, to, reason) in BROKEN {
        report.check(&format!("Grafana's types refuse: {to}"), || {
            let file = folder.join("broken.json");
            fs::write(&file, refusal::broken(first.file, &first.text, from, to)?)?;
            refusal::refused(conform(&[file]), to, reason)
        })?;
    }
    Ok(())
}
