//! Grafana's manifests, rendered as they would be applied.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::FOLDER;
use crate::{
    delivery::manifests::{
        object::{Object, find, list},
        render::{self, KUSTOMIZE, Rendered},
        schemas::Schemas,
    },
    platform::objects::{containers_are_restricted, selectors_find_pods},
    refusal,
    test::report::Report,
    tree,
};

const BROKEN: [(&str, &str, &str); 2] = [
    (
        "readOnlyRootFilesystem:",
        "readOnlyRootFiles:",
        "readOnlyRootFiles",
    ),
    (
        "containerPort: 3000",
        "containerPort: http",
        "containerPort",
    ),
];

/// A property of what is rendered, and an edit that breaks it.
type Rule = (
    &'static str,
    fn(&[Object]) -> Result<()>,
    (&'static str, &'static str),
);

const RULES: [Rule; 3] = [
    (
        "selectors find pods, and ports are theirs",
        selectors_find_pods,
        ("targetPort: http", "targetPort: web"),
    ),
    (
        "containers may do nothing, and write to volumes alone",
        containers_are_restricted,
        (
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
        ),
    ),
    (
        "every dashboard is mounted",
        dashboards_are_mounted,
        ("name: dashboard-slo-", "name: dashboard-sla-"),
    ),
];

pub fn run(report: &mut Report) -> Result<()> {
    let Some(kustomize) = KUSTOMIZE.have(report)? else {
        return Ok(());
    };
    let folder = tree::root().join(FOLDER).join("kubernetes");
    report.check("one object a file, named by its kind", || {
        render::files_are_named_by_kind(&folder)
    })?;
    let alone = report.check("kustomize: Grafana", || {
        render::render(&kustomize, &folder, "grafana".to_owned())
    })?;
    let both = report.check("kustomize: Grafana with the sidecar", || {
        with_sidecar(&kustomize, &folder)
    })?;
    if let Some(schemas) = Schemas::have(report, &tree::target().join("platform/grafana"))? {
        schemas.take(report, &[&alone, &both])?;
        schemas.refuse(report, &alone, &BROKEN)?;
    }
    for (name, holds, (from, to)) in RULES {
        report.check(name, || {
            holds(&alone.objects)?;
            holds(&both.objects).context("with the sidecar")?;
            let broken = refusal::broken("grafana", &alone.text, from, to)?;
            let broken = Rendered::of(to.to_owned(), broken)?;
            ensure!(
                holds(&broken.objects).is_err(),
                "it took {to:?} for {from:?}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

fn with_sidecar(kustomize: &Path, folder: &Path) -> Result<Rendered> {
    // Beside it: within, it would be its own resource.
    let combined = folder.with_file_name("combined");
    tree::fresh(&combined)?;
    fs::write(
        combined.join("kustomization.yaml"),
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         namespace: monitoring\nresources: [../kubernetes]\n\
         components: [../kubernetes/components/sidecar]\n",
    )?;
    let rendered = render::render(kustomize, &combined, "with the sidecar".to_owned());
    fs::remove_dir_all(&combined)?;
    rendered
}

/// Each ConfigMap of a dashboard is a source of the volume, and each source is there.
fn dashboards_are_mounted(objects: &[Object]) -> Result<()> {
    let grafana = find(objects, "Deployment", "grafana").context("no Grafana")?;
    let pod = &grafana.pods().context("no pods")?["spec"];
    let volumes = list(&pod["volumes"]).iter();
    let sources = volumes.flat_map(|volume| list(&volume["projected"]["sources"]));
    let mut mounted: Vec<_> = sources
        .filter_map(|source| source["configMap"]["name"].as_str())
        .collect();
    mounted.sort_unstable();
    let maps = objects.iter().filter(|object| object.kind() == "ConfigMap");
    let mut there: Vec<_> = maps
        .map(Object::name)
        .filter(|name| name.starts_with("dashboard-"))
        .collect();
    there.sort_unstable();
    ensure!(
        mounted == there,
        "{mounted:?} are mounted, {there:?} are there"
    );
    Ok(())
}
