//! Programs that a stage needs and a fresh machine does not have.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::report::Report;
use crate::{run, tree};

const CARGO_DENY: &str = "0.20.2";
const CARGO_GENERATE: &str = "0.26.0";

/// cargo-deny; it is installed into `target/tools` if it is not there.
pub fn cargo_deny(report: &mut Report) -> Result<PathBuf> {
    let program = installed("cargo-deny");
    if !has_version(&program, CARGO_DENY) {
        report.step(
            "cargo-deny is not here: installing it into target/tools",
            &mut install("cargo-deny", CARGO_DENY),
        )?;
    }
    Ok(program)
}

/// cargo-generate, if it is there; in CI it is installed.
pub fn cargo_generate(report: &mut Report) -> Result<Option<PathBuf>> {
    let program = installed("cargo-generate");
    if !has_version(&program, CARGO_GENERATE) {
        let mut install = install("cargo-generate", CARGO_GENERATE);
        if !run::in_ci() {
            let how = run::line(&install);
            report.skip(format!(
                "cargo-generate {CARGO_GENERATE} is not here; to have it: {how}"
            ));
            return Ok(None);
        }
        report.step(
            "cargo-generate is not here: installing it into target/tools",
            &mut install,
        )?;
    }
    Ok(Some(program))
}

/// The advisory database is on the network, and not every network has it.
pub fn advisories(report: &mut Report) -> Result<()> {
    let cargo_deny = installed("cargo-deny");
    let mut fetch = Command::new(&cargo_deny);
    fetch.current_dir(tree::root()).args(["fetch", "db"]);
    if run::output(&mut fetch).is_err() {
        report.skip("advisories: the database cannot be reached from here".to_owned());
        return Ok(());
    }
    let mut check = Command::new(&cargo_deny);
    check
        .current_dir(tree::root())
        .args(["check", "advisories"]);
    report.step("advisories", &mut check)
}

fn installed(program: &str) -> PathBuf {
    tree::target().join("tools/bin").join(program)
}

fn has_version(program: &Path, version: &str) -> bool {
    let mut command = Command::new(program);
    let told = run::output(command.arg("--version"));
    told.is_ok_and(|told| told.trim().ends_with(version))
}

/// A build without optimisation: it is the sooner done.
fn install(package: &str, version: &str) -> Command {
    let mut install = run::cargo(tree::root());
    install
        .args([
            "install",
            package,
            "--version",
            version,
            "--locked",
            "--debug",
        ])
        // cargo-generate states a newer Rust than it needs.
        .arg("--ignore-rust-version")
        .arg("--root")
        .arg(tree::target().join("tools"))
        .arg("--target-dir")
        .arg(tree::target().join("tools/build"));
    install
}
