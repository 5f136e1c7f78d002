//! Prometheus and Alertmanager with exactly the files that are shipped: folders are links to
//! them, and what is of this machine, addresses and secrets, is in files beside those.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{addresses::free_address, prometheus::Prometheus, setup::Setup, told::Told};

const PATIENCE: Duration = Duration::from_secs(60);
/// The service's name in its rules, before kustomize has given it another.
pub const JOB: &str = "service";
pub const NAMESPACE: &str = "production";

/// The rules that a service brings: what stands behind the head of a PrometheusRule.
const OF_SERVICE: [&str; 2] = ["prometheusrule.yaml", "slo/prometheusrule.yaml"];
const HEAD_ENDS: &str = "\nspec:\n";

/// Scrapes the one service, and tells the Alertmanager.
pub async fn prometheus(
    setup: &Setup,
    service: SocketAddr,
    alertmanager: SocketAddr,
) -> Result<Prometheus> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    let shipped = setup.repository().join("deploy/prometheus");
    for name in ["config", "rules"] {
        symlink(shipped.join(name).canonicalize()?, here.join(name))?;
    }
    fs::create_dir(here.join("scrape"))?;
    let hosts = shipped.join("scrape/hosts.yml").canonicalize()?;
    symlink(hosts, here.join("scrape/hosts.yml"))?;
    targets(here, "alertmanager", alertmanager, &json!({}))?;
    let labels = json!({ "job": JOB, "namespace": NAMESPACE });
    targets(here, "services", service, &labels)?;
    rules_of_service(setup, here)?;
    let address = free_address();
    let program = setup.prometheus.as_ref();
    let mut command = Command::new(program.context("no Prometheus")?);
    command
        .arg(format!(
            "--config.file={}/config/prometheus.yml",
            here.display()
        ))
        .arg(format!("--storage.tsdb.path={}/data", here.display()))
        .arg(format!("--web.listen-address={address}"))
        .args(["--enable-feature=exemplar-storage", "--log.level=warn"])
        .envs([
            ("CLUSTER", "one"),
            ("ENVIRONMENT", "test"),
            ("REPLICA", "0"),
        ]);
    Prometheus::of(command, address, folder).await
}

/// A file of targets, as an operator of hosts writes it.
fn targets(
    folder: &Path,
    name: &str,
    address: SocketAddr,
    labels: &serde_json::Value,
) -> Result<()> {
    let folder = folder.join("targets").join(name);
    fs::create_dir_all(&folder)?;
    let groups = json!([{ "targets": [address.to_string()], "labels": labels }]);
    // JSON is YAML, too.
    Ok(fs::write(folder.join("all.yml"), groups.to_string())?)
}

/// As the README of Prometheus makes files of them.
fn rules_of_service(setup: &Setup, folder: &Path) -> Result<()> {
    let folder = folder.join("services");
    fs::create_dir(&folder)?;
    let monitoring = "template/deploy/components/monitoring";
    let monitoring = setup.repository().join(monitoring);
    for (number, name) in OF_SERVICE.iter().enumerate() {
        let text = fs::read_to_string(monitoring.join(name))?;
        let (_, rules) = text.split_once(HEAD_ENDS).context("it has no head")?;
        let rules: String = rules
            .lines()
            .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)))
            .collect();
        fs::write(folder.join(format!("{number}.yml")), rules)?;
    }
    Ok(())
}

/// It is killed when it goes out of scope.
pub struct Alertmanager {
    pub address: SocketAddr,
    process: Child,
    folder: TempDir,
}

impl Alertmanager {
    /// All whom it tells are one; PagerDuty is behind a proxy that nobody has started.
    pub async fn start(setup: &Setup, told: &Told) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        let shipped = setup.repository().join("deploy/alertmanager/config");
        symlink(shipped.canonicalize()?, here.join("config"))?;
        let secrets = here.join("secrets/alertmanager");
        fs::create_dir_all(&secrets)?;
        for whom in ["webhook", "slack", "dead-mans-switch"] {
            fs::write(secrets.join(format!("{whom}-url")), told.url(whom))?;
        }
        for of in ["services", "platform"] {
            fs::write(secrets.join(format!("pagerduty-{of}-key")), "secret")?;
        }
        let address = free_address();
        let program = setup.alertmanager.as_ref().context("no Alertmanager")?;
        let process = Command::new(program)
            .current_dir(here)
            .arg("--config.file=config/alertmanager.yaml")
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address={address}"))
            // It is alone.
            .arg("--cluster.listen-address=")
            .env("HTTPS_PROXY", format!("http://{}", free_address()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(here.join("log"))?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut alertmanager = Self {
            address,
            process,
            folder,
        };
        alertmanager.until_ready().await?;
        Ok(alertmanager)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        let probe = format!("http://{}/-/ready", self.address);
        loop {
            let answer = reqwest::get(&probe).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let has_ended = self.process.try_wait()?.is_some();
            if has_ended || begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!("Alertmanager does not start:\n{log}");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
