//! The template's service, in place, with a file for its database and one for its log.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{addresses::free_address, setup::Setup};

/// By its log's file; the Collector calls it so.
pub const NAME: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(60);

/// It is killed when it goes out of scope.
pub struct Service {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    pub http: reqwest::Client,
    /// What it accepts from whoever asks.
    pub token: String,
    process: Child,
}

impl Service {
    /// Starts, sends its spans there, and waits until it is ready. Its log and its database
    /// are in this folder.
    pub async fn start(
        setup: &Setup,
        folder: &TempDir,
        collector: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let [public, operations] = [(); 2].map(|()| free_address());
        let process = command(setup, folder.path())
            .arg("serve")
            .env("APP_HTTP__ADDRESS", public.to_string())
            .env("APP_OPERATIONS__ADDRESS", operations.to_string())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env("OTEL_BSP_SCHEDULE_DELAY", "200")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join(format!("{NAME}.log")))?)
            .spawn()
            .context("the service does not start")?;
        let service = Self {
            public,
            operations,
            http: reqwest::Client::new(),
            token: token(setup, folder.path())?,
            process,
        };
        service.until_ready().await?;
        Ok(service)
    }

    async fn until_ready(&self) -> Result<()> {
        let probe = format!("http://{}/readyz", self.operations);
        let begun = Instant::now();
        loop {
            let answer = self.http.get(&probe).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let is_over = begun.elapsed() > PATIENCE;
            ensure!(!is_over, "the service does not become ready");
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    /// What a scrape in OpenMetrics gets.
    pub async fn exposition(&self) -> Result<String> {
        let scrape = self
            .http
            .get(format!("http://{}/metrics", self.operations))
            .header("accept", "application/openmetrics-text; version=1.0.0");
        Ok(scrape.send().await?.text().await?)
    }
}

fn command(setup: &Setup, folder: &Path) -> Command {
    let mut command = Command::new(&setup.service);
    command
        .env("APP_PROFILE", "development")
        .env("APP_LOG__FORMAT", "json")
        .env("APP_STORE__PATH", folder.join("service.db"));
    command
}

fn token(setup: &Setup, folder: &Path) -> Result<String> {
    let minted = command(setup, folder)
        .args(["token", "--subject", "somebody"])
        .args(["--scope", "items:read items:write"])
        .output()?;
    ensure!(minted.status.success(), "no token is minted");
    Ok(String::from_utf8(minted.stdout)?.trim().to_owned())
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
