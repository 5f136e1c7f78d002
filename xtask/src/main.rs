//! The project's own commands. `cargo xtask` lists them.

mod allocators;
mod bench;
mod capacity;
mod dashboards;
mod delivery;
mod demo;
mod faults;
mod flavour;
mod free;
mod fuzz;
mod image;
mod links;
#[cfg(test)]
mod manifest;
mod page;
mod platform;
mod profiles;
mod refusal;
mod residue;
mod run;
mod test;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of axum-chassis
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generates a service, builds it, starts it, and shows it working
    Demo(demo::Options),
    /// Runs all tests, or the stages that are named
    Test(test::Options),
    /// Checks what brings a generated service from a commit to where it serves
    Delivery(delivery::Options),
    /// Sends random bytes through all that reads what clients send
    Fuzz(fuzz::Options),
    /// Measures the layers beside their peers, and writes docs/benchmarks.md
    Bench(bench::Options),
    /// Measures the service with each allocator, and writes docs/benchmarks.md
    Allocators(allocators::Options),
    /// Builds each release profile and measures it, for docs/benchmarks.md
    Profiles(profiles::Options),
    /// Builds the image of a generated service, and runs it as in production
    Image(image::Options),
    /// Measures the service as a whole beside a bare router, and writes docs/benchmarks.md
    Capacity(capacity::Options),
    /// Lets faults happen to the service, and writes their section of docs/benchmarks.md
    Faults(faults::Options),
    /// Builds the Collector, Prometheus and Alertmanager, and tries all that deploy/ says of them
    Platform(platform::Options),
    /// Generates a service as `cargo generate` does, without installing that
    Generate(flavour::Options),
    /// Writes Grafana's dashboards from what xtask/src/dashboards says
    Dashboards,
    /// Brings up to date what is made of something else: lock files, the operator's rules
    Sync,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Delivery(options) => delivery::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Allocators(options) => allocators::run(&options),
        Command::Profiles(options) => profiles::run(&options),
        Command::Image(options) => image::run(&options),
        Command::Capacity(options) => capacity::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Platform(options) => platform::run(&options),
        Command::Generate(options) => options.generate(),
        Command::Dashboards => dashboards::write(),
        Command::Sync => tree::sync_lock_files()
            .and_then(|()| platform::metrics::operator::write())
            .map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
