//! What the overlays and the components make, alone and together.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::object::{self, Object};
use crate::{
    delivery::project::Project,
    run,
    test::tools::{Registry, Tool},
    tree,
};

pub const KUSTOMIZE: Tool = Tool {
    program: "kustomize",
    package: "sigs.k8s.io/kustomize/kustomize/v5",
    version: "5.8.1",
    registry: Registry::Go,
};

/// Overlays that are shipped.
const OVERLAYS: [&str; 3] = ["dev", "staging", "production"];

/// What an overlay may add to the base, in the order in which it is listed.
const COMPONENTS: [&str; 13] = [
    "ingress",
    "gateway-api",
    "tls",
    "gateway-api-tls",
    "monitoring",
    "autoscaling",
    "network-policy",
    "external-secrets",
    "backup-postgres",
    "backup-sqlite",
    "backup-alerts",
    "mesh-ready",
    "session-affinity",
];

/// What would be applied.
pub struct Rendered {
    pub name: String,
    pub text: String,
    pub objects: Vec<Object>,
}

impl Rendered {
    pub fn of(name: String, text: String) -> Result<Self> {
        let objects = object::read(&text)?;
        Ok(Self {
            name,
            text,
            objects,
        })
    }
}

/// All overlays, and all combinations of components that are told apart.
pub fn all(kustomize: &Path, project: &Project) -> Result<Vec<Rendered>> {
    let overlays = OVERLAYS.map(|overlay| {
        let folder = project.folder.join("deploy/overlays").join(overlay);
        render(
            kustomize,
            &folder,
            format!("{} {overlay}", project.flavour.name),
        )
    });
    let mut rendered = overlays.into_iter().collect::<Result<Vec<_>>>()?;
    for components in combinations(project) {
        rendered.push(combine(kustomize, project, &components)?);
    }
    Ok(rendered)
}

/// What production would apply.
pub fn production(rendered: &[Rendered]) -> Result<&Rendered> {
    let found = rendered
        .iter()
        .find(|one| one.name.ends_with(" production"));
    found.context("no production")
}

pub fn render(kustomize: &Path, folder: &Path, name: String) -> Result<Rendered> {
    let mut build = std::process::Command::new(kustomize);
    let text = run::output(build.arg("build").arg(folder)).with_context(|| name.clone())?;
    ensure!(
        !text.contains("# Warning"),
        "{name}: kustomize warns:\n{text}"
    );
    Rendered::of(name.clone(), text).context(name)
}

/// None, each alone, each pair, all but one, and all. Two that exclude each other are in
/// no pair; one that needs others brings them.
fn combinations(project: &Project) -> Vec<Vec<&'static str>> {
    let there: Vec<_> = COMPONENTS
        .into_iter()
        .filter(|component| {
            project.has(&format!("deploy/components/{component}/kustomization.yaml"))
        })
        // One writer is not scaled.
        .filter(|component| {
            !(project.flavour.answers.database == "sqlite" && *component == "autoscaling")
        })
        .collect();
    let mut combinations = vec![Vec::new(), there.clone()];
    for (place, one) in there.iter().enumerate() {
        combinations.push(vec![*one]);
        combinations.extend(there[place + 1..].iter().map(|other| vec![*one, *other]));
        combinations.push(
            there
                .iter()
                .filter(|other| *other != one)
                .copied()
                .collect(),
        );
    }
    combinations
        .into_iter()
        .map(|chosen| {
            let wanted = |component: &&str| {
                let of_both = ["gateway-api", "tls"].contains(component);
                chosen.contains(component) || of_both && chosen.contains(&"gateway-api-tls")
            };
            there.iter().filter(|c| wanted(c)).copied().collect()
        })
        // The listener speaks TLS, and the Gateway must know.
        .filter(|chosen: &Vec<_>| {
            !(chosen.contains(&"gateway-api") && chosen.contains(&"tls"))
                || chosen.contains(&"gateway-api-tls")
        })
        .collect()
}

/// An overlay of these components.
fn combine(kustomize: &Path, project: &Project, components: &[&str]) -> Result<Rendered> {
    let folder = project.folder.join("deploy/overlays/combined");
    tree::fresh(&folder)?;
    let production = project.folder.join("deploy/overlays/production");
    for file in ["configmap.yaml", "api.env"] {
        fs::copy(production.join(file), folder.join(file))?;
    }
    let mut text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
        namespace: combined\nresources: [../../base, configmap.yaml]\n\
        configMapGenerator: [{name: api, behavior: merge, envs: [api.env]}]\ncomponents:\n"
        .to_owned();
    for component in components.iter().chain(&["name"]) {
        text += &format!("  - ../../components/{component}\n");
    }
    fs::write(folder.join("kustomization.yaml"), text)?;
    let name = format!("{} with {components:?}", project.flavour.name);
    let rendered = render(kustomize, &folder, name);
    fs::remove_dir_all(&folder)?;
    rendered
}

/// `deployment.yaml` holds one Deployment.
pub fn files_are_named_by_kind(deploy: &Path) -> Result<()> {
    for file in tree::files(deploy)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // Neither what compose.yaml mounts nor kustomize's own configuration is an object.
        let is_object = !file.starts_with("compose") && name != "references.yaml";
        if !name.ends_with(".yaml") || !is_object {
            continue;
        }
        let objects = object::read(&tree::read(&deploy.join(&file))?)?;
        let [one] = &*objects else {
            anyhow::bail!("{} holds {} objects", file.display(), objects.len());
        };
        // A Component is a Kustomization, too.
        let kind = match one.kind() {
            "Component" => "kustomization".to_owned(),
            kind => kind.to_lowercase(),
        };
        ensure!(
            *name == format!("{kind}.yaml"),
            "{} holds a {kind}",
            file.display()
        );
    }
    Ok(())
}
