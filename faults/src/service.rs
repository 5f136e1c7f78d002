//! The service as its users meet it: a process, two addresses, a log.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{sleep, timeout};

use crate::{
    series,
    setup::Setup,
    shared::{PATIENCE, log::Log, postgres},
    usage::Usage,
};

/// How often it is looked whether something is so: often enough for a time in
/// hundredths of a second, seldom enough to be no load.
const LOOK: Duration = Duration::from_millis(5);

/// The settings of all: a machine that is busy with the load is no fault of the service.
const SETTINGS: [(&str, &str); 6] = [
    ("APP_PROFILE", "development"),
    ("APP_HTTP__ADDRESS", "127.0.0.1:0"),
    ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
    ("APP_STORE__ACQUIRE_TIMEOUT", "1m"),
    ("APP_LOG__FORMAT", "json"),
    // A line for each request would measure who reads them.
    ("APP_LOG__FILTER", "warn,service::server=info"),
];

/// The same, of a service with PostgreSQL.
const OF_POSTGRES: (&str, &str) = ("APP_STORE__ANSWER_TIMEOUT", "1m");

/// The time-outs of the store as they are by default.
pub const IMPATIENT: [(&str, &str); 2] = [
    ("APP_STORE__ACQUIRE_TIMEOUT", "1500ms"),
    ("APP_STORE__ANSWER_TIMEOUT", "1800ms"),
];

/// A running service. It is killed when it goes out of scope.
pub struct Service {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    /// How long it took from its start until it was ready.
    pub ready_after: Duration,
    /// What a probe may take: Kubernetes waits for a second.
    pub probe_timeout: Duration,
    token: String,
    http: reqwest::Client,
    process: Child,
    log: Log,
}

impl Service {
    /// Starts with a database of its own, and waits until it is ready.
    pub async fn start(setup: &Setup, settings: &[(&str, &str)]) -> Result<Self> {
        let url = postgres::new_database().await;
        let database = [
            ("APP_STORE__URL", &*url),
            ("APP_STORE__MIN_CONNECTIONS", "1"),
        ];
        Self::of(setup, &setup.service, &[&database, settings].concat()).await
    }

    /// Starts this binary with these settings, and waits until it is ready.
    pub async fn of(setup: &Setup, binary: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve");
        Self::launch(setup, command, settings).await
    }

    /// Starts by a command of one's own, and waits until it is ready.
    pub async fn launch(
        setup: &Setup,
        command: Command,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let token = token(setup.command(), "load", "4h")?;
        let start = Instant::now();
        let mut service = Self::listening(setup, token, command, settings).await?;
        service.until_probe("/readyz", 200).await?;
        service.ready_after = start.elapsed();
        Ok(service)
    }

    /// Starts by a command of one's own, and waits until it listens.
    pub async fn listening(
        setup: &Setup,
        token: String,
        mut command: Command,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = configure(&mut command, settings)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let log = Log::follow(process.stdout.take().context("no output")?);
        // What is set needs no look at the log, which may go elsewhere.
        let set = |name| settings.iter().find(|(set, _)| *set == name);
        let set = (set("APP_HTTP__ADDRESS"), set("APP_OPERATIONS__ADDRESS"));
        let (public, operations) = match set {
            (Some((_, public)), Some((_, operations))) => (public.parse()?, operations.parse()?),
            _ => {
                let operations = log.listening("operations").await;
                (log.listening("public").await, operations)
            }
        };
        Ok(Self {
            public,
            operations,
            ready_after: Duration::ZERO,
            probe_timeout: setup.within(Duration::from_secs(1)),
            token,
            http: reqwest::Client::new(),
            process,
            log,
        })
    }

    /// For `Authorization`: may read and write items.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The status of an answer.
    pub async fn get(&self, path: &str) -> Result<u16> {
        self.get_as(&self.bearer(), path).await
    }

    /// The same for somebody else.
    pub async fn get_as(&self, bearer: &str, path: &str) -> Result<u16> {
        let url = format!("http://{}{path}", self.public);
        let request = self.http.get(url).header("authorization", bearer);
        Ok(request.send().await?.status().as_u16())
    }

    /// The status of a probe.
    pub async fn probe(&self, path: &str) -> Result<u16> {
        let url = format!("http://{}{path}", self.operations);
        Ok(self.http.get(url).send().await?.status().as_u16())
    }

    /// Waits until a probe answers so, and says how long it took.
    pub async fn until_probe(&self, path: &str, status: u16) -> Result<Duration> {
        let begun = Instant::now();
        let answered = async || self.probe(path).await.is_ok_and(|s| s == status);
        if !until(answered).await {
            bail!("{path} is never {status}: {:#?}", self.log.lines());
        }
        Ok(begun.elapsed())
    }

    /// The sum of the series that begin so.
    pub async fn sum(&self, beginning: &str) -> Result<f64> {
        self.sum_where(beginning, "").await
    }

    /// The sum of those of them that have this label.
    pub async fn sum_where(&self, beginning: &str, label: &str) -> Result<f64> {
        let url = format!("http://{}/metrics", self.operations);
        let page = self.http.get(url).send().await?.text().await?;
        Ok(series::sum(&page, beginning, label))
    }

    pub async fn until_sum(&self, beginning: &str, fits: impl Fn(f64) -> bool) -> Result<()> {
        let is_so = until(async || self.sum(beginning).await.is_ok_and(&fits)).await;
        ensure!(is_so, "{beginning} is {:?}", self.sum(beginning).await);
        Ok(())
    }

    /// The highest number of a descriptor that is open.
    pub fn highest_descriptor(&self) -> Result<u32> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.id()))?;
        let numbers = open.filter_map(|fd| fd.ok()?.file_name().to_str()?.parse::<u32>().ok());
        numbers.max().context("no descriptor is open")
    }

    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.id())
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, name: &str) -> Result<()> {
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &self.id().to_string()]).status()?;
        ensure!(sent.success(), "kill: {sent}");
        Ok(())
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Result<ExitStatus> {
        self.log.end().await;
        Ok(self.process.wait()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Looks again and again, until it is so; false if it never is.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let looking = async {
        while !is_so().await {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, looking).await.is_ok()
}

/// As the binary mints it, which is what the command starts.
pub fn token(mut command: Command, subject: &str, lifetime: &str) -> Result<String> {
    command.args(["token", "--subject", subject, "--lifetime", lifetime]);
    let minted = configure(&mut command, &[]).output()?;
    ensure!(minted.status.success(), "token: {}", minted.status);
    Ok(String::from_utf8(minted.stdout)?.trim().to_owned())
}

fn configure<'a>(command: &'a mut Command, settings: &[(&str, &str)]) -> &'a mut Command {
    let with_postgres = settings.iter().any(|(name, _)| *name == "APP_STORE__URL");
    let of_postgres = with_postgres.then_some(&OF_POSTGRES);
    let all = SETTINGS.iter().chain(of_postgres).chain(settings).copied();
    // Who counts panics must not wait for their backtraces.
    command.env("RUST_BACKTRACE", "0").envs(all)
}
