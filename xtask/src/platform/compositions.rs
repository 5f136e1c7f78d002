//! Every composition of layers that is shipped or named, read by the Collector itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{COLLECTOR, distribution::Distribution, unbuilt};
use crate::{refusal, run, test::report::Report, tree};

#[path = "../../../platform/src/composition.rs"]
mod composition;

pub use self::composition::{Composition, name_of_layer};

/// What is shipped for hosts.
pub const MODES: [&str; 5] = [
    "agent",
    "development",
    "gateway",
    "hybrid-agent",
    "hybrid-gateway",
];

/// A mode, a layer that is no part of it, and how that is switched on, as it says itself.
type Optional = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const OPTIONAL: [Optional; 16] = [
    (
        "agent",
        "receive-jaeger.yaml",
        &[("COLLECTOR_TRACES_FROM", "[otlp, jaeger]")],
    ),
    (
        "agent",
        "receive-prometheus.yaml",
        &[("COLLECTOR_METRICS_FROM", "[otlp, host_metrics, prometheus]")],
    ),
    (
        "agent",
        "receive-kubelet.yaml",
        &[(
            "COLLECTOR_METRICS_FROM",
            "[otlp, host_metrics, kubelet_stats]",
        )],
    ),
    (
        "gateway",
        "process-kubernetes.yaml",
        &[("COLLECTOR_METRICS_BY", "[memory_limiter, k8s_attributes]")],
    ),
    (
        "gateway",
        "process-group.yaml",
        &[("COLLECTOR_TRACES_BY", "[memory_limiter, groupbytrace]")],
    ),
    (
        "hybrid-gateway",
        "connect-servicegraph.yaml",
        &[
            ("COLLECTOR_SPANS_COUNTED_BY", "[span_metrics, servicegraph]"),
            ("COLLECTOR_METRICS_FROM", "[span_metrics, servicegraph]"),
        ],
    ),
    (
        "gateway",
        "connect-failover.yaml",
        &[("COLLECTOR_TRACES_TO", "[failover]")],
    ),
    (
        "gateway",
        "export-prometheus.yaml",
        &[("COLLECTOR_METRICS_TO", "[prometheus]")],
    ),
    (
        "gateway",
        "export-remote-write.yaml",
        &[("COLLECTOR_METRICS_TO", "[prometheus_remote_write]")],
    ),
    (
        "gateway",
        "export-elasticsearch.yaml",
        &[("COLLECTOR_LOGS_TO", "[elasticsearch]")],
    ),
    (
        "agent",
        "export-balance.yaml",
        &[
            ("COLLECTOR_TRACES_TO", "[loadbalancing]"),
            (
                "COLLECTOR_EXTENSIONS",
                "[health_check, file_storage, bearertokenauth/gateways]",
            ),
        ],
    ),
    (
        "gateway",
        "export-aws.yaml",
        &[
            ("COLLECTOR_TRACES_TO", "[otlp_http/aws]"),
            (
                "COLLECTOR_EXTENSIONS",
                "[health_check, file_storage, bearertokenauth/server, sigv4auth]",
            ),
        ],
    ),
    (
        "gateway",
        "export-gcp.yaml",
        &[("COLLECTOR_TRACES_TO", "[googlecloud]")],
    ),
    (
        "gateway",
        "export-azure.yaml",
        &[("COLLECTOR_TRACES_TO", "[azuremonitor]")],
    ),
    (
        "agent",
        "secure-basic.yaml",
        &[(
            "COLLECTOR_EXTENSIONS",
            "[health_check, file_storage, basicauth/server]",
        )],
    ),
    (
        "gateway",
        "extend-debug.yaml",
        &[(
            "COLLECTOR_EXTENSIONS",
            "[health_check, file_storage, bearertokenauth/server, pprof, zpages]",
        )],
    ),
];

/// What is read by the Collector itself, and yet not seen at work here.
const NOT_RUN: &str = "validated and not run: k8s_attributes and prometheus, which need a cluster; googlecloud, which needs a cloud; prometheus_remote_write, groupbytrace";

/// What the Collector must refuse: a layer of the mode agent, what it has, what it gets
/// instead, and a word of the reason.
const BROKEN: [(&str, &str, &str, &str); 6] = [
    (
        "process-memory.yaml",
        "check_interval:",
        "check_intervall:",
        "check_intervall",
    ),
    (
        "export-traces.yaml",
        "storage: file_storage",
        "storage: 7",
        "storage",
    ),
    (
        "process-filter.yaml",
        "span.attributes[\"url.path\"]",
        "spam.attributes[\"url.path\"]",
        "spam",
    ),
    (
        "process-attributes.yaml",
        "action: hash",
        "action: smash",
        "smash",
    ),
    (
        "mode-agent.yaml",
        "exporters: ${env:COLLECTOR_TRACES_TO:-[otlp_grpc/traces]}",
        "exporters: [nobody]",
        "nobody",
    ),
    (
        "mode-agent.yaml",
        "[memory_limiter, resource_detection, resource]",
        "[resource_detection, memory_limiter, resource]",
        "does not begin with the memory_limiter",
    ),
];

pub fn run(report: &mut Report, distribution: &Distribution) -> Result<()> {
    let deploy = tree::root().join(COLLECTOR);
    report.check("every layer is used, and sets what no other does", || {
        layers_are_apart(&deploy)
    })?;
    for mode in MODES {
        let composition = Composition::read(&deploy, mode)?;
        report.check(&format!("otelcol validate: {mode}"), || {
            validates(distribution, &composition)
        })?;
    }
    for (mode, layer, settings) in OPTIONAL {
        // Both are named; the one is held against a schema.
        if unbuilt::is_of(distribution, layer) || distribution.leaves_out(layer) {
            continue;
        }
        let mut composition = Composition::read(&deploy, mode)?.and(layer);
        let settings = settings.iter().map(|(name, value)| (*name, *value));
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        composition.settings.extend(settings);
        report.check(&format!("otelcol validate: {mode} with {layer}"), || {
            validates(distribution, &composition)
        })?;
    }
    for file in ["collector.yaml", "logs.yaml"] {
        report.check(&format!("otelcol validate: compose's {file}"), || {
            validates(distribution, &of_compose(file))
        })?;
    }
    report.skip(NOT_RUN.to_owned());
    let agent = Composition::read(&deploy, "agent")?;
    for (file, from, to, reason) in BROKEN {
        report.check(&format!("otelcol validate refuses: {reason}"), || {
            let broken = broken(&agent, file, from, to)?;
            let came = validates(distribution, &broken).map(|()| String::new());
            refusal::refused(came, to, reason)
        })?;
    }
    Ok(())
}

/// What a service has on a developer's machine, where a Collector reads one file.
fn of_compose(file: &str) -> Composition {
    let folder = tree::root().join("template/deploy/compose");
    Composition {
        layers: vec![folder.join(file)],
        settings: BTreeMap::new(),
    }
}

/// Whether the Collector takes it, and looks at memory before all else.
pub fn validates(distribution: &Distribution, composition: &Composition) -> Result<()> {
    let mut validate = otelcol(distribution, composition);
    run::output(validate.arg("validate").args(composition.arguments()))?;
    let mut print = otelcol(distribution, composition);
    let print = print
        .args(["print-config", "--format=json", "--mode=unredacted"])
        .args(composition.arguments())
        .stderr(std::process::Stdio::null());
    let merged = print.output()?.stdout;
    let merged: Value = serde_json::from_slice(&merged).context("no configuration is printed")?;
    let pipelines = merged["service"]["pipelines"]
        .as_object()
        .context("no pipelines")?;
    for (name, pipeline) in pipelines {
        let processors = pipeline["processors"].as_array();
        let first = processors.and_then(|processors| processors.first());
        // A pipeline behind a connector gets what has been counted before.
        let is_behind = name.ends_with("primary") || name.ends_with("fallback");
        ensure!(
            is_behind || first.is_some_and(|first| first == "memory_limiter"),
            "{name} does not begin with the memory_limiter"
        );
    }
    Ok(())
}

/// What a pod has and this machine has not: its node's name, and its disks.
fn otelcol(distribution: &Distribution, composition: &Composition) -> Command {
    let mut otelcol = Command::new(&distribution.binary);
    otelcol
        .envs(&composition.settings)
        .env("NODE_NAME", "node")
        .env("COLLECTOR_HOST_ROOT", "/")
        .env("COLLECTOR_STORAGE", tree::target().join("platform"));
    otelcol
}

/// A copy of the layers, one of which has a fault.
fn broken(composition: &Composition, file: &str, from: &str, to: &str) -> Result<Composition> {
    let folder = tree::target().join("platform/broken");
    tree::fresh(&folder)?;
    let mut copy = composition.clone();
    for layer in &mut copy.layers {
        let mut text = tree::read(layer)?;
        let name = layer.file_name().unwrap_or_default();
        if name == file {
            text = refusal::broken(file, &text, from, to)?;
        }
        *layer = folder.join(name);
        fs::write(layer, text)?;
    }
    Ok(copy)
}

fn layers_are_apart(deploy: &Path) -> Result<()> {
    let folder = deploy.join("layers");
    let listed = tree::read(&folder.join("kustomization.yaml"))?;
    let used = used(deploy)?;
    let mut layers = Vec::new();
    for file in tree::files(&folder)? {
        let name = file.display().to_string();
        if name == "kustomization.yaml" {
            continue;
        }
        let is_listed = listed.contains(&format!("- {name}\n"));
        ensure!(is_listed, "kustomization.yaml lacks {name}");
        ensure!(
            used.contains(&name),
            "no mode has {name}, and none is asked to"
        );
        layers.push((tree::read(&folder.join(file))?, name));
    }
    // Modes are alternatives, as are ways to let clients in.
    layers.retain(|(_, name)| !name.starts_with("mode-") && name != "secure-basic.yaml");
    set_once(&layers)
}

/// Of two layers that set the same, one would win silently.
fn set_once(layers: &[(String, String)]) -> Result<()> {
    let mut set_by: BTreeMap<String, &String> = BTreeMap::new();
    for (text, name) in layers {
        let value: Value = serde_yaml_ng::from_str(text).with_context(|| name.clone())?;
        let mut leaves = BTreeSet::new();
        leaves_of(&value, String::new(), &mut leaves);
        for leaf in leaves {
            if let Some(other) = set_by.insert(leaf.clone(), name) {
                bail!("{leaf} is set by {other} and by {name}");
            }
        }
    }
    Ok(())
}

fn leaves_of(value: &Value, path: String, leaves: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                leaves_of(field, format!("{path}/{name}"), leaves);
            }
        }
        _ => {
            leaves.insert(path);
        }
    }
}

/// Layers of modes, of hosts and of Kubernetes, and those that are switched on.
fn used(deploy: &Path) -> Result<BTreeSet<String>> {
    let mut used: BTreeSet<_> = OPTIONAL.iter().map(|one| one.1.to_owned()).collect();
    for mode in MODES {
        for layer in Composition::read(deploy, mode)?.layers {
            used.insert(layer.file_name().unwrap_or_default().display().to_string());
        }
    }
    let kubernetes = deploy.join("kubernetes");
    for file in tree::files(&kubernetes)? {
        for word in tree::read(&kubernetes.join(file))?.split_whitespace() {
            if let Ok(name) = name_of_layer(word) {
                used.insert(name.to_owned());
            }
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_layers_set_is_refused_and_what_they_share_is_not() {
        let layers = |second: &str| {
            [("a: {b: 1, c: {d: 2}}", "one"), (second, "two")]
                .map(|(text, name)| (text.to_owned(), name.to_owned()))
        };
        assert!(set_once(&layers("a: {c: {e: 3}}")).is_ok());
        let error = set_once(&layers("a: {c: {d: 3}}")).unwrap_err();
        assert_eq!(error.to_string(), "/a/c/d is set by one and by two");
    }
}
