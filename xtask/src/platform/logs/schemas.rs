//! Each file, and the schema that it is held against.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use super::{ELK, LOKI};
use crate::{
    refusal, run,
    test::{report::Report, tools::CHECK_JSONSCHEMA},
    tree,
};

/// A file, its schema, and an edit that the schema must refuse.
type Held = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
);

const HELD: [Held; 9] = [
    (
        LOKI,
        "config/loki.yaml",
        include_str!("loki.schema.json"),
        ("retention_period:", "retention_periods:"),
    ),
    (
        LOKI,
        "rules/services.yaml",
        include_str!("rules.schema.json"),
        ("severity: warning", "severity: page"),
    ),
    (
        LOKI,
        "shippers/promtail.yaml",
        include_str!("promtail.schema.json"),
        ("structured_metadata:", "structuredmetadata:"),
    ),
    (
        ELK,
        "filebeat/filebeat.yml",
        include_str!("filebeat.schema.json"),
        ("add_error_key: true", "add_errors_key: true"),
    ),
    (
        ELK,
        "filebeat/filebeat.yml",
        include_str!("filebeat.schema.json"),
        ("- pod_uid:", "- container:"),
    ),
    (
        ELK,
        "elasticsearch/ilm-policy.json",
        ELASTICSEARCH,
        ("\"rollover\"", "\"rolover\""),
    ),
    (
        ELK,
        "elasticsearch/component-template.json",
        ELASTICSEARCH,
        ("\"type\": \"short\"", "\"type\": \"small\""),
    ),
    (
        ELK,
        "elasticsearch/index-template.json",
        ELASTICSEARCH,
        ("\"lifecycle\"", "\"life_cycle\""),
    ),
    (
        ELK,
        "elasticsearch/ingest-pipeline.json",
        ELASTICSEARCH,
        ("\"target_field\": \"message\"", "\"target\": \"message\""),
    ),
];
const ELASTICSEARCH: &str = include_str!("elasticsearch.schema.json");

const KIBANA: &str = include_str!("kibana.schema.json");
const OBJECTS: &str = "kibana/services.ndjson";

pub fn run(report: &mut Report) -> Result<()> {
    let Some(program) = CHECK_JSONSCHEMA.have(report)? else {
        return Ok(());
    };
    let folder = tree::target().join("platform/logs");
    tree::fresh(&folder)?;
    let conforms = |name: &str, text: &str, schema: &str| {
        let (file, held) = (folder.join(name.replace('/', "-")), folder.join("schema"));
        fs::write(&file, text)?;
        fs::write(&held, schema)?;
        let mut check = Command::new(&program);
        run::output(check.arg("--schemafile").arg(&held).arg(&file))
    };
    for (part, name, schema, (from, to)) in HELD {
        let text = tree::read(&tree::root().join(part).join(name))?;
        report.check(
            &format!("schema of {part}/{name}, which refuses: {to}"),
            || {
                conforms(name, &text, schema)?;
                let came = conforms(name, &refusal::broken(name, &text, from, to)?, schema);
                refusal::refused(came, to, "Schema validation errors")
            },
        )?;
    }
    // A file of lines, each an object of its own.
    let text = tree::read(&tree::root().join(ELK).join(OBJECTS))?;
    report.check(&format!("schema of {ELK}/{OBJECTS}"), || {
        for line in text.lines() {
            conforms("object.json", line, KIBANA)?;
        }
        let line = text.lines().last().context("no objects")?;
        let broken = refusal::broken(OBJECTS, line, "\"columns\"", "\"column\"")?;
        let came = conforms("object.json", &broken, KIBANA);
        refusal::refused(came, "column", "Schema validation errors")
    })
}
