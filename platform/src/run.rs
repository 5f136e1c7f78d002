//! Running other programs to their end.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What it printed.
///
/// # Errors
///
/// If it cannot be started or fails: with all that it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let mut printed = String::from_utf8_lossy(&done.stdout).into_owned();
    printed += &String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?}: {printed}");
    Ok(printed)
}
