//! The platform's Collectors, run as they are shipped: `cargo xtask platform`.
//!
//! Start reading at [`catalogue`]: it lists the proofs, each a module of its own in
//! [`proofs`]. What they share: a [`composition`] of `deploy/collector`, the
//! [`collector`] that runs it, the [`spans`] that a [`client`] sends to it, and the
//! [`sink`] that stands for the back ends.

#[path = "../../faults/src/addresses.rs"]
mod addresses;
mod catalogue;
#[path = "../../faults/src/choice.rs"]
mod choice;
mod client;
mod collector;
mod composition;
mod exporter;
#[path = "../../xtask/src/free.rs"]
mod free;
mod load;
#[expect(
    dead_code,
    reason = "what is measured here no compiler of Rust has built"
)]
#[path = "../../bench/src/machine.rs"]
mod machine;
mod modes;
mod page;
mod pki;
#[expect(
    dead_code,
    reason = "nothing is done by PostgreSQL's own programs here"
)]
#[path = "../../xtask/src/capacity/postgres.rs"]
mod postgres;
mod prometheus;
mod promql;
mod proof;
mod proofs;
mod questions;
mod run;
mod service;
mod setup;
mod shipped;
mod sink;
mod spans;
mod table;
mod told;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Result;
use clap::Parser;
use tokio::task::LocalSet;

use self::{
    proof::{Measured, Proof},
    setup::Setup,
};

/// Runs Collectors, and prints what they did
#[derive(Parser)]
struct Options {
    /// Only these proofs; a beginning of a name chooses all that begin so
    names: Vec<String>,
    /// Durations and counts cut: whether all still holds
    #[arg(long)]
    quick: bool,
    /// The Collector
    #[arg(long)]
    collector: PathBuf,
    /// Its configuration
    #[arg(long, default_value = "deploy/collector")]
    deploy: PathBuf,
    /// The binary of a service
    #[arg(long)]
    service: PathBuf,
    /// Prometheus; without it, what needs it is left out
    #[arg(long)]
    prometheus: Option<PathBuf>,
    /// Alertmanager, likewise
    #[arg(long)]
    alertmanager: Option<PathBuf>,
    /// Writes what was measured here
    #[arg(long)]
    page: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut chosen = choice::chosen(catalogue::PROOFS, &options.names)?;
    let setup = Setup {
        collector: options.collector.canonicalize()?,
        deploy: options.deploy.canonicalize()?,
        service: options.service.canonicalize()?,
        prometheus: options.prometheus.map(|it| it.canonicalize()).transpose()?,
        alertmanager: options
            .alertmanager
            .map(|it| it.canonicalize())
            .transpose()?,
        quick: options.quick,
    };
    chosen.retain(|proof| can_be_run(proof, &setup));
    let runtime = tokio::runtime::Runtime::new()?;
    let results: Vec<_> = chosen
        .into_iter()
        .map(|proof| runtime.block_on(see(proof, &setup)))
        .collect();
    print!("\n{}", table::render(&results));
    if let Some(path) = &options.page {
        fs::write(path, page::render(&results))?;
    }
    Ok(if results.iter().all(Measured::is_met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether the programs that it needs are here; it is told if not.
fn can_be_run(proof: &Proof, setup: &Setup) -> bool {
    let is_here = match proof.name {
        "alerts" => setup.prometheus.is_some() && setup.alertmanager.is_some(),
        "muted" => setup.alertmanager.is_some(),
        _ => true,
    };
    if !is_here {
        eprintln!("{}: left out, since its programs are not here", proof.name);
    }
    is_here
}

/// In a task of its own: a panic is a result too.
async fn see(proof: &'static Proof, setup: &Setup) -> Measured {
    let begun = Instant::now();
    eprintln!("{}: {}", proof.name, proof.title);
    let here = LocalSet::new();
    let task = here.spawn_local((proof.run)(setup.clone()));
    let outcome = here.run_until(task).await.map_err(Into::into).flatten();
    let measured = Measured {
        proof,
        outcome,
        took: begun.elapsed(),
    };
    eprintln!(
        "  {:.1} s, {}",
        begun.elapsed().as_secs_f64(),
        measured.verdict()
    );
    measured
}
