//! `cargo xtask profiles`: what each profile of a release costs and gives, on this machine.

use std::{
    fmt::Write,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    flavour::{Answers, generate_quietly},
    page, run, tree,
};

/// What `cargo xtask profiles` takes.
#[derive(Args)]
pub struct Options {
    /// Only these profiles, and nothing is written
    profiles: Vec<String>,
}

const NAME: &str = "my-service";
/// The profiles of Cargo.toml, and the release as `just pgo` builds it.
const PROFILES: [&str; 5] = [
    "release",
    "release-abort",
    "release-fast-build",
    "profiling",
    PGO,
];
const PGO: &str = "release, with PGO";
/// Each profile is asked in turn, so many times: what a machine does meanwhile meets all.
const ROUNDS: usize = 5;
const LOAD: [&str; 6] = ["--threads", "1", "--connections", "32", "--duration", "3s"];
const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(options: &Options) -> Result<ExitCode> {
    run::output(Command::new("bash").args(["-c", "command -v wrk"]))
        .context("requests are sent by wrk; to have it: apt-get install wrk")?;
    let folder = tree::target().join("profiles");
    tree::fresh(&folder)?;
    let answers = Answers {
        database: "sqlite",
        ..Answers::DEFAULT
    };
    let project = generate_quietly(NAME, answers, &folder)?;
    let chosen =
        |name: &&str| options.profiles.is_empty() || options.profiles.iter().any(|p| p == *name);
    let mut rows = Vec::new();
    for profile in PROFILES.iter().copied().filter(chosen) {
        rows.push(Row::build(profile, &project)?);
    }
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for row in &mut rows {
            row.measure(&folder)?;
        }
    }
    let table = table(&rows);
    println!("{table}");
    if options.profiles.is_empty() {
        page::write_section("profiles", "cargo xtask profiles", &table)?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Row {
    profile: &'static str,
    binary: PathBuf,
    bytes: u64,
    build: Duration,
    start: Vec<f64>,
    requests: Vec<f64>,
    memory: Vec<f64>,
}

impl Row {
    /// From nothing; what is shipped of it has its symbols split off.
    fn build(profile: &'static str, project: &Path) -> Result<Self> {
        eprintln!("building {profile}");
        let start = Instant::now();
        let built = if profile == PGO {
            let pgo = run::output(Command::new("scripts/pgo").current_dir(project))?;
            PathBuf::from(
                pgo.lines()
                    .rfind(|line| line.starts_with('/'))
                    .unwrap_or_default(),
            )
        } else {
            let mut cargo = run::cargo(project);
            cargo.env("CARGO_TARGET_DIR", project.join("target"));
            run::output(cargo.args(["build", "--profile", profile]))?;
            project.join("target").join(profile).join(NAME)
        };
        let build = start.elapsed();
        let binary = project
            .join("target")
            .join(profile.replace(", ", "-").replace(' ', "-"));
        let binary = binary.with_extension("measured");
        fs::copy(&built, &binary).with_context(|| format!("no {}", built.display()))?;
        if profile != "profiling" {
            let mut split = Command::new("scripts/split-symbols");
            split
                .current_dir(project)
                .arg(&binary)
                .arg("target/symbols");
            run::output(&mut split)?;
        }
        Ok(Self {
            profile,
            bytes: binary.metadata()?.len(),
            binary,
            build,
            start: Vec::new(),
            requests: Vec::new(),
            memory: Vec::new(),
        })
    }

    fn measure(&mut self, folder: &Path) -> Result<()> {
        let service = Service::start(&self.binary, folder)?;
        self.start.push(service.started.as_secs_f64() * 1e3);
        self.requests.push(service.requests_per_second()?);
        self.memory.push(service.memory_mebibytes()?);
        Ok(())
    }
}

/// One that runs; ended when dropped.
struct Service {
    process: Child,
    started: Duration,
    api: String,
    token: String,
}

impl Service {
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let (public, operations) = (free()?, free()?);
        let database = folder.join("measured.db");
        let command = || {
            let mut command = Command::new(binary);
            command
                .env("APP_PROFILE", "development")
                .env("APP_LOG__FORMAT", "json")
                .env("APP_STORE__PATH", &database)
                .env("APP_HTTP__ADDRESS", public.to_string())
                .env("APP_OPERATIONS__ADDRESS", operations.to_string());
            command
        };
        let token = run::output(command().arg("token"))?;
        let begun = Instant::now();
        let process = command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut service = Self {
            process,
            started: Duration::ZERO,
            api: format!("http://{public}/api/v1/items"),
            token: format!("authorization: Bearer {}", token.trim()),
        };
        let ready = format!("http://{operations}/readyz");
        while ureq::get(&ready).call().is_err() {
            if service.process.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                bail!("{} does not become ready", binary.display());
            }
            thread::sleep(Duration::from_millis(1));
        }
        service.started = begun.elapsed();
        Ok(service)
    }

    fn requests_per_second(&self) -> Result<f64> {
        let mut wrk = Command::new("wrk");
        wrk.args(LOAD).args(["--header", &self.token]);
        let told = run::output(wrk.arg(&self.api))?;
        if told.contains("Non-2xx") {
            bail!("not every request was answered well:\n{told}");
        }
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(line.context("wrk says no rate")?.trim().parse()?)
    }

    /// The most that it has had.
    fn memory_mebibytes(&self) -> Result<f64> {
        let status = tree::read(Path::new(&format!("/proc/{}/status", self.process.id())))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kibibytes.context("no VmHWM")?.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "## Release profiles\n\n\
         The service with SQLite, built from nothing; the symbols are split off, but for\n\
         `profiling`. Medians of {ROUNDS} rounds: until `/readyz` is 200; `GET /api/v1/items` by a\n\
         client with a token over 32 connections, logged as JSON, the client on the same cores; the\n\
         most memory that it had. \"With PGO\" is what `just pgo` builds, in two builds.\n\n\
         | profile | bytes | build, s | start-up, ms | requests/s | memory, MiB |\n\
         |---|---:|---:|---:|---:|---:|\n"
    );
    for row in rows {
        let _ = writeln!(
            table,
            "| {} | {} | {:.0} | {:.1} | {:.0} | {:.1} |",
            row.profile,
            row.bytes,
            row.build.as_secs_f64(),
            median(&row.start),
            median(&row.requests),
            median(&row.memory),
        );
    }
    table
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
