//! What Elasticsearch is told: names that lead to something, fields that are mapped.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{ELK, list};
use crate::{refusal, test::report::Report, tree};

/// By which policy, template and pipeline are called where they are sent.
const NAME: &str = "logs-services";

/// The files, as texts.
struct Files {
    index: String,
    mapping: String,
    pipeline: String,
    filebeat: String,
    kibana: String,
}

pub fn run(report: &mut Report) -> Result<()> {
    let read = |name: &str| tree::read(&tree::root().join(ELK).join(name));
    let files = Files {
        index: read("elasticsearch/index-template.json")?,
        mapping: read("elasticsearch/component-template.json")?,
        pipeline: read("elasticsearch/ingest-pipeline.json")?,
        filebeat: read("filebeat/filebeat.yml")?,
        kibana: read("kibana/services.ndjson")?,
    };
    report.check("Elasticsearch: names lead to what is there", || {
        names(&files)
    })?;
    report.check("fields that are written or shown are mapped", || {
        fields(&files)?;
        let (from, to) = (
            "\"target_field\": \"trace.id\"",
            "\"target_field\": \"trace_id\"",
        );
        let broken = Files {
            pipeline: refusal::broken("ingest-pipeline.json", &files.pipeline, from, to)?,
            ..files
        };
        ensure!(fields(&broken).is_err(), "it took {to}");
        Ok(())
    })
}

fn names(files: &Files) -> Result<()> {
    let index: Value = serde_json::from_str(&files.index)?;
    let settings = &index["template"]["settings"]["index"];
    for name in [
        &settings["lifecycle"]["name"],
        &settings["default_pipeline"],
        &index["composed_of"][0],
    ] {
        ensure!(name == NAME, "{name} is not there");
    }
    let pattern = index["index_patterns"][0].as_str().unwrap_or_default();
    let stream = pattern.trim_end_matches('*');
    for (who, line) in [
        ("Filebeat", format!("index: {stream}default")),
        ("Filebeat", format!("pipeline: {NAME}")),
    ] {
        ensure!(files.filebeat.contains(&line), "{who} has no {line:?}");
    }
    let title = format!("\"title\":\"{pattern}\"");
    ensure!(files.kibana.contains(&title), "Kibana looks elsewhere");
    Ok(())
}

fn fields(files: &Files) -> Result<()> {
    let mapping: Value = serde_json::from_str(&files.mapping)?;
    let mut mapped = BTreeSet::new();
    leaves(
        &mapping["template"]["mappings"]["properties"],
        "",
        &mut mapped,
    );
    let pipeline: Value = serde_json::from_str(&files.pipeline)?;
    for processor in list(&pipeline["processors"]) {
        let (kind, told) = processor
            .as_object()
            .and_then(|one| one.iter().next())
            .context("no processor")?;
        let field = match kind.as_str() {
            "set" => &told["field"],
            "rename" | "date" => &told["target_field"],
            _ => continue,
        };
        let field = field.as_str().unwrap_or_default();
        // A field of fields is renamed whole.
        let is_there = mapped
            .iter()
            .any(|name| name == field || name.starts_with(&format!("{field}.")));
        ensure!(is_there, "{field} is written and not mapped");
    }
    for line in files.kibana.lines() {
        let object: Value = serde_json::from_str(line)?;
        for column in list(&object["attributes"]["columns"]) {
            let column = column.as_str().unwrap_or_default();
            ensure!(mapped.contains(column), "{column} is shown and not mapped");
        }
    }
    Ok(())
}

/// Names of all fields, with dots.
fn leaves(properties: &Value, before: &str, names: &mut BTreeSet<String>) {
    for (name, field) in properties.as_object().into_iter().flatten() {
        let name = format!("{before}{name}");
        match field["type"].is_string() {
            true => drop(names.insert(name)),
            false => leaves(&field["properties"], &format!("{name}."), names),
        }
    }
}
