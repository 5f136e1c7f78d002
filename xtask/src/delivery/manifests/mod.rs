//! The Kubernetes manifests of every flavour, rendered as they would be applied.

mod budget;
mod drift;
mod kubernetes;
mod lint;
pub mod object;
pub mod prometheus;
mod promises;
pub mod render;
mod rules;
pub mod schemas;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

pub use self::{
    drift::{Service, setting},
    kubernetes::run as by_api_server,
    object::duration,
};
use self::{
    object::Object,
    render::{KUSTOMIZE, Rendered},
};
use super::project::Project;
use crate::test::report::Report;

/// A property of what is rendered, and an edit that breaks it.
pub struct Rule {
    pub name: &'static str,
    /// What is wrong, one sentence each; nothing if all is well.
    pub faults: fn(&[Object], &drift::Service) -> Vec<String>,
    /// What stands in the rendered text of production with PostgreSQL (or of one of its
    /// combinations, or of another store), and what makes a fault of it that the rule must see.
    pub broken: &'static [(&'static str, &'static str)],
}

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let Some(kustomize) = KUSTOMIZE.have(report)? else {
        return Ok(());
    };
    let projects = of_stores(projects);
    let mut all = Vec::new();
    for project in &projects {
        let name = project.flavour.name;
        report.check(
            &format!("{name}: one object a file, named by its kind"),
            || render::files_are_named_by_kind(&project.folder.join("deploy")),
        )?;
        let rendered = report.check(
            &format!("{name}: overlays, and components alone, in pairs, all but one"),
            || render::all(&kustomize, project),
        )?;
        all.push(rendered);
    }
    schemas::run(report, &all)?;
    lint::run(report, &all)?;
    prometheus::run(report, &all)?;
    let services = projects.iter().map(|project| {
        let name = project.flavour.name;
        report.check(&format!("{name}: the binary"), || {
            drift::Service::of(project)
        })
    });
    let services = services.collect::<Result<Vec<_>>>()?;
    let rules = rules::RULES.iter().chain(budget::RULES);
    for rule in rules.chain(drift::RULES).chain(promises::RULES) {
        report.check(rule.name, || {
            for (rendered, service) in all.iter().zip(&services) {
                holds(rule, rendered, service)?;
            }
            sees_what_is_broken(rule, &all, &services)
        })?;
    }
    drift::run(report, &all, &services)
}

/// The first project of each store: pipelines and licences leave the manifests as they are.
pub fn of_stores(projects: &[Project]) -> Vec<&Project> {
    let mut seen = BTreeSet::new();
    let first = projects
        .iter()
        .filter(|project| seen.insert(project.flavour.answers.database));
    first.collect()
}

fn holds(rule: &Rule, rendered: &[Rendered], service: &drift::Service) -> Result<()> {
    for one in rendered {
        let faults = (rule.faults)(&one.objects, service);
        ensure!(
            faults.is_empty(),
            "{}:\n  {}",
            one.name,
            faults.join("\n  ")
        );
    }
    Ok(())
}

fn sees_what_is_broken(
    rule: &Rule,
    all: &[Vec<Rendered>],
    services: &[drift::Service],
) -> Result<()> {
    for (from, to) in rule.broken {
        // What production has not, a component of its own has.
        let production = (render::production(&all[0])?, &services[0]);
        let stores = all.iter().zip(services);
        let others = stores.flat_map(|(of, service)| of.iter().map(move |one| (one, service)));
        let mut whole = [production].into_iter().chain(others);
        let whole = whole.find(|(one, _)| one.text.contains(from));
        let (whole, service) = whole.with_context(|| format!("nothing has {from:?} any more"))?;
        let objects = object::read(&whole.text.replacen(from, to, 1))?;
        if (rule.faults)(&objects, service).is_empty() {
            bail!("it took {to:?} for {from:?}");
        }
    }
    Ok(())
}
