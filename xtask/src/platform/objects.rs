//! What must be so of manifests as they are rendered, whosever they are.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::delivery::manifests::object::{Object, list};

/// Each selector finds one kind of pods, and each port of a Service is one of theirs.
pub fn selectors_find_pods(objects: &[Object]) -> Result<()> {
    selectors_find(objects, &[])
}

/// The same, where these may find several kinds.
pub fn selectors_find(objects: &[Object], several: &[&str]) -> Result<()> {
    let pods: Vec<_> = objects.iter().filter_map(Object::pods).collect();
    for object in objects {
        let selector = match object.kind() {
            "Service" => object.table("/spec/selector"),
            "NetworkPolicy" => object.table("/spec/podSelector/matchLabels"),
            "DaemonSet" | "Deployment" | "PodDisruptionBudget" | "StatefulSet" => {
                object.table("/spec/selector/matchLabels")
            }
            _ => continue,
        };
        let fits = |pod: &&&Value| {
            let labels = &pod["metadata"]["labels"];
            selector.iter().all(|(name, value)| labels[name] == *value)
        };
        let found: Vec<_> = pods.iter().filter(fits).collect();
        let is_shared = several.contains(&object.name()) && found.len() > 1;
        ensure!(
            found.len() == 1 || is_shared,
            "{} selects {} kinds of pods",
            object.id(),
            found.len()
        );
        for pod in found {
            has_ports(object, pod)?;
        }
    }
    Ok(())
}

fn has_ports(object: &Object, pod: &Value) -> Result<()> {
    let containers = list(&pod["spec"]["containers"]).iter();
    let ports = containers.flat_map(|container| list(&container["ports"]));
    let ports: Vec<_> = ports.map(|port| &port["name"]).collect();
    for port in object.list("/spec/ports") {
        let target = &port["targetPort"];
        ensure!(ports.contains(&target), "{}: no port {target}", object.id());
    }
    Ok(())
}

/// What Pod Security calls restricted, and no root file system to write to.
pub fn containers_are_restricted(objects: &[Object]) -> Result<()> {
    for workload in objects.iter().filter(|object| object.pods().is_some()) {
        let pod = &workload.pods().context("no pods")?["spec"];
        let of_pod = &pod["securityContext"];
        ensure!(of_pod["runAsNonRoot"] == true, "it may be root");
        let profile = &of_pod["seccompProfile"]["type"];
        ensure!(profile == "RuntimeDefault", "it may call what it wants");
        for container in list(&pod["containers"]) {
            let (name, may) = (&container["name"], &container["securityContext"]);
            let is_read = may["readOnlyRootFilesystem"] == true;
            ensure!(is_read, "{name} writes anywhere");
            ensure!(may["allowPrivilegeEscalation"] == false, "{name} may rise");
            let dropped = &may["capabilities"]["drop"][0];
            ensure!(dropped == "ALL", "{name} has capabilities");
            let memory = &container["resources"]["limits"]["memory"];
            ensure!(memory.is_string(), "{name} takes all memory");
        }
    }
    Ok(())
}
