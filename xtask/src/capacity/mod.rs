//! `cargo xtask capacity`: the generated service as a whole, over sockets, beside a bare
//! router that gives the same answer.

mod build;
mod load;
pub mod postgres;
mod report;
mod server;
mod subjects;

use std::{
    fs,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use anyhow::Result;
use clap::Args;

use self::{
    build::{Binaries, Build},
    load::Sample,
    postgres::Postgres,
    subjects::{Issued, SUBJECTS},
};
use crate::{page, run, tree};

/// What `cargo xtask capacity` takes.
#[derive(Args)]
pub struct Options {
    /// Without optimisation, and so little load that the numbers mean nothing: whether
    /// all still runs
    #[arg(long)]
    quick: bool,
    /// Measure anew what a run before has built, and build what is missing
    #[arg(long)]
    keep: bool,
}

/// How much is done.
#[derive(Clone, Copy)]
struct Effort {
    build: Build,
    rounds: usize,
    /// How long a server is under load in a round.
    seconds: u32,
    /// How often a service is started.
    starts: usize,
}

impl Effort {
    const FULL: Self = Self {
        build: Build::AsShipped,
        rounds: 15,
        seconds: 3,
        starts: 15,
    };
    const QUICK: Self = Self {
        build: Build::Unoptimised,
        rounds: 1,
        seconds: 1,
        starts: 1,
    };
}

/// All that was measured.
struct Measured {
    /// Of each subject, one value a round.
    load: Vec<Vec<Sample>>,
    starts: Vec<(&'static str, Vec<Duration>)>,
    idle_mib: f64,
    loaded_mib: f64,
}

/// Builds, measures, and tells; what is measured whole is written down.
pub fn run(options: &Options) -> Result<ExitCode> {
    load::check_wrk()?;
    let effort = if options.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let folder = tree::target().join("capacity");
    fs::create_dir_all(&folder)?;
    let binaries = build::all(&folder, effort.build, options.keep)?;
    let measured = measure(&binaries, effort)?;
    print!("{}", report::tables(&measured));
    if !options.quick {
        let text = report::section(&measured, &machine());
        page::write_section("capacity", "cargo xtask capacity", &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// When, with what, on what.
fn machine() -> String {
    let first = |program: &str, argument: &str| {
        let told = run::output(Command::new(program).arg(argument)).unwrap_or_default();
        told.lines().next().unwrap_or_default().trim().to_owned()
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("processors", |(_, model)| model);
    format!(
        "{} with {} on {processors} × {model}, {}",
        first("date", "+%Y-%m-%d"),
        first("rustc", "--version"),
        first("uname", "-sr"),
    )
}

fn measure(binaries: &Binaries, effort: Effort) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let issued = Issued::by(&binaries.companion, folder.path())?;
    let idle_mib = subjects::with_issuers(&binaries.memory, &issued, false)?.memory_mib()?;
    eprintln!("starting services");
    let starts = starts(binaries, effort)?;
    eprintln!("under load: {} rounds", effort.rounds);
    let (load, loaded_mib) = under_load(binaries, &issued, effort)?;
    Ok(Measured {
        load,
        starts,
        idle_mib,
        loaded_mib,
    })
}

/// Lets all servers take turns, round by round, so that whatever else happens on the
/// machine hurts all of them alike.
fn under_load(
    binaries: &Binaries,
    issued: &Issued,
    effort: Effort,
) -> Result<(Vec<Vec<Sample>>, f64)> {
    let running = SUBJECTS
        .iter()
        .map(|s| subjects::start(binaries, issued, s));
    let running = running.collect::<Result<Vec<_>>>()?;
    let mut load = vec![Vec::new(); SUBJECTS.len()];
    // The first is for the caches, of the processor and of tokens.
    for round in 0..=effort.rounds {
        for ((subject, running), samples) in SUBJECTS.iter().zip(&running).zip(&mut load) {
            let token = issued.token(subject.algorithm);
            let seconds = if round == 0 { 1 } else { effort.seconds };
            let sample = load::run(&running.item, token, running.server.id(), seconds)?;
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    let services = SUBJECTS.iter().zip(&running).filter(|(s, _)| !s.is_bare);
    let memory = services.map(|(_, running)| running.server.memory_mib());
    let memory = memory.collect::<Result<Vec<_>>>()?;
    Ok((load, memory.into_iter().fold(0.0, f64::max)))
}

/// From the start of the process until the readiness probe is green, each time with a
/// new database that has yet to be migrated.
fn starts(binaries: &Binaries, effort: Effort) -> Result<Vec<(&'static str, Vec<Duration>)>> {
    let folder = tempfile::tempdir()?;
    let sqlite = (0..effort.starts).map(|n| {
        let path = folder.path().join(format!("{n}.db"));
        let path = path.display().to_string();
        subjects::start_of(&binaries.sqlite, "APP_STORE__PATH", &path)
    });
    let mut all = vec![("SQLite", sqlite.collect::<Result<Vec<_>>>()?)];
    match Postgres::start()? {
        Some(mut server) => {
            let postgres = (0..effort.starts).map(|n| {
                let url = server.new_database(&format!("start_{n}"))?;
                subjects::start_of(&binaries.postgres, "APP_STORE__URL", &url)
            });
            all.push(("PostgreSQL", postgres.collect::<Result<Vec<_>>>()?));
        }
        None => eprintln!("no PostgreSQL is here to start beside: apt-get install postgresql"),
    }
    Ok(all)
}
