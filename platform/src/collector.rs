//! A Collector that runs what is shipped: its ports, addresses and folders by variables.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use procfs::process::Process;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{addresses::free_address, composition::Composition, setup::Setup};

const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(20);
const MIB: f64 = 1024.0 * 1024.0;

/// It is killed when it goes out of scope.
pub struct Collector {
    name: &'static str,
    binary: PathBuf,
    composition: Composition,
    ports: Ports,
    folder: TempDir,
    process: Child,
    http: reqwest::Client,
}

/// Free ones, which it keeps when it is started again.
struct Ports {
    grpc: u16,
    http: u16,
    health: u16,
    metrics: u16,
}

impl Collector {
    /// Starts with these settings instead of those of the composition, and waits until it
    /// is healthy.
    pub async fn start(
        setup: &Setup,
        name: &'static str,
        composition: Composition,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ports = Ports::free();
        let mut composition = composition;
        let own = ports.settings(folder.path().display().to_string());
        for (setting, value) in own.into_iter().chain(settings.iter().cloned()) {
            composition.settings.insert(setting.to_owned(), value);
        }
        let process = launch(&setup.collector, &composition, &folder)?;
        let mut collector = Self {
            name,
            binary: setup.collector.clone(),
            composition,
            ports,
            folder,
            process,
            http: reqwest::Client::new(),
        };
        collector.until_healthy().await?;
        Ok(collector)
    }

    /// Where it takes OTLP by gRPC.
    pub fn grpc(&self) -> String {
        format!("127.0.0.1:{}", self.ports.grpc)
    }

    /// Where it takes OTLP by HTTP.
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.ports.http)
    }

    /// Where its own metrics are.
    pub fn metrics(&self) -> String {
        format!("127.0.0.1:{}", self.ports.metrics)
    }

    /// SIGKILL: nothing is put in order.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// SIGTERM, until it has ended.
    pub async fn stop(&mut self) -> Result<()> {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let begun = Instant::now();
        while self.process.try_wait()?.is_none() {
            ensure!(begun.elapsed() < PATIENCE, "{} does not end", self.name);
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Once more, with what it has on its disk.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = launch(&self.binary, &self.composition, &self.folder)?;
        self.until_healthy().await
    }

    async fn until_healthy(&mut self) -> Result<()> {
        let probe = format!("http://127.0.0.1:{}/", self.ports.health);
        let begun = Instant::now();
        loop {
            let answer = self.http.get(&probe).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let ended = self.process.try_wait()?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                bail!("{} does not become healthy:\n{}", self.name, self.log()?);
            }
            sleep(LOOK).await;
        }
    }

    /// The end of what it has logged.
    pub fn log(&self) -> Result<String> {
        let text = fs::read_to_string(self.folder.path().join("log"))?;
        let lines: Vec<_> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(20)..].join("\n"))
    }

    /// The sum of its own series of which the name begins so and the labels hold that.
    pub async fn sum(&self, name: &str, label: &str) -> Result<f64> {
        let lines = self.exposition().await?;
        let fits = |line: &&str| line.starts_with(name) && line.contains(label);
        let values = lines.lines().filter(fits).map(|line| {
            let value = line.rsplit(' ').next().unwrap_or_default();
            value.parse::<f64>().with_context(|| line.to_owned())
        });
        values.sum()
    }

    /// All of them.
    pub async fn exposition(&self) -> Result<String> {
        let url = format!("http://{}/metrics", self.metrics());
        Ok(self.http.get(url).send().await?.text().await?)
    }

    /// What it uses of the machine.
    pub fn usage(&self) -> Result<Usage> {
        let process = Process::new(i32::try_from(self.process.id())?)?;
        let (status, stat) = (process.status()?, process.stat()?);
        let mebibytes = |kibibytes: Option<u64>| {
            let kibibytes = kibibytes.context("no memory")?;
            anyhow::Ok(kibibytes as f64 * 1024.0 / MIB)
        };
        let ticks = (stat.utime + stat.stime) as f64;
        Ok(Usage {
            processor_seconds: ticks / procfs::ticks_per_second() as f64,
            peak_mib: mebibytes(status.vmhwm)?,
        })
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// MiB that its queues take on the disk.
    pub fn stored_mib(&self) -> Result<f64> {
        let files = fs::read_dir(self.folder.path().join("storage"))?;
        let sizes = files.map(|file| Ok(file?.metadata()?.len()));
        let sizes = sizes.collect::<Result<Vec<_>>>()?;
        Ok(sizes.iter().sum::<u64>() as f64 / MIB)
    }
}

/// What it uses of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub processor_seconds: f64,
    pub peak_mib: f64,
}

fn launch(binary: &PathBuf, composition: &Composition, folder: &TempDir) -> Result<Child> {
    fs::create_dir_all(folder.path().join("storage"))?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))?;
    Command::new(binary)
        .args(composition.arguments())
        .envs(&composition.settings)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}

impl Ports {
    fn free() -> Self {
        let [grpc, http, health, metrics] = [(); 4].map(|()| free_address().port());
        Self {
            grpc,
            http,
            health,
            metrics,
        }
    }

    fn settings(&self, folder: String) -> Vec<(&'static str, String)> {
        vec![
            ("COLLECTOR_LISTEN", "127.0.0.1".to_owned()),
            ("COLLECTOR_OTLP_GRPC_PORT", self.grpc.to_string()),
            ("COLLECTOR_OTLP_HTTP_PORT", self.http.to_string()),
            ("COLLECTOR_HEALTH_PORT", self.health.to_string()),
            ("COLLECTOR_METRICS_PORT", self.metrics.to_string()),
            ("COLLECTOR_STORAGE", format!("{folder}/storage")),
            ("COLLECTOR_LOG_FILES", format!("[{folder}/*.none]")),
            ("COLLECTOR_BACKEND_INSECURE", "true".to_owned()),
        ]
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
