//! What is asked of Prometheus: by the panels of the dashboards, and by rules.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// An expression, who asks it, and how the answer's series are called.
pub struct Question {
    pub by: String,
    pub expression: String,
    pub legend: String,
}

/// Where dashboards are, in the repository.
const DASHBOARDS: &str = "deploy/grafana/dashboards";
/// Rules of all kinds: of a service, of the Collectors, of the platform.
const RULES: [&str; 3] = [
    "template/deploy/components/monitoring",
    "deploy/collector/kubernetes/components/monitoring",
    "deploy/prometheus/rules",
];

/// Of all panels, with all that may be chosen.
pub fn of_panels(repository: &Path) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for file in files(&repository.join(DASHBOARDS), &["json"])? {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        let name = file.file_stem().unwrap_or_default().display().to_string();
        let rows = list(&dashboard["panels"]).iter();
        let panels = rows.flat_map(|row| std::iter::once(row).chain(list(&row["panels"])));
        for panel in panels {
            let targets = list(&panel["targets"]).iter();
            for target in targets.filter(|it| it["datasource"]["type"] == "prometheus") {
                questions.push(Question {
                    by: format!("{name}: {}", text(&panel["title"])),
                    expression: with_all(text(&target["expr"])),
                    legend: text(&target["legendFormat"]).to_owned(),
                });
            }
        }
    }
    Ok(questions)
}

/// Grafana's variables with all that may be chosen; it is scraped each second.
fn with_all(expression: &str) -> String {
    let mut expression = expression.replace("$__rate_interval", "10s");
    for variable in ["$namespace", "$service", "$slo", "$database"] {
        expression = expression.replace(variable, ".*");
    }
    expression
}

/// Of all rules: those that record, and those that alert.
pub fn of_rules(repository: &Path) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for file in rule_files(repository)? {
        let file_name = file.file_name().unwrap_or_default().display().to_string();
        for rule in rules(&file)? {
            let name = rule["alert"].as_str().or(rule["record"].as_str());
            questions.push(Question {
                by: format!("{file_name}: {}", name.unwrap_or_default()),
                expression: text(&rule["expr"]).to_owned(),
                legend: String::new(),
            });
        }
    }
    Ok(questions)
}

/// What rules record, by name.
pub fn recorded(repository: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in rule_files(repository)? {
        let rules = rules(&file)?.into_iter();
        names.extend(rules.filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    }
    Ok(names)
}

/// Copies of all rules as Prometheus reads them, those that are for days each second, too.
pub fn copied(repository: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for (number, file) in rule_files(repository)?.into_iter().enumerate() {
        let copy = to.join(format!("{number}.json"));
        let mut groups = groups(&file)?;
        for group in groups.as_array_mut().into_iter().flatten() {
            group.as_object_mut().map(|group| group.remove("interval"));
        }
        let groups = serde_json::json!({ "groups": groups });
        fs::write(&copy, groups.to_string())?;
        copies.push(copy);
    }
    Ok(copies)
}

fn rule_files(repository: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in RULES {
        let folder = repository.join(folder);
        for file in files(&folder, &["yaml", "yml"])? {
            if groups(&file)?.is_array() {
                found.push(file);
            }
        }
    }
    Ok(found)
}

/// Those of a PrometheusRule, or of a file of Prometheus's own.
fn groups(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file)?;
    let mut value: Value =
        serde_yaml_ng::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(match value["kind"] == "PrometheusRule" {
        true => value["spec"]["groups"].take(),
        false => value["groups"].take(),
    })
}

fn rules(file: &Path) -> Result<Vec<Value>> {
    let groups = groups(file)?;
    let groups = list(&groups).iter();
    Ok(groups
        .flat_map(|group| list(&group["rules"]))
        .cloned()
        .collect())
}

/// All files below a folder whose names end so, in order.
fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() {
            found.extend(files(&path, extensions)?);
        } else if extensions.iter().any(|it| *it == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
