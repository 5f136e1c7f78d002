//! Instructions, as valgrind's callgrind counts them: the same on a noisy machine.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::catalogue::{Entry, Group};

/// What once costs, on all threads together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instructions {
    Counted(f64),
    /// There is no valgrind here.
    NoValgrind,
    NotCounted,
}

impl Instructions {
    /// What they are more than those of the base.
    pub fn over(self, base: Option<Self>) -> Self {
        match (self, base) {
            (Self::Counted(own), Some(Self::Counted(base))) => Self::Counted(own - base),
            (other, _) => other,
        }
    }
}

/// The difference between doing the work often and doing it more often: what it
/// takes to set the subject up is in both.
pub fn count(group: &Group, entry: &Entry) -> Result<Instructions> {
    let counted = |times| run(&entry.path(group), times);
    let few = counted(group.warm_times)?;
    let many = counted(group.warm_times + 2 * group.times)?;
    let (Some(few), Some(many)) = (few, many) else {
        return Ok(Instructions::NoValgrind);
    };
    let instructions = many.instructions - few.instructions;
    Ok(Instructions::Counted(
        instructions / (many.times - few.times),
    ))
}

struct Run {
    times: f64,
    instructions: f64,
}

/// None if there is no valgrind.
fn run(path: &str, times: u64) -> Result<Option<Run>> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--child", path, "--times", &times.to_string()])
        .stdin(Stdio::null())
        .output();
    let run = match run {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        run => run?,
    };
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "valgrind of {path}:\n{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, instructions) = collected.with_context(|| format!("no count in:\n{said}"))?;
    Ok(Some(Run {
        times: String::from_utf8(run.stdout)?.trim().parse()?,
        instructions: instructions.trim().parse()?,
    }))
}
