//! Loki's manifests: one of it, and those that share the work.

use anyhow::{Context, Result, ensure};

use super::LOKI;
use crate::{
    delivery::manifests::{
        object::Object,
        render::{self, KUSTOMIZE, Rendered},
        schemas::Schemas,
    },
    platform::objects::{containers_are_restricted, selectors_find},
    refusal,
    test::report::Report,
    tree,
};

const APPLIED: [&str; 2] = ["single", "scalable"];

const BROKEN: [(&str, &str, &str); 2] = [
    ("volumeClaimTemplates:", "volumeClaims:", "volumeClaims"),
    (
        "containerPort: 3100",
        "containerPort: http",
        "containerPort",
    ),
];

/// A property of what is rendered, and an edit of `scalable` that breaks it.
type Rule = (
    &'static str,
    fn(&[Object]) -> Result<()>,
    (&'static str, &'static str),
);

const RULES: [Rule; 3] = [
    (
        "selectors find pods, and ports are theirs",
        all_find_pods,
        ("targetPort: http-metrics", "targetPort: web"),
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
        "every setting is read by the configuration",
        settings_are_read,
        ("LOKI_RETENTION:", "LOKI_RETENTIONS:"),
    ),
];

pub fn run(report: &mut Report) -> Result<()> {
    let Some(kustomize) = KUSTOMIZE.have(report)? else {
        return Ok(());
    };
    let folder = tree::root().join(LOKI).join("kubernetes");
    report.check("one object a file, named by its kind", || {
        render::files_are_named_by_kind(&folder)
    })?;
    let mut all = Vec::new();
    for name in APPLIED {
        all.push(report.check(&format!("kustomize: Loki, {name}"), || {
            render::render(&kustomize, &folder.join(name), name.to_owned())
        })?);
    }
    let last = all.last().context("nothing is rendered")?;
    if let Some(schemas) = Schemas::have(report, &tree::target().join("platform/loki"))? {
        schemas.take(report, &all.iter().collect::<Vec<_>>())?;
        schemas.refuse(report, last, &BROKEN)?;
    }
    for (name, holds, (from, to)) in RULES {
        report.check(name, || {
            for one in &all {
                holds(&one.objects).with_context(|| one.name.clone())?;
            }
            let broken = refusal::broken("scalable", &last.text, from, to)?;
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

/// By the ring all find each other.
fn all_find_pods(objects: &[Object]) -> Result<()> {
    selectors_find(objects, &["loki", "loki-ring"])
}

fn settings_are_read(objects: &[Object]) -> Result<()> {
    let maps = || objects.iter().filter(|object| object.kind() == "ConfigMap");
    let configuration = maps().find(|map| map.name().starts_with("loki-config"));
    let configuration = configuration.context("no configuration")?;
    let configuration = configuration.text("/data/loki.yaml");
    for map in maps() {
        let settings = map.table("/data");
        for name in settings.keys().filter(|name| name.starts_with("LOKI_")) {
            let read = format!("${{{name}:-");
            ensure!(configuration.contains(&read), "nothing reads {name}");
        }
    }
    Ok(())
}
