//! Running other programs.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::tree;

/// How long a program may run where nobody watches. The longest takes a third of it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

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
/// If it cannot be started, fails, or, in CI, does not end: with the command and all that
/// it printed.
pub fn output(command: &mut Command) -> Result<String> {
    output_of(command, Stdio::null())
}

/// The same with something to read.
pub fn output_of(command: &mut Command, input: impl Into<Stdio>) -> Result<String> {
    let line = line(command);
    let done = ended(command, input)?;
    let mut printed = String::from_utf8_lossy(&done.stdout).into_owned();
    printed += &String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        bail!("$ {line}\n{printed}\n{line}: {}", done.status);
    }
    Ok(printed)
}

/// The same, however it ends.
pub fn ended(command: &mut Command, input: impl Into<Stdio>) -> Result<Output> {
    command.stdin(input);
    let done = match in_ci() {
        true => output_within(command, PATIENCE),
        false => command.output(),
    };
    done.with_context(|| format!("cannot run {}", line(command)))
}

/// Runs it, and kills it with all that it has started if it takes longer: what it has
/// printed until then tells where it hangs.
fn output_within(command: &mut Command, patience: Duration) -> std::io::Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.process_group(0).spawn()?;
    let group = format!("-{}", child.id());
    let (ended, end) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let is_late = end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
        if is_late {
            // It may have ended just now.
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        is_late
    });
    let output = child.wait_with_output();
    drop(ended);
    let mut output = output?;
    if watchdog.join().unwrap_or(false) {
        let late = format!("killed: it did not end within {} s\n", patience.as_secs());
        output.stderr.extend_from_slice(late.as_bytes());
    }
    Ok(output)
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Output {
        output_within(Command::new("sh").args(["-c", script]), patience).unwrap()
    }

    #[test]
    fn what_does_not_end_is_killed_with_its_children_and_what_it_printed_is_kept() {
        // The child holds the pipe as well: it would be waited for.
        let hanging = shell(
            "echo begun; sleep 600 & sleep 600",
            Duration::from_millis(200),
        );
        assert!(!hanging.status.success());
        assert_eq!(hanging.stdout, b"begun\n");
        let told = String::from_utf8(hanging.stderr).unwrap();
        assert!(told.contains("did not end within"), "{told}");
    }

    #[test]
    fn what_ends_in_time_is_left_alone() {
        let done = shell("echo out; echo err >&2", Duration::from_secs(60));
        assert!(done.status.success());
        assert_eq!(
            (&*done.stdout, &*done.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }
}
