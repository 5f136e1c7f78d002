//! Faults, one after the other, against the service as it is built: `cargo xtask faults`.
//!
//! Start reading at [`catalogue`]: it lists the faults, each a module of its own in
//! [`faults`]. What they share: a [`service`], its [`load`], its [`usage`].

mod addresses;
mod catalogue;
mod choice;
mod collector;
mod fault;
mod faults;
mod garbage;
mod host;
mod issuer;
mod load;
#[path = "../../bench/src/machine.rs"]
mod machine;
mod missing;
mod mounts;
mod nginx;
mod page;
mod probing;
mod proxy;
mod replicas;
mod series;
mod service;
mod setup;
mod shared;
mod table;
mod usage;
mod wire;

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tokio::task::LocalSet;

use self::{
    fault::{Fault, Measured},
    setup::Setup,
};

/// Lets faults happen, and prints what came of them
#[derive(Parser)]
struct Options {
    /// Only these faults; a beginning of a name chooses all that begin so
    names: Vec<String>,
    /// Durations and counts cut: whether all still holds, in minutes
    #[arg(long)]
    quick: bool,
    /// The binary of the service
    #[arg(long)]
    service: PathBuf,
    /// The same, built with SQLite
    #[arg(long)]
    sqlite: Option<PathBuf>,
    /// The section with the table: what happens is written into it
    #[arg(long)]
    page: Option<PathBuf>,
}

/// As many sockets as the largest load has, and the service too: it inherits the limit.
const DESCRIPTORS: &str = "--nofile=16384:";

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, DESCRIPTORS])
        .status()
        .context("prlimit is not here: apt-get install util-linux")?;
    ensure!(
        raised.success(),
        "the hard limit of open files is too low: ulimit -Hn 16384"
    );
    let chosen = choice::chosen(catalogue::FAULTS, &options.names)?;
    let setup = Setup {
        service: options.service.canonicalize().context("no such service")?,
        sqlite: options.sqlite,
        quick: options.quick,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut results = Vec::new();
    for fault in chosen {
        results.push(runtime.block_on(measure(fault, &setup)));
    }
    print!("\n{}", table::render(&results));
    if let Some(path) = &options.page {
        let old = fs::read_to_string(path).context("no such page")?;
        fs::write(path, page::render(&results, &old))?;
    }
    Ok(if results.iter().all(Measured::is_met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lets it happen in a task of its own: a panic is a result too.
async fn measure(fault: &'static Fault, setup: &Setup) -> Measured {
    let begun = Instant::now();
    eprintln!("{}: {}", fault.name, fault.title);
    let here = LocalSet::new();
    let task = here.spawn_local((fault.run)(setup.clone()));
    let outcome = here.run_until(task).await.map_err(Into::into).flatten();
    let measured = Measured { fault, outcome };
    eprintln!(
        "  {:.1} s, {}",
        begun.elapsed().as_secs_f64(),
        measured.verdict()
    );
    measured
}
