//! Where Grafana asks: a schema of ours, for no program here reads these files, and whether
//! what they name is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{FOLDER, list};
use crate::{
    refusal, run,
    test::{report::Report, tools::CHECK_JSONSCHEMA},
    tree,
};

const SCHEMA: &str = include_str!("datasources.schema.json");

const BROKEN: [(&str, &str, &str); 4] = [
    (
        "prometheus.yaml",
        "exemplarTraceIdDestinations:",
        "exemplarTraceIdDestination:",
    ),
    ("loki.yaml", "derivedFields:", "derivedField:"),
    ("jaeger.yaml", "datasourceUid: logs", "datasourceUid: loki"),
    (
        "elasticsearch.yaml",
        "$__file{/run/secrets/grafana/elasticsearch-password}",
        "secret",
    ),
];

pub fn run(report: &mut Report) -> Result<()> {
    let folder = tree::root().join(FOLDER).join("datasources");
    let files = files(&folder)?;
    report.check("links between data sources lead to one", || lead(&files))?;
    report.check("links that lead nowhere are refused", || {
        let mut broken = files.clone();
        broken.retain(|name, _| !["jaeger.yaml", "tempo.yaml"].contains(&name.as_str()));
        ensure!(lead(&broken).is_err(), "without traces it is taken");
        Ok(())
    })?;
    report.check(
        "data sources are given what they ask of the environment",
        || variables_are_set(&files),
    )?;
    let Some(program) = CHECK_JSONSCHEMA.have(report)? else {
        return Ok(());
    };
    let scratch = tree::target().join("platform/datasources");
    tree::fresh(&scratch)?;
    let schema = scratch.join("schema.json");
    fs::write(&schema, SCHEMA)?;
    let conforms = |name: &str, text: &str| {
        let file = scratch.join(name);
        fs::write(&file, text)?;
        let mut check = Command::new(&program);
        run::output(check.arg("--schemafile").arg(&schema).arg(&file))
    };
    report.check("schema of the data sources", || {
        let mut check = Command::new(&program);
        let paths = files.keys().map(|name| folder.join(name));
        run::output(check.arg("--schemafile").arg(&schema).args(paths))
    })?;
    for (name, from, to) in BROKEN {
        report.check(&format!("schema of {name} refuses: {to}"), || {
            let text = files.get(name).with_context(|| name.to_owned())?;
            let came = conforms(name, &refusal::broken(name, text, from, to)?);
            refusal::refused(came, to, "Schema validation errors")
        })?;
    }
    Ok(())
}

type Files = BTreeMap<String, String>;

fn files(folder: &Path) -> Result<Files> {
    let files = tree::files(folder)?.into_iter();
    let files = files.filter(|file| file.as_os_str() != "kustomization.yaml");
    files
        .map(|file| Ok((file.display().to_string(), tree::read(&folder.join(file))?)))
        .collect()
}

/// Each `datasourceUid` is the uid of a data source.
fn lead(files: &Files) -> Result<()> {
    let mut uids = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (name, text) in files {
        let value: Value = serde_yaml_ng::from_str(text).with_context(|| name.clone())?;
        for source in list(&value["datasources"]) {
            uids.extend(source["uid"].as_str().map(str::to_owned));
        }
        named_in(&value, &mut named);
    }
    if let Some(uid) = named.difference(&uids).next() {
        bail!("no data source has the uid {uid}");
    }
    ensure!(named.len() == 3, "only {named:?} are linked");
    Ok(())
}

fn named_in(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named_in(item, named)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(uid) if name == "datasourceUid" => drop(named.insert(uid.to_owned())),
                    _ => named_in(field, named),
                }
            }
        }
        _ => {}
    }
}

/// Grafana takes a variable that is not set for an empty text.
fn variables_are_set(files: &Files) -> Result<()> {
    let set = tree::read(&tree::root().join(FOLDER).join("kubernetes/grafana.env"))?;
    for (name, text) in files {
        for part in text.split("${").skip(1) {
            let variable = part.split('}').next().unwrap_or_default();
            // Those of Grafana itself have a second `$` before them.
            if variable.starts_with("__") {
                continue;
            }
            let line = format!("\n{variable}=");
            ensure!(set.contains(&line), "{name}: nobody sets {variable}");
        }
    }
    Ok(())
}
