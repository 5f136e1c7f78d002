//! The layers beside their peers, measured in one run: `cargo xtask bench`.
//!
//! A subject is measured in a process of its own, which sets it up as a service
//! would: with global subscribers, recorders and propagators. The parent lets
//! the processes work in turn, round by round, so that whatever else happens on
//! the machine hurts all of them alike.

mod allocations;
mod caller;
mod callgrind;
mod catalogue;
mod child;
mod floor;
mod machine;
mod page;
mod rounds;
mod statistics;
mod subject;
mod subjects;
mod table;
mod tokens;
mod worker;

use std::{fs, path::PathBuf};

use anyhow::Result;
use clap::Parser;

/// Measures, and prints a table
#[derive(Parser)]
struct Options {
    /// Only these groups or subjects: metrics, ours, metrics/axum-prometheus
    names: Vec<String>,
    /// So few requests that the numbers mean nothing: whether all still runs
    #[arg(long)]
    quick: bool,
    /// Writes the section with the table and all that explains it here
    #[arg(long)]
    page: Option<PathBuf>,
    /// Sets this subject up and does what it is told by standard input
    #[arg(long, hide = true)]
    child: Option<String>,
    /// With `--child`: does the work so many times, then ends
    #[arg(long, hide = true)]
    times: Option<u64>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    match (&options.child, options.times) {
        (Some(name), Some(times)) => child::work(name, times),
        (Some(name), None) => child::obey(name),
        (None, _) => {
            let effort = if options.quick {
                rounds::Effort::QUICK
            } else {
                rounds::Effort::FULL
            };
            let results = rounds::run(&options.names, effort)?;
            print!("{}", table::render(&results));
            if let Some(path) = &options.page {
                fs::write(path, page::render(&results))?;
            }
            Ok(())
        }
    }
}
