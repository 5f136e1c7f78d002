//! A real Prometheus, which scrapes each second and is asked as Grafana asks it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::addresses::free_address;

const PATIENCE: Duration = Duration::from_secs(60);
/// In whose namespace, and on which pod, all targets are.
pub const NAMESPACE: &str = "shop";

/// What is scraped: its job, its pod, where it is.
pub struct Target {
    pub job: &'static str,
    pub pod: &'static str,
    pub address: String,
}

/// It is killed when it goes out of scope.
pub struct Prometheus {
    address: SocketAddr,
    process: Child,
    folder: TempDir,
    http: reqwest::Client,
}

/// A series' labels.
pub type Labels = BTreeMap<String, String>;

impl Prometheus {
    /// Starts with these targets and rules, and waits until it is ready.
    pub async fn start(targets: &[Target], rules: &[PathBuf]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address();
        let configuration = configuration(targets, rules, address);
        let file = folder.path().join("prometheus.yaml");
        fs::write(&file, configuration.to_string())?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--enable-feature=exemplar-storage", "--log.level=warn"]);
        Self::of(command, address, folder).await
    }

    /// Starts this, which listens there, and waits until it is ready.
    pub async fn of(mut command: Command, address: SocketAddr, folder: TempDir) -> Result<Self> {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()
            .context("prometheus is not here; to have it: apt-get install prometheus")?;
        let mut prometheus = Self {
            address,
            process,
            folder,
            http: reqwest::Client::new(),
        };
        prometheus.until_ready().await?;
        Ok(prometheus)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        let probe = format!("http://{}/-/ready", self.address);
        loop {
            let answer = self.http.get(&probe).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let has_ended = self.process.try_wait()?.is_some();
            if has_ended || begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!("Prometheus does not start:\n{log}");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The series of an expression's answer, now.
    pub async fn ask(&self, expression: &str) -> Result<Vec<Labels>> {
        let data = self.get("query", &[("query", expression)]).await?;
        // A number without labels is one, too.
        if data["resultType"] == "scalar" {
            return Ok(vec![Labels::new()]);
        }
        let series = data["result"].as_array().context("no result")?;
        series
            .iter()
            .map(|series| Ok(serde_json::from_value(series["metric"].clone())?))
            .collect()
    }

    /// Names of all series.
    pub async fn names(&self) -> Result<BTreeSet<String>> {
        let names = self.get("label/__name__/values", &[]).await?;
        Ok(serde_json::from_value(names)?)
    }

    /// Trace ids of the exemplars of a series.
    pub async fn exemplars(&self, series: &str) -> Result<BTreeSet<String>> {
        let from = [("query", series), ("start", "0"), ("end", "9999999999")];
        let data = self.get("query_exemplars", &from).await?;
        let series = data.as_array().context("no exemplars")?.iter();
        let exemplars = series.flat_map(|one| one["exemplars"].as_array().into_iter().flatten());
        let ids = exemplars.filter_map(|one| one["labels"]["trace_id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    async fn get(&self, what: &str, query: &[(&str, &str)]) -> Result<Value> {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let url = format!("http://{}/api/v1/{what}?{}", self.address, query.join("&"));
        let text = self.http.get(url).send().await?.text().await?;
        let mut answer: Value = serde_json::from_str(&text)?;
        ensure!(answer["status"] == "success", "{}", answer["error"]);
        Ok(answer["data"].take())
    }
}

/// Percent-encoded: an expression has all that a URL must not.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn configuration(targets: &[Target], rules: &[PathBuf], itself: SocketAddr) -> Value {
    let itself = Target {
        job: "prometheus",
        pod: "prometheus-0",
        address: itself.to_string(),
    };
    let jobs: BTreeSet<_> = targets.iter().map(|target| target.job).collect();
    let scrape = |job: &str, of: Vec<&Target>| {
        let groups = of.iter().map(|target| {
            let labels = json!({ "namespace": NAMESPACE, "pod": target.pod });
            json!({ "targets": [target.address], "labels": labels })
        });
        json!({ "job_name": job, "static_configs": groups.collect::<Vec<_>>() })
    };
    let mut configs: Vec<_> = jobs
        .into_iter()
        .map(|job| {
            let of = targets.iter().filter(|target| target.job == job);
            scrape(job, of.collect())
        })
        .collect();
    configs.push(scrape(itself.job, vec![&itself]));
    json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": rules,
        "scrape_configs": configs,
    })
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
