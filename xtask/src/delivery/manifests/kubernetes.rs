//! A real API server, built from its own modules, which enforces Pod Security.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{render, schemas};
use crate::{
    delivery::project::Project,
    free, refusal, run,
    test::{report::Report, tools},
    tree,
};

/// The newest of which the schemas are known, too.
const VERSION: &str = "1.37.2";
/// The store that goes with it.
const ETCD: &str = "3.7.0";

const SERVER: &str = include_str!("apiserver/main.go");
const KUBECTL: &str = include_str!("apiserver/kubectl.go");
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let go = tools::go(report)?;
    let folder = tree::target().join(format!("tools/kubernetes-{VERSION}"));
    if !folder.join("bin/kubectl").exists() {
        let step = format!("building Kubernetes {VERSION} into target/tools");
        report.check(&step, || build(&go, &folder))?;
    }
    let server = report.check("the API server starts", || Server::start(&folder))?;
    report.check("it knows the operators' kinds", || {
        for file in schemas::definitions(&go)? {
            server.kubectl(&[
                "apply",
                "--server-side",
                "--filename",
                &file.display().to_string(),
            ])?;
        }
        Ok(())
    })?;
    let Some(kustomize) = render::KUSTOMIZE.have(report)? else {
        return Ok(());
    };
    for project in super::of_stores(projects) {
        let step = format!("{}: it takes all that is rendered", project.flavour.name);
        report.check(&step, || server.takes(&render::all(&kustomize, project)?))?;
    }
    report.check(
        "it refuses a pod that may run as root, and a field that is none",
        || {
            let all = render::all(&kustomize, projects.first().context("no project")?)?;
            let text = &render::production(&all)?.text;
            let asked = [
                (
                    "runAsNonRoot: true",
                    "runAsNonRoot: false",
                    "violates PodSecurity",
                ),
                ("maxSurge: 1", "maxSurgee: 1", "unknown field"),
                ("minReplicas: 3", "minReplicas: 11", "minReplicas"),
            ];
            for (from, to, reason) in asked {
                let broken = refusal::broken("production", text, from, to)?;
                let broken = render::Rendered::of(to.to_owned(), broken)?;
                let came = server.takes(&[broken]).map(|()| String::new());
                refusal::refused(came, to, reason)?;
            }
            Ok(())
        },
    )
}

/// Kubernetes replaces modules by folders of its own repository; as a dependency those
/// are modules of the same minor version.
fn build(go: &str, folder: &Path) -> Result<()> {
    tree::fresh(folder)?;
    let mut download = Command::new(go);
    download.current_dir(folder).args([
        "mod",
        "download",
        "-json",
        &format!("k8s.io/kubernetes@v{VERSION}"),
    ]);
    let told: Value = serde_json::from_str(&run::output(&mut download)?)?;
    let module = tree::read(Path::new(told["GoMod"].as_str().context("no go.mod")?))?;
    let staging = format!("v0{}", VERSION.trim_start_matches('1'));
    let mut text = format!(
        "module apiserver\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v{VERSION}\n\tgo.etcd.io/etcd/server/v3 v{ETCD}\n)\n\n"
    );
    for line in module.lines().filter(|line| line.contains("=> ./staging/")) {
        let name = line.split_whitespace().next().unwrap_or_default();
        text += &format!("replace {name} => {name} {staging}\n");
    }
    fs::write(folder.join("go.mod"), text)?;
    for (name, source) in [("apiserver", SERVER), ("kubectl", KUBECTL)] {
        fs::create_dir(folder.join(name))?;
        fs::write(folder.join(name).join("main.go"), source)?;
    }
    for arguments in [
        &["mod", "tidy"] as &[&str],
        &[
            "build",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            "bin/",
            "./apiserver",
            "./kubectl",
        ],
    ] {
        run::output(Command::new(go).current_dir(folder).args(arguments))?;
    }
    Ok(())
}

/// It is killed when it goes out of scope.
struct Server {
    process: Child,
    kubectl: PathBuf,
    folder: PathBuf,
    address: String,
}

impl Server {
    fn start(tools: &Path) -> Result<Self> {
        let folder = tree::target().join("delivery/apiserver");
        tree::fresh(&folder)?;
        fs::write(
            folder.join("tokens.csv"),
            "secret,admin,admin,system:masters\n",
        )?;
        let key = ["genrsa", "-out", "accounts.key", "2048"];
        run::output(Command::new("openssl").current_dir(&folder).args(key))?;
        let [port, store] = free::addresses()?.map(|address| address.port());
        let process = Command::new(tools.join("bin/apiserver"))
            .current_dir(&folder)
            .arg(format!("http://127.0.0.1:{store}"))
            .args([
                "--bind-address=127.0.0.1",
                &format!("--secure-port={port}"),
                "--cert-dir=certificates",
            ])
            .args([
                "--service-account-issuer=https://localhost",
                "--service-account-key-file=accounts.key",
            ])
            .args([
                "--service-account-signing-key-file=accounts.key",
                "--token-auth-file=tokens.csv",
            ])
            .args([
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
            ])
            // Nobody makes accounts of namespaces here.
            .arg("--disable-admission-plugins=ServiceAccount")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log"))?)
            .spawn()?;
        let server = Self {
            process,
            kubectl: tools.join("bin/kubectl"),
            folder,
            address: format!("https://127.0.0.1:{port}"),
        };
        let begun = Instant::now();
        while server.kubectl(&["get", "--raw", "/readyz"]).is_err() {
            ensure!(
                begun.elapsed() < PATIENCE,
                "{}",
                tree::read(&server.folder.join("log"))?
            );
            thread::sleep(Duration::from_millis(200));
        }
        for namespace in ["dev", "staging", "production", "combined"] {
            server.kubectl(&["create", "namespace", namespace])?;
            let label = "pod-security.kubernetes.io/enforce=restricted";
            server.kubectl(&["label", "namespace", namespace, label])?;
        }
        Ok(server)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.args([
            "--insecure-skip-tls-verify",
            "--token=secret",
            "--server",
            &self.address,
        ]);
        run::output(kubectl.args(arguments))
    }

    /// Each object, and each pod that would be made of it: Pod Security looks at pods.
    fn takes(&self, rendered: &[render::Rendered]) -> Result<()> {
        let asked = self.folder.join("asked");
        tree::fresh(&asked)?;
        for (number, one) in rendered.iter().enumerate() {
            fs::write(asked.join(format!("{number}.yaml")), &one.text)?;
            for (place, object) in one.objects.iter().enumerate() {
                let Some(pod) = object.pods() else { continue };
                let mut pod = pod.clone();
                pod["apiVersion"] = json!("v1");
                pod["kind"] = json!("Pod");
                pod["metadata"]["name"] = json!(format!("pod-{number}-{place}"));
                pod["metadata"]["namespace"] = json!("combined");
                fs::write(
                    asked.join(format!("{number}-{place}.json")),
                    pod.to_string(),
                )?;
            }
        }
        let asked = asked.display().to_string();
        let arguments = [
            "apply",
            "--dry-run=server",
            "--validate=strict",
            "--filename",
            &asked,
        ];
        self.kubectl(&arguments).map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
