//! Whether Prometheus and Alertmanager take their configuration, and nothing that looks like it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use super::Programs;
use crate::{refusal, run, test::report::Report, tree};

pub const PROMETHEUS: &str = "deploy/prometheus";
pub const ALERTMANAGER: &str = "deploy/alertmanager";
/// What a service has on a developer's machine.
const COMPOSE: &str = "template/deploy/compose";

const CONFIG: &str = "config/prometheus.yml";
const ROUTES: &str = "config/alertmanager.yaml";
const MESSAGE: &str = "config/message.tmpl";

/// A file, what stands there, what it becomes, and a word of the reason.
type Fault = (&'static str, &'static str, &'static str, &'static str);

const OF_PROMETHEUS: [Fault; 5] = [
    (CONFIG, "sample_limit:", "samples_limit:", "samples_limit"),
    (CONFIG, "PrometheusProto,", "Protobuf,", "Protobuf"),
    (
        "scrape/kubernetes.yml",
        "role: pod\n",
        "role: pods\n",
        "unknown Kubernetes SD role",
    ),
    (
        "scrape/hosts.yml",
        "action: labelkeep",
        "action: labelkeeps",
        "unknown relabel action",
    ),
    (
        "config/remote-write.yml",
        "send_exemplars:",
        "send_exemplar:",
        "send_exemplar",
    ),
];

const OF_COMPOSE: Fault = (
    "prometheus.yaml",
    "static_configs:",
    "static_config:",
    "static_config not found",
);

const OF_ALERTMANAGER: [Fault; 4] = [
    (
        ROUTES,
        "receiver: platform-on-call",
        "receiver: nobody",
        "nobody",
    ),
    (ROUTES, "url_file:", "urls_file:", "urls_file"),
    (
        ROUTES,
        "severity=~\"critical|warning\"",
        "severity=~\"(\"",
        "missing closing",
    ),
    (
        MESSAGE,
        "{{ define \"message.link\"",
        "{{ defin \"x\"",
        "defin",
    ),
];

pub fn run(report: &mut Report, programs: &Programs) -> Result<()> {
    // An older one does not know all of it.
    if programs.prometheus.is_some() {
        report.check("promtool check config", || prometheus(programs, None))?;
        for fault in &OF_PROMETHEUS {
            report.check(&format!("promtool refuses: {}", fault.3), || {
                refusal::refused(prometheus(programs, Some(fault)), fault.2, fault.3)
            })?;
        }
        report.check("promtool check config: compose's", || {
            compose(programs, None)
        })?;
        report.check(&format!("promtool refuses: {}", OF_COMPOSE.3), || {
            let came = compose(programs, Some(&OF_COMPOSE));
            refusal::refused(came, OF_COMPOSE.2, OF_COMPOSE.3)
        })?;
    }
    report.check("amtool check-config", || alertmanager(programs, None))?;
    for fault in &OF_ALERTMANAGER {
        report.check(&format!("amtool refuses: {}", fault.3), || {
            refusal::refused(alertmanager(programs, Some(fault)), fault.2, fault.3)
        })?;
    }
    report.check("a message says what is wrong, and what to do", || {
        message(programs)
    })
}

/// With remote write, as its first line says how.
fn prometheus(programs: &Programs, fault: Option<&Fault>) -> Result<String> {
    let copy = copy(PROMETHEUS, fault)?;
    let config = copy.join(CONFIG);
    let more = tree::read(&copy.join("config/remote-write.yml"))?;
    fs::write(&config, format!("{}{more}", tree::read(&config)?))?;
    let secrets = copy.join("secrets");
    fs::create_dir(&secrets)?;
    for name in ["remote-write-token", "token", "ca.crt"] {
        fs::write(secrets.join(name), "")?;
    }
    // It asks for the files of a pod, too, which are nowhere but in a pod.
    let scrape = copy.join("scrape/kubernetes.yml");
    let text = tree::read(&scrape)?;
    ensure!(
        text.contains(OF_POD),
        "no file of {OF_POD} is read any more"
    );
    let text = text.replace(OF_POD, &format!("{}/", secrets.display()));
    fs::write(scrape, text)?;
    let mut check = Command::new(&programs.promtool);
    run::output(check.args(["check", "config"]).arg(config))
}

/// Where a pod has its token, and the cluster's authority.
const OF_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount/";

fn compose(programs: &Programs, fault: Option<&Fault>) -> Result<String> {
    let copy = copy(COMPOSE, fault)?;
    let mut check = Command::new(&programs.promtool);
    let config = copy.join("prometheus.yaml");
    run::output(check.args(["check", "config"]).arg(config))
}

fn alertmanager(programs: &Programs, fault: Option<&Fault>) -> Result<String> {
    let copy = copy(ALERTMANAGER, fault)?;
    let mut check = Command::new(&programs.amtool);
    run::output(check.arg("check-config").arg(copy.join(ROUTES)))
}

/// A copy of a folder, with a fault in it.
fn copy(folder: &str, fault: Option<&Fault>) -> Result<PathBuf> {
    let copy = tree::target().join("platform").join(folder);
    tree::fresh(&copy)?;
    let folder = tree::root().join(folder);
    for file in tree::files(&folder)? {
        let mut text = tree::read(&folder.join(&file))?;
        if let Some((name, from, to, _)) = fault
            && file == Path::new(name)
        {
            text = refusal::broken(name, &text, from, to)?;
        }
        let to = copy.join(file);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::write(to, text)?;
    }
    Ok(copy)
}

/// What amtool makes of an alert of its own.
fn message(programs: &Programs) -> Result<()> {
    let folder = tree::root().join(ALERTMANAGER).join("config");
    let data = tree::target().join("platform/message.json");
    fs::write(&data, include_str!("message.json"))?;
    for (name, expected) in MESSAGES {
        let mut render = Command::new(&programs.amtool);
        render
            .args(["template", "render"])
            .arg(format!("--template.glob={}/*.tmpl", folder.display()))
            .arg(format!("--template.data={}", data.display()))
            .arg(format!("--template.text={{{{ template {name:?} . }}}}"));
        let said = run::output(&mut render)?;
        for part in expected {
            ensure!(said.contains(part), "{name} has no {part:?}: {said}");
        }
    }
    Ok(())
}

/// What each part of a message must say of `message.json`.
const MESSAGES: [(&str, &[&str]); 4] = [
    (
        "message.title",
        &["1 firing", "production", "my-service", "TargetDown"],
    ),
    ("message.color", &["danger"]),
    ("message.link", &["https://example.com/runbook#targetdown"]),
    (
        "message.text",
        &[
            "it does not answer",
            "What to do: https://example.com/runbook#targetdown",
            "Over:",
            "it did not answer",
            "https://alertmanager.example.com",
        ],
    ),
];
