//! `cargo xtask platform`: what is applied once, and shared by all services, tried with
//! the real programs.

mod compositions;
mod distribution;
mod grafana;
mod logs;
mod manifests;
pub mod metrics;
mod objects;
mod unbuilt;
mod unit;

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Result, ensure};
use clap::Args;

use self::{distribution::Distribution, metrics::Programs};
use crate::{page, run, test::report::Report, tree};

/// What `cargo xtask platform` takes.
#[derive(Args)]
pub struct Options {
    /// Only these proofs; a beginning of a name chooses all that begin so
    names: Vec<String>,
    /// Durations and counts cut: whether all still holds
    #[arg(long)]
    quick: bool,
}

/// Where the Collectors' configuration is.
const COLLECTOR: &str = "deploy/collector";
const README: &str = "deploy/collector/README.md";
const SERVICE: &str = "axum-chassis-service";
const PROOFS: &str = "axum-chassis-platform";

/// Builds the Collector, reads all of its configuration, and runs it; what is measured
/// whole is written down.
pub fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    let mut report = Report::default();
    report.begin(
        "platform",
        "Collectors, Prometheus, Alertmanager: read and run",
    );
    let ended = steps(&mut report, options);
    report.end(ended);
    Ok(report.finish(start.elapsed()))
}

/// The same as a stage of `cargo xtask test`, with less of everything.
pub fn stage(report: &mut Report) -> Result<()> {
    let mut tests = run::cargo(tree::root());
    tests.args(["test", "--quiet", "--locked", "--package", PROOFS]);
    report.step("cargo test", &mut tests)?;
    let quick = Options {
        names: Vec::new(),
        quick: true,
    };
    steps(report, &quick)
}

fn steps(report: &mut Report, options: &Options) -> Result<()> {
    fs::create_dir_all(tree::target().join("platform"))?;
    let distribution = Distribution::have(report, options.quick)?;
    unbuilt::run(report, &distribution)?;
    compositions::run(report, &distribution)?;
    manifests::run(report, &distribution)?;
    unit::run(report, &distribution)?;
    grafana::run(report)?;
    logs::run(report)?;
    let programs = Programs::have(report, options.quick)?;
    if let Some(programs) = &programs {
        metrics::run(report, programs)?;
    }
    proofs(report, &distribution, programs, options)
}

/// The proofs are a program of their own, which tells what it sees while it does.
fn proofs(
    report: &mut Report,
    distribution: &Distribution,
    programs: Option<Programs>,
    options: &Options,
) -> Result<()> {
    let program = report.check("building the proofs, and a service", build)?;
    let mut proofs = Command::new(program.join("platform"));
    proofs
        .current_dir(tree::root())
        .arg("--collector")
        .arg(&distribution.binary)
        .arg("--service")
        .arg(program.join(SERVICE));
    if let Some(programs) = programs {
        proofs.arg("--alertmanager").arg(programs.alertmanager);
        if let Some(prometheus) = programs.prometheus {
            proofs.arg("--prometheus").arg(prometheus);
        }
    }
    let whole = options.names.is_empty() && !options.quick;
    let section = tree::target().join("platform/section.md");
    if whole {
        proofs.arg("--page").arg(&section);
    }
    if options.quick {
        proofs.arg("--quick");
    }
    let status = proofs.args(&options.names).status()?;
    if whole {
        let text = tree::read(&section)?;
        page::write_section_of(README, "platform", "cargo xtask platform", &text)?;
    }
    ensure!(status.success(), "not all is as it must be: {status}");
    Ok(())
}

/// A service that needs no server; the proofs measure Collectors, and not themselves.
fn build() -> Result<PathBuf> {
    let sqlite = &["--no-default-features", "--features", "sqlite"][..];
    for (package, features) in [(SERVICE, sqlite), (PROOFS, &[])] {
        let mut build = run::cargo(tree::root());
        build.args(["build", "--quiet", "--locked", "--package", package]);
        run::output(build.args(features))?;
    }
    Ok(tree::target().join("debug"))
}
