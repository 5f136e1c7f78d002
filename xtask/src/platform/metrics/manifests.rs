//! The manifests of Prometheus, Alertmanager and Thanos, rendered as they would be applied.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    delivery::manifests::{
        object::{Object, find, list, of_kind},
        render::{self, Rendered},
    },
    refusal,
    test::report::Report,
    tree,
};

/// Folders that are applied, below `deploy`.
const APPLIED: [&str; 5] = [
    "prometheus/kubernetes",
    "prometheus/operator",
    "alertmanager/kubernetes",
    "alertmanager/operator",
    "thanos/kubernetes",
];

/// Folders of which each file holds one object, named by its kind.
const OBJECTS: [&str; 6] = [
    "prometheus/kubernetes",
    "prometheus/operator",
    "alertmanager/kubernetes",
    "alertmanager/operator",
    "thanos/kubernetes",
    "thanos/component",
];

/// Of whom a vault or a person makes the Secret.
const MADE_ELSEWHERE: [&str; 1] = ["alertmanager"];

pub fn rendered(report: &mut Report, kustomize: &Path) -> Result<Vec<Rendered>> {
    let deploy = tree::root().join("deploy");
    for folder in OBJECTS {
        report.check(
            &format!("{folder}: one object a file, named by its kind"),
            || render::files_are_named_by_kind(&deploy.join(folder)),
        )?;
    }
    let mut all = Vec::new();
    for folder in APPLIED {
        let step = format!("kustomize: {folder}");
        all.push(report.check(&step, || {
            render::render(kustomize, &deploy.join(folder), folder.to_owned())
        })?);
    }
    report.check("what pods mount is there", || {
        for one in &all {
            mounts_are_there(&one.objects)?;
        }
        let (from, to) = ("name: prometheus-targets\n", "name: prometheus-target\n");
        refuses(mounts_are_there, &all[0], from, to, "prometheus-targets")
    })?;
    report.check("Prometheus may scrape what is there for it", || {
        for one in &all {
            scrapes_are_let_in(&one.objects)?;
        }
        let (from, to) = ("- port: http-metrics\n", "- port: http\n");
        refuses(scrapes_are_let_in, &all[4], from, to, "http-metrics")
    })?;
    report.check("a message leads to what people's browsers reach", || {
        for one in &all {
            messages_lead_out(&one.objects)?;
        }
        let (from, to) = ("--web.external-url=https:", "--web.external-url=http:");
        refuses(
            messages_lead_out,
            &all[0],
            from,
            to,
            "StatefulSet/prometheus",
        )
    })?;
    report.check("Thanos takes blocks of what came late", || {
        late_blocks_are_taken(&all[4].objects)?;
        let (from, to) = ("--compact.enable-vertical-compaction", "--wait");
        refuses(late_blocks_are_taken, &all[4], from, to, "thanos-compact")
    })?;
    Ok(all)
}

/// Whether a check refuses what it let pass, once this is put in the place of that.
fn refuses(
    check: fn(&[Object]) -> Result<()>,
    good: &Rendered,
    from: &str,
    to: &str,
    reason: &str,
) -> Result<()> {
    let broken = refusal::broken(&good.name, &good.text, from, to)?;
    let broken = Rendered::of(to.to_owned(), broken)?;
    let came = check(&broken.objects);
    refusal::refused(came.map(|()| String::new()), to, reason)
}

fn mounts_are_there(objects: &[Object]) -> Result<()> {
    for object in objects {
        let Some(pods) = object.pods() else { continue };
        for volume in list(&pods["spec"]["volumes"]) {
            let of = |kind: &str, name: &str| volume[kind][name].as_str().unwrap_or_default();
            let optional = volume["configMap"]["optional"] == true;
            let named = [
                ("ConfigMap", of("configMap", "name")),
                ("Secret", of("secret", "secretName")),
            ];
            for (kind, name) in named {
                let elsewhere = optional || MADE_ELSEWHERE.contains(&name) || name.is_empty();
                let is_there = find(objects, kind, name).is_some_and(|it| it.name() == name);
                ensure!(elsewhere || is_there, "{}: no {kind} {name}", object.id());
            }
        }
    }
    Ok(())
}

/// From its own namespace, in which all of these are.
fn scrapes_are_let_in(objects: &[Object]) -> Result<()> {
    for object in objects {
        let Some(pods) = object.pods() else { continue };
        let labels = &pods["metadata"]["labels"];
        let policies = of_kind(objects, "NetworkPolicy").filter(|policy| {
            let selector = policy.table("/spec/podSelector/matchLabels");
            selector.iter().all(|(name, value)| labels[name] == *value)
        });
        let rules: Vec<_> = policies
            .flat_map(|policy| policy.list("/spec/ingress"))
            .collect();
        let containers = list(&pods["spec"]["containers"]).iter();
        for port in containers.flat_map(|container| list(&container["ports"])) {
            let name = &port["name"];
            let is_scraped = name == "metrics" || name == "http-metrics";
            let is_let_in = rules.iter().any(|rule| {
                list(&rule["from"]).contains(&json!({"podSelector": {}}))
                    && list(&rule["ports"])
                        .iter()
                        .any(|port| port["port"] == *name)
            });
            ensure!(
                is_let_in || !is_scraped,
                "{}: Prometheus may not scrape {name}",
                object.id()
            );
        }
    }
    Ok(())
}

/// By which argument, or as an object of the operator by which field, they know it.
const LEADS: [(&str, &str, &str); 3] = [
    ("prometheus", "Prometheus", "--web.external-url="),
    ("alertmanager", "Alertmanager", "--web.external-url="),
    ("thanos-rule", "", "--alert.query-url="),
];

/// By itself each names its pod, which is an address within the cluster.
fn messages_lead_out(objects: &[Object]) -> Result<()> {
    let is_outside = |url: &str| url.starts_with("https://");
    for (name, kind, option) in LEADS {
        let sets = of_kind(objects, "StatefulSet").filter(|set| set.name() == name);
        for set in sets {
            let arguments = set.list("/spec/template/spec/containers/0/args").iter();
            let mut urls = arguments.filter_map(|it| it.as_str()?.strip_prefix(option));
            ensure!(urls.any(is_outside), "{}: no {option}https", set.id());
        }
        for object in of_kind(objects, kind) {
            let url = object.text("/spec/externalUrl");
            ensure!(is_outside(url), "{}: no externalUrl", object.id());
        }
    }
    Ok(())
}

/// Prometheus takes samples that are late: their blocks overlap others. It must not merge them
/// itself, for its sidecar does not send what is merged, and the compactor has to.
const OF_LATE_BLOCKS: [(&str, &str); 2] = [
    (
        "prometheus",
        "--no-storage.tsdb.allow-overlapping-compaction",
    ),
    ("thanos-compact", "--compact.enable-vertical-compaction"),
];

fn late_blocks_are_taken(objects: &[Object]) -> Result<()> {
    for (name, option) in OF_LATE_BLOCKS {
        let mut sets = of_kind(objects, "StatefulSet").filter(|set| set.name() == name);
        let has_it = |set: &Object| {
            let arguments = set.list("/spec/template/spec/containers/0/args");
            arguments.contains(&json!(option))
        };
        ensure!(sets.any(has_it), "{name} is not started with {option}");
    }
    Ok(())
}
