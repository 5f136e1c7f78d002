//! `cargo xtask bench`: the layers beside their peers.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{page, run, tree};

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Options {
    /// Only these groups or subjects, as: metrics, ours, metrics/axum-prometheus
    names: Vec<String>,
    /// So few requests that the numbers mean nothing: whether all still runs
    #[arg(long)]
    quick: bool,
}

/// Builds the workspace in `bench/` and runs it; what is measured whole is written down.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut bench = run::cargo(&tree::root().join("bench"));
    bench.args(["run", "--quiet", "--release", "--locked", "--"]);
    let whole = options.names.is_empty() && !options.quick;
    let section = tree::target().join("bench.md");
    if whole {
        bench.arg("--page").arg(&section);
    }
    if options.quick {
        bench.arg("--quick");
    }
    eprintln!("building the layers and their peers; the first time takes minutes");
    let status = bench.args(&options.names).status()?;
    ensure!(status.success(), "{}: {status}", run::line(&bench));
    if whole {
        page::write_section("layers", "cargo xtask bench", &tree::read(&section)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
