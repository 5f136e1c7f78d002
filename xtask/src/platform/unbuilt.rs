//! Layers whose component is not built here, held against a schema of our own.

use std::{fs, process::Command};

use anyhow::Result;

use super::{COLLECTOR, distribution::Distribution};
use crate::{
    refusal, run,
    test::{report::Report, tools::CHECK_JSONSCHEMA},
    tree,
};

const SCHEMA: &str = include_str!("unbuilt.schema.json");

/// A layer, the component that it needs, and an edit that the schema must refuse.
const LAYERS: [(&str, &str, (&str, &str)); 8] = [
    (
        "connect-failover.yaml",
        "connector/failoverconnector",
        ("retry_interval:", "retry_intervall:"),
    ),
    (
        "connect-servicegraph.yaml",
        "connector/servicegraphconnector",
        ("max_items:", "max_item:"),
    ),
    (
        "export-azure.yaml",
        "exporter/azuremonitorexporter",
        ("connection_string:", "connection:"),
    ),
    (
        "export-elasticsearch.yaml",
        "exporter/elasticsearchexporter",
        ("max_retries:", "max_requests_:"),
    ),
    (
        "export-prometheus.yaml",
        "exporter/prometheusexporter",
        ("enable_open_metrics:", "openmetrics:"),
    ),
    (
        "secure-basic.yaml",
        "extension/basicauthextension",
        ("htpasswd:", "htpassword:"),
    ),
    (
        "export-aws.yaml",
        "extension/sigv4authextension",
        ("service: xray", "services: xray"),
    ),
    (
        "receive-kubelet.yaml",
        "receiver/kubeletstatsreceiver",
        ("auth_type: serviceAccount", "auth_type: account"),
    ),
];

/// Whether a layer needs what is not built here.
pub fn is_of(distribution: &Distribution, layer: &str) -> bool {
    LAYERS
        .iter()
        .any(|(name, component, _)| *name == layer && !distribution.has(component))
}

pub fn run(report: &mut Report, distribution: &Distribution) -> Result<()> {
    if distribution.missing.is_empty() {
        return Ok(());
    }
    let Some(program) = CHECK_JSONSCHEMA.have(report)? else {
        return Ok(());
    };
    let folder = tree::target().join("platform/unbuilt");
    tree::fresh(&folder)?;
    let schema = folder.join("schema.json");
    fs::write(&schema, SCHEMA)?;
    let conforms = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text)?;
        let mut check = Command::new(&program);
        check.arg("--schemafile").arg(&schema).arg(&file);
        run::output(&mut check)
    };
    for (layer, component, (from, to)) in LAYERS {
        if distribution.has(component) {
            continue;
        }
        let text = tree::read(&tree::root().join(COLLECTOR).join("layers").join(layer))?;
        report.check(&format!("schema of {layer}"), || conforms(layer, &text))?;
        report.check(&format!("schema of {layer} refuses: {to}"), || {
            let came = conforms(layer, &refusal::broken(layer, &text, from, to)?);
            refusal::refused(came, to, "Schema validation errors")
        })?;
    }
    Ok(())
}
