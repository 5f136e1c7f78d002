//! The Collectors' manifests, rendered as they would be applied.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    COLLECTOR,
    compositions::{self, Composition, name_of_layer},
    distribution::Distribution,
    metrics,
    objects::{containers_are_restricted, selectors_find, selectors_find_pods},
};
use crate::{
    delivery::manifests::{
        object::{Object, find, list},
        prometheus::Alerts,
        render::{self, KUSTOMIZE, Rendered},
        schemas::Schemas,
    },
    refusal,
    test::report::Report,
    tree,
};

const ALERTS: &str = include_str!("alerts.test.yaml");

/// Folders that are applied.
const APPLIED: [&str; 4] = ["agent", "development", "gateway", "hybrid"];

/// With components: a name, the mode, which ones.
const COMBINED: [(&str, &str, &[&str]); 2] = [
    ("gateway-tls", "gateway", &["gateway-tls", "monitoring"]),
    ("hybrid-monitored", "hybrid", &["monitoring"]),
];

/// Each workload, the mode of hosts that it is, and the layers that it has beside that or
/// not: what a cluster has, and who is let in.
const WORKLOADS: [(&str, &str, &str, &[&str]); 6] = [
    ("agent", "DaemonSet", "agent", &OF_NODES),
    ("development", "Deployment", "development", &[]),
    (
        "gateway",
        "Deployment",
        "gateway",
        &["process-kubernetes.yaml", "secure-server.yaml"],
    ),
    (
        "gateway-tls",
        "Deployment",
        "gateway",
        &["process-kubernetes.yaml"],
    ),
    ("hybrid", "DaemonSet", "hybrid-agent", &OF_NODES),
    ("hybrid", "StatefulSet", "hybrid-gateway", &[]),
];
const OF_NODES: [&str; 3] = [
    "process-kubernetes.yaml",
    "process-kubernetes-node.yaml",
    "receive-kubelet.yaml",
];

const BROKEN: [(&str, &str, &str); 3] = [
    ("updateStrategy:", "updateStrategie:", "updateStrategie"),
    (
        "containerPort: 4317",
        "containerPort: grpc",
        "containerPort",
    ),
    ("issuerRef:", "issuer:", "issuer"),
];

const BROKEN_OPERATOR: [(&str, &str, &str); 2] = [
    ("retentionSize:", "retentionSizes:", "retentionSizes"),
    ("- alert: TargetDown", "- alarm: TargetDown", "alarm"),
];

pub fn run(report: &mut Report, distribution: &Distribution) -> Result<()> {
    let Some(kustomize) = KUSTOMIZE.have(report)? else {
        return Ok(());
    };
    let folder = tree::root().join(COLLECTOR).join("kubernetes");
    report.check("one object a file, named by its kind", || {
        render::files_are_named_by_kind(&folder)
    })?;
    let all = rendered(report, &kustomize, &folder)?;
    let metrics = metrics::manifests::rendered(report, &kustomize)?;
    if let Some(schemas) = Schemas::have(report, &tree::target().join("platform"))? {
        schemas.take(report, &all.iter().chain(&metrics).collect::<Vec<_>>())?;
        schemas.refuse(report, named(&all, "hybrid")?, &BROKEN)?;
        schemas.refuse(
            report,
            named(&metrics, "prometheus/operator")?,
            &BROKEN_OPERATOR,
        )?;
    }
    of_metrics(report, &metrics)?;
    workloads(report, distribution, &all)?;
    rules(report, &all)?;
    alerts(report, named(&all, "hybrid-monitored")?)
}

/// Where an operator makes the pods, there are none to look at.
fn of_metrics(report: &mut Report, all: &[Rendered]) -> Result<()> {
    let has_pods = |one: &&Rendered| one.objects.iter().any(|it| it.pods().is_some());
    report.check("selectors of what measures find its pods", || {
        let mut all = all.iter().filter(has_pods);
        all.try_for_each(|one| selectors_find(&one.objects, &["thanos"]))
    })?;
    report.check("what measures may do nothing else", || {
        let mut all = all.iter().filter(has_pods);
        all.try_for_each(|one| containers_are_restricted(&one.objects))
    })
}

fn rendered(report: &mut Report, kustomize: &Path, folder: &Path) -> Result<Vec<Rendered>> {
    let mut all = Vec::new();
    for name in APPLIED {
        let step = format!("kustomize: {name}");
        all.push(report.check(&step, || {
            render::render(kustomize, &folder.join(name), name.to_owned())
        })?);
    }
    for (name, base, components) in COMBINED {
        let step = format!("kustomize: {base} with {components:?}");
        all.push(report.check(&step, || combine(kustomize, name, base, components))?);
    }
    Ok(all)
}

/// What each starts is what hosts start, and the Collector takes it.
fn workloads(report: &mut Report, distribution: &Distribution, all: &[Rendered]) -> Result<()> {
    let lacks_kubelet = !distribution.has("receiver/kubeletstatsreceiver");
    for (name, kind, mode, differs) in WORKLOADS {
        let composition = composition(named(all, name)?, kind)?;
        report.check(&format!("{name}, {kind}: the layers of {mode}"), || {
            are_those_of(&composition, mode, differs)
        })?;
        let (composition, note) = match lacks_kubelet && asks_kubelet(&composition) {
            true => (without_kubelet(composition), ", without the kubelet"),
            false => (composition, ""),
        };
        let step = format!("otelcol validate: {name}, {kind}{note}");
        report.check(&step, || {
            compositions::validates(distribution, &composition)
        })?;
    }
    Ok(())
}

fn alerts(report: &mut Report, monitored: &Rendered) -> Result<()> {
    let rule = find(&monitored.objects, "PrometheusRule", "otel-collector");
    let alerts = Alerts {
        folder: tree::target().join("platform/alerts"),
        tests: ALERTS.to_owned(),
        silenced: ("> 0.5", "> 5"),
    };
    alerts.fire(report, rule.context("no PrometheusRule")?)
}

fn named<'a>(all: &'a [Rendered], name: &str) -> Result<&'a Rendered> {
    let found = all.iter().find(|one| one.name == name);
    found.with_context(|| format!("{name} is not rendered"))
}

/// An overlay of a mode and its components, as a cluster's own repository has it.
fn combine(kustomize: &Path, name: &str, base: &str, components: &[&str]) -> Result<Rendered> {
    let folder = tree::root().join(COLLECTOR).join("kubernetes/combined");
    tree::fresh(&folder)?;
    let mut text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
        namespace: observability\n"
        .to_owned();
    text += &format!("resources: [../{base}]\ncomponents:\n");
    for component in components {
        text += &format!("  - ../components/{component}\n");
    }
    fs::write(folder.join("kustomization.yaml"), text)?;
    let rendered = render::render(kustomize, &folder, name.to_owned());
    fs::remove_dir_all(&folder)?;
    rendered
}

/// What a workload starts: its arguments, and the variables of its ConfigMap.
fn composition(rendered: &Rendered, kind: &str) -> Result<Composition> {
    let objects = &rendered.objects;
    let workload = objects.iter().find(|object| object.kind() == kind);
    let workload = workload.with_context(|| format!("{} has no {kind}", rendered.name))?;
    let container = &workload.pods().context("no pods")?["spec"]["containers"][0];
    let layers = tree::root().join(COLLECTOR).join("layers");
    let arguments = list(&container["args"]).iter().map(|argument| {
        let name = name_of_layer(argument.as_str().unwrap_or_default())?;
        Ok(layers.join(name))
    });
    let map = &container["envFrom"][0]["configMapRef"]["name"];
    let map = find(objects, "ConfigMap", map.as_str().unwrap_or_default());
    let variables = map.context("no ConfigMap of its settings")?.table("/data");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Composition {
        layers: arguments.collect::<Result<_>>()?,
        settings: variables
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    })
}

const KUBELET: &str = "receive-kubelet.yaml";

fn asks_kubelet(composition: &Composition) -> bool {
    composition
        .layers
        .iter()
        .any(|layer| layer.ends_with(KUBELET))
}

/// Where the component cannot be built, the rest can be read all the same.
fn without_kubelet(mut composition: Composition) -> Composition {
    composition.layers.retain(|layer| !layer.ends_with(KUBELET));
    for value in composition.settings.values_mut() {
        *value = value.replace(", kubelet_stats", "");
    }
    composition
}

fn are_those_of(composition: &Composition, mode: &str, differs: &[&str]) -> Result<()> {
    let host = Composition::read(&tree::root().join(COLLECTOR), mode)?;
    let names = |composition: &Composition| -> BTreeSet<String> {
        let names = composition
            .layers
            .iter()
            .filter_map(|layer| layer.file_name());
        names.map(|name| name.display().to_string()).collect()
    };
    let (here, there) = (names(composition), names(&host));
    let differing: BTreeSet<_> = here
        .symmetric_difference(&there)
        .map(String::as_str)
        .collect();
    let differs: BTreeSet<_> = differs.iter().copied().collect();
    ensure!(
        differing == differs,
        "{differing:?} differ, and {differs:?} should"
    );
    Ok(())
}

/// A property of what is rendered, and an edit of the hybrid that breaks it.
type Rule = (
    &'static str,
    fn(&[Object]) -> Result<()>,
    (&'static str, &'static str),
);

const RULES: [Rule; 4] = [
    (
        "every setting is read by a layer",
        settings_are_read,
        ("COLLECTOR_SLOW_MS:", "COLLECTOR_SLOW:"),
    ),
    (
        "Go knows four fifths of the limit of memory",
        memory_is_known,
        ("GOMEMLIMIT: 410MiB", "GOMEMLIMIT: 510MiB"),
    ),
    (
        "selectors find pods, and ports are theirs",
        selectors_find_pods,
        ("targetPort: otlp-grpc", "targetPort: otlp"),
    ),
    (
        "agents know each gateway by its name",
        shards_are_there,
        ("replicas: 2", "replicas: 3"),
    ),
];

fn rules(report: &mut Report, all: &[Rendered]) -> Result<()> {
    for (name, holds, (from, to)) in RULES {
        report.check(name, || {
            for one in all {
                holds(&one.objects).with_context(|| one.name.clone())?;
            }
            let hybrid = &named(all, "hybrid")?.text;
            let broken = refusal::broken("hybrid", hybrid, from, to)?;
            let broken = Rendered::of(to.to_owned(), broken)?;
            if holds(&broken.objects).is_ok() {
                bail!("it took {to:?} for {from:?}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn settings_are_read(objects: &[Object]) -> Result<()> {
    let is_layers = |object: &&Object| object.name().starts_with("otel-layers");
    let layers = objects.iter().find(is_layers).context("no layers")?;
    let text: String = layers
        .table("/data")
        .values()
        .map(Value::to_string)
        .collect();
    for map in objects.iter().filter(|object| object.kind() == "ConfigMap") {
        for name in map
            .table("/data")
            .keys()
            .filter(|name| name.starts_with("COLLECTOR_"))
        {
            ensure!(
                text.contains(&format!("${{env:{name}:-")),
                "nothing reads {name}"
            );
        }
    }
    Ok(())
}

fn memory_is_known(objects: &[Object]) -> Result<()> {
    for workload in objects.iter().filter(|object| object.pods().is_some()) {
        let container = &workload.pods().context("no pods")?["spec"]["containers"][0];
        let limit = container["resources"]["limits"]["memory"]
            .as_str()
            .unwrap_or_default();
        let limit = mebibytes(limit).with_context(|| format!("{limit} is no limit"))?;
        let map = container["envFrom"][0]["configMapRef"]["name"].as_str();
        let map = find(objects, "ConfigMap", map.unwrap_or_default()).context("no settings")?;
        let known = map
            .text("/data/GOMEMLIMIT")
            .strip_suffix("MiB")
            .and_then(|m| m.parse().ok());
        let known: u64 = known.context("no GOMEMLIMIT in MiB")?;
        let is_known = known.abs_diff(limit * 4 / 5) <= 1;
        ensure!(is_known, "{}: {known} MiB of {limit}", workload.id());
    }
    Ok(())
}

fn mebibytes(text: &str) -> Option<u64> {
    if let Some(gibibytes) = text.strip_suffix("Gi") {
        return Some(gibibytes.parse::<u64>().ok()? * 1024);
    }
    text.strip_suffix("Mi")?.parse().ok()
}

fn shards_are_there(objects: &[Object]) -> Result<()> {
    let Some(gateways) = objects.iter().find(|object| object.kind() == "StatefulSet") else {
        return Ok(());
    };
    let (name, replicas) = (gateways.name(), gateways.number("/spec/replicas"));
    let service = gateways.text("/spec/serviceName");
    ensure!(
        find(objects, "Service", service).is_some_and(|it| it.text("/spec/clusterIP") == "None"),
        "{service} gives no names"
    );
    let maps = objects.iter().filter(|object| object.kind() == "ConfigMap");
    let shards: BTreeMap<_, _> = maps
        .flat_map(|map| map.table("/data"))
        .filter(|(variable, _)| {
            let number = variable.strip_prefix("COLLECTOR_SHARD_");
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .collect();
    ensure!(
        replicas == Some(shards.len() as u64),
        "{replicas:?} gateways, {} shards",
        shards.len()
    );
    for (number, (variable, address)) in shards.iter().enumerate() {
        let expected = format!("{name}-{number}.{service}:4317");
        ensure!(
            *address == Value::String(expected),
            "{variable} is {address}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::compositions::MODES, *};

    #[test]
    fn every_mode_has_a_workload() {
        for mode in MODES {
            assert!(
                WORKLOADS.iter().any(|workload| workload.2 == mode),
                "{mode}"
            );
        }
    }
}
