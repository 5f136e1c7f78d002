//! `cargo xtask profiles`: what each profile of a release costs and gives, on this machine.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{
    flavour::{Answers, generate_quietly},
    free, page, run, tree,
};

/// What `cargo xtask profiles` takes.
#[derive(Args)]
pub struct Options {
    /// Only these profiles, and nothing is written
    profiles: Vec<String>,
    /// Keep what a run before has built: measure it anew, and build what is missing
    #[arg(long)]
    keep: bool,
}

const NAME: &str = "my-service";
/// The profiles of Cargo.toml, and the release as `just pgo` builds it.
const PROFILES: [&str; 6] = [
    RELEASE,
    AGAIN,
    "release-abort",
    "release-fast-build",
    "profiling",
    PGO,
];
const RELEASE: &str = "release";
/// The same binary, measured as if it were another: what differs there is noise.
const AGAIN: &str = "release, again";
const PGO: &str = "release, with PGO";
/// Each profile is asked in turn, so many times: what a machine does meanwhile meets all.
const ROUNDS: usize = 16;
const LOAD: [&str; 6] = ["--threads", "1", "--connections", "32", "--duration", "3s"];
/// What a page of the list has.
const ITEMS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(options: &Options) -> Result<ExitCode> {
    run::output(Command::new("bash").args(["-c", "command -v wrk"]))
        .context("requests are sent by wrk; to have it: apt-get install wrk")?;
    let folder = tree::target().join("profiles");
    let project = folder.join(NAME);
    if !options.keep || !project.exists() {
        let answers = Answers {
            database: "sqlite",
            ..Answers::DEFAULT
        };
        tree::fresh(&folder)?;
        generate_quietly(NAME, answers, &folder)?;
    }
    let chosen =
        |name: &&str| options.profiles.is_empty() || options.profiles.iter().any(|p| p == *name);
    let mut rows = Vec::new();
    for profile in PROFILES.iter().copied().filter(chosen) {
        let row = match Row::built(profile, &project) {
            Some(row) => row,
            None => Row::build(profile, &project)?,
        };
        rows.push(row);
    }
    let first = rows.first().context("no profile has such a name")?;
    Service::start(&first.binary, &folder)?.fill()?;
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        // Nobody is always first.
        let first = round % rows.len();
        let (head, tail) = rows.split_at_mut(first);
        for row in tail.iter_mut().chain(head) {
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
    /// What building it took of processors.
    build_seconds: f64,
    samples: Vec<Sample>,
}

/// What one round has told.
#[derive(Clone, Copy)]
struct Sample {
    start_ms: f64,
    requests_per_second: f64,
    /// Of processor time, a request.
    cost_us: f64,
    memory_mib: f64,
}

impl Row {
    /// From nothing; what is shipped of it has its symbols split off.
    fn build(profile: &'static str, project: &Path) -> Result<Self> {
        eprintln!("building {profile}");
        let before = spent_by_children()?;
        let built = if profile == PGO {
            let pgo = run::output(Command::new("scripts/pgo").current_dir(project))?;
            PathBuf::from(
                pgo.lines()
                    .rfind(|line| line.starts_with('/'))
                    .unwrap_or_default(),
            )
        } else {
            let profile = if profile == AGAIN { RELEASE } else { profile };
            let mut cargo = run::cargo(project);
            cargo.env("CARGO_TARGET_DIR", project.join("target"));
            run::output(cargo.args(["build", "--profile", profile]))?;
            project.join("target").join(profile).join(NAME)
        };
        let build_seconds = spent_by_children()? - before;
        let binary = binary(profile, project);
        fs::copy(&built, &binary).with_context(|| format!("no {}", built.display()))?;
        if profile != "profiling" {
            let mut split = Command::new("scripts/split-symbols");
            split
                .current_dir(project)
                .arg(&binary)
                .arg("target/symbols");
            run::output(&mut split)?;
        }
        let seconds = binary.with_extension("seconds");
        fs::write(seconds, build_seconds.to_string())?;
        Self::built(profile, project).context("what was built is gone")
    }

    /// What was built before.
    fn built(profile: &'static str, project: &Path) -> Option<Self> {
        let binary = binary(profile, project);
        let seconds = fs::read_to_string(binary.with_extension("seconds")).ok()?;
        Some(Self {
            profile,
            bytes: binary.metadata().ok()?.len(),
            binary,
            build_seconds: seconds.parse().ok()?,
            samples: Vec::new(),
        })
    }

    fn measure(&mut self, folder: &Path) -> Result<()> {
        let service = Service::start(&self.binary, folder)?;
        let load = service.load()?;
        self.samples.push(Sample {
            start_ms: service.started.as_secs_f64() * 1e3,
            requests_per_second: load.requests_per_second,
            cost_us: load.cost_us,
            memory_mib: service.memory_mebibytes()?,
        });
        Ok(())
    }

    fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        quantiles(self.samples.iter().map(of).collect())[1]
    }

    /// Of the ratios of each round, the quartiles: what the machine did then met both.
    fn beside(&self, base: &Self, of: fn(&Sample) -> f64) -> [f64; 3] {
        let rounds = self.samples.iter().zip(&base.samples);
        quantiles(rounds.map(|(this, base)| of(this) / of(base)).collect())
    }
}

/// Where what is measured of a profile is kept.
fn binary(profile: &str, project: &Path) -> PathBuf {
    let name = profile.replace(", ", "-").replace(' ', "-");
    project.join("target").join(name).with_extension("measured")
}

/// What all processes that have been started here, and have ended, took of processors.
fn spent_by_children() -> Result<f64> {
    Ok(ticks(Path::new("/proc/self/stat"), 13)? / TICKS_PER_SECOND)
}

/// The sum of two fields of a `stat`, counted behind the name of the process.
fn ticks(stat: &Path, first: usize) -> Result<f64> {
    let stat = tree::read(stat)?;
    let (_, fields) = stat.rsplit_once(')').context("no stat of a process")?;
    let ticks = fields.split_whitespace().skip(first).take(2);
    Ok(ticks.map(str::parse::<f64>).sum::<Result<_, _>>()?)
}

/// `USER_HZ`, which Linux has on every architecture that Rust knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// One that runs; ended when dropped.
struct Service {
    process: Child,
    started: Duration,
    api: String,
    token: String,
}

impl Service {
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let [public, operations] = free::addresses()?;
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

    /// Puts a page of items there.
    fn fill(&self) -> Result<()> {
        let token = self.token.trim_start_matches("authorization: ");
        for item in 0..ITEMS {
            let body = format!(r#"{{"name": "item {item}", "quantity": {item}}}"#);
            let post = ureq::post(&self.api).header("authorization", token);
            let post = post.header("content-type", "application/json");
            let answer = post.send(body.as_str())?;
            ensure!(answer.status() == 201, "{}", answer.status());
        }
        Ok(())
    }

    fn load(&self) -> Result<Load> {
        let before = self.processor_us()?;
        let mut wrk = Command::new("wrk");
        wrk.args(LOAD).args(["--header", &self.token]);
        let told = run::output(wrk.arg(&self.api))?;
        if told.contains("Non-2xx") {
            bail!("not every request was answered well:\n{told}");
        }
        let spent = self.processor_us()? - before;
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"));
        let requests = told
            .lines()
            .find_map(|line| line.trim().split_once(" requests in "));
        let (requests, _) = requests.context("wrk says no number of requests")?;
        Ok(Load {
            requests_per_second: line.context("wrk says no rate")?.trim().parse()?,
            cost_us: spent / requests.parse::<f64>()?,
        })
    }

    /// What it has had of processors.
    fn processor_us(&self) -> Result<f64> {
        let stat = format!("/proc/{}/stat", self.process.id());
        Ok(ticks(Path::new(&stat), 11)? / TICKS_PER_SECOND * 1e6)
    }

    /// The most that it has had.
    fn memory_mebibytes(&self) -> Result<f64> {
        let status = tree::read(Path::new(&format!("/proc/{}/status", self.process.id())))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kibibytes.context("no VmHWM")?.parse::<f64>()? / 1024.0)
    }
}

struct Load {
    requests_per_second: f64,
    cost_us: f64,
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
         `profiling`. Medians of {ROUNDS} rounds, in each of which every profile has its turn: until\n\
         `/readyz` is 200; `GET /api/v1/items`, a page of {ITEMS}, by a client with a token over 32\n\
         connections, logged as JSON, the client on the same cores; what a request took of\n\
         processors; the most memory that the process had. Ratios are those of one round to the\n\
         release of that round: their median, and where half of them are. `{AGAIN}` is the\n\
         same binary once more: what its ratios are away from 1 is noise. \"With PGO\" is what\n\
         `just pgo` builds, in two builds and a run of other requests than these alone.\n\n\
         | profile | bytes | build, s of a processor | start-up, ms | requests/s | × release | half of all rounds | processor time a request, µs | × release | half of all rounds | memory, MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for row in rows {
        let ratio = |of: fn(&Sample) -> f64| match rows.first() {
            Some(base) if base.profile != row.profile => {
                let [low, median, high] = row.beside(base, of);
                format!("{median:.3} | {low:.3} … {high:.3}")
            }
            _ => " | ".to_owned(),
        };
        let build = match row.profile {
            AGAIN => String::new(),
            _ => format!("{:.0}", row.build_seconds),
        };
        let _ = writeln!(
            table,
            "| {} | {} | {build} | {:.1} | {:.0} | {} | {:.1} | {} | {:.1} |",
            row.profile,
            row.bytes,
            row.median(|s| s.start_ms),
            row.median(|s| s.requests_per_second),
            ratio(|s| s.requests_per_second),
            row.median(|s| s.cost_us),
            ratio(|s| s.cost_us),
            row.median(|s| s.memory_mib),
        );
    }
    table
}

/// The lower quartile, the median, the upper quartile.
fn quantiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        let place = values.len() * quarter / 4;
        values.get(place).copied().unwrap_or(f64::NAN)
    })
}
