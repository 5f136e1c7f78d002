//! Running other programs.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::tree;

/// `cargo` in a folder, with the one target directory that everything shares, so
/// that dependencies are built once.
pub fn cargo(folder: &Path) -> Command {
    building(Command::new("cargo"), folder)
}

/// A step of a project's pipelines, which runs cargo.
pub fn step(project: &Path, name: &str) -> Command {
    building(Command::new(project.join("ci").join(name)), project)
}

fn building(mut cargo: Command, folder: &Path) -> Command {
    cargo
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", tree::target())
        .env("CARGO_TERM_COLOR", "never");
    // Nothing is built twice there, and the flavours would fill a disk.
    if in_ci() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    // Those that `cargo xtask` itself has set would be another package's.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// Whether nobody watches, and nothing may be left out.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false")
}

/// Runs it to its end and gives what it printed.
///
/// # Errors
///
/// If it cannot be started or fails: with the command and all that it printed.
pub fn output(command: &mut Command) -> Result<String> {
    output_of(command, Stdio::null())
}

/// The same with something to read.
pub fn output_of(command: &mut Command, input: impl Into<Stdio>) -> Result<String> {
    let line = line(command);
    let done = command
        .stdin(input)
        .output()
        .with_context(|| format!("cannot run {line}"))?;
    let mut printed = String::from_utf8_lossy(&done.stdout).into_owned();
    printed += &String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        bail!("$ {line}\n{printed}\n{line}: {}", done.status);
    }
    Ok(printed)
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
