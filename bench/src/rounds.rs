//! Rounds, in which each subject has its turn.
//!
//! A harness such as criterion measures one subject after the other; on a
//! machine that others share, a noisy minute then falls on one of them. Here a
//! round lasts a millisecond or two for a subject, every subject has its turn in
//! it, the bare router too, and a cost is what a round took more than the bare
//! router took in that same round. What is told is the median over all rounds.
//! Processes are started anew several times, for where memory happens to lie
//! is a part of the noise as well.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    callgrind::{self, Instructions},
    catalogue::{Entry, GROUPS, Group, Kind},
    statistics::Spread,
};

/// How much is done.
#[derive(Clone, Copy)]
pub struct Effort {
    /// How often all processes are started.
    runs: usize,
    /// How many rounds each time.
    rounds: usize,
    instructions: bool,
}

impl Effort {
    pub const FULL: Self = Self {
        runs: 5,
        rounds: 100,
        instructions: true,
    };
    pub const QUICK: Self = Self {
        runs: 1,
        rounds: 2,
        instructions: false,
    };
}

/// What was measured of one subject, over its base.
pub struct Measured {
    pub group: &'static Group,
    pub entry: &'static Entry,
    pub one_thread: Spread,
    /// None for what works on one thread alone.
    pub two_threads: Option<Spread>,
    pub allocations: Spread,
    pub instructions: Instructions,
}

/// Measures the subjects that are named, or all there are.
pub fn run(names: &[String], effort: Effort) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for group in GROUPS {
        let entries = chosen(group, names);
        if entries.is_empty() {
            continue;
        }
        eprintln!("{}: {} subjects", group.name, entries.len());
        all.extend(measure(group, &entries, effort)?);
    }
    ensure!(
        !all.is_empty(),
        "there is no group and no subject {names:?}"
    );
    Ok(all)
}

/// Those that are asked for, and each one's base.
fn chosen(group: &'static Group, names: &[String]) -> Vec<&'static Entry> {
    let mut entries = Vec::new();
    let mut base = None;
    for entry in group.entries {
        let own = [group.name, entry.name, &entry.path(group)];
        if names.is_empty() || names.iter().any(|name| own.contains(&name.as_str())) {
            entries.extend(base.take());
            entries.push(entry);
        } else if entry.kind == Kind::Base {
            base = Some(entry);
        }
    }
    entries
}

fn measure(
    group: &'static Group,
    entries: &[&'static Entry],
    effort: Effort,
) -> Result<Vec<Measured>> {
    let mut samples = vec![Samples::default(); entries.len()];
    for _ in 0..effort.runs {
        let processes = entries.iter().map(|entry| Process::start(group, entry));
        let mut processes = processes.collect::<Result<Vec<_>>>()?;
        for _ in 0..effort.rounds {
            for (process, samples) in processes.iter_mut().zip(&mut samples) {
                samples.add(process, group.times)?;
            }
        }
        for process in processes {
            process.end()?;
        }
    }
    let instructions = entries.iter().map(|entry| {
        if effort.instructions {
            callgrind::count(group, entry)
        } else {
            Ok(Instructions::NotCounted)
        }
    });
    let instructions = instructions.collect::<Result<Vec<_>>>()?;
    Ok(over_their_bases(group, entries, &samples, &instructions))
}

fn over_their_bases(
    group: &'static Group,
    entries: &[&'static Entry],
    samples: &[Samples],
    instructions: &[Instructions],
) -> Vec<Measured> {
    let mut base = None;
    let mut all = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        if entry.kind == Kind::Base {
            base = Some(index);
        }
        let base = base.filter(|base| *base != index);
        let (own, base_samples) = (&samples[index], base.map(|base| &samples[base]));
        let over = |column: fn(&Samples) -> &Vec<f64>| {
            Spread::over(column(own), base_samples.map(column).map(Vec::as_slice))
        };
        all.push(Measured {
            group,
            entry,
            one_thread: over(|samples| &samples.one_thread),
            two_threads: (!own.two_threads.is_empty()).then(|| over(|s| &s.two_threads)),
            allocations: over(|samples| &samples.allocations),
            instructions: instructions[index].over(base.map(|base| instructions[base])),
        });
    }
    all
}

/// One value a round.
#[derive(Clone, Default)]
struct Samples {
    one_thread: Vec<f64>,
    two_threads: Vec<f64>,
    allocations: Vec<f64>,
}

impl Samples {
    fn add(&mut self, process: &mut Process, times: u64) -> Result<()> {
        let (nanoseconds, allocations) = process.work(1, times)?;
        self.one_thread.push(nanoseconds);
        self.allocations.push(allocations);
        if process.threads > 1 {
            self.two_threads.push(process.work(2, times)?.0);
        }
        Ok(())
    }
}

/// A subject in a process of its own.
struct Process {
    process: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
    threads: usize,
}

impl Process {
    fn start(group: &Group, entry: &Entry) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--child", &entry.path(group)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let tasks = process.stdin.take().context("it was piped")?;
        let answers = process.stdout.take().context("it was piped")?;
        let mut process = Self {
            process,
            tasks,
            answers: BufReader::new(answers),
            threads: 0,
        };
        process.threads = process.answer()?.trim().parse()?;
        for threads in 1..=process.threads {
            process.work(threads, group.warm_times)?;
        }
        Ok(process)
    }

    fn work(&mut self, threads: usize, times: u64) -> Result<(f64, f64)> {
        writeln!(self.tasks, "{threads} {times}")?;
        let answer = self.answer()?;
        let (nanoseconds, allocations) = answer.trim().split_once(' ').context("two numbers")?;
        Ok((nanoseconds.parse()?, allocations.parse()?))
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a subject has ended early, see above");
        Ok(line)
    }

    /// Lets it prove that it has done its job.
    fn end(self) -> Result<()> {
        let Self {
            mut process, tasks, ..
        } = self;
        drop(tasks);
        let status = process.wait()?;
        ensure!(status.success(), "a subject has failed, see above");
        Ok(())
    }
}
