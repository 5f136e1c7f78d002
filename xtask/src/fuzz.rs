//! `cargo xtask fuzz`: every target for a while, one after the other.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::style;

use crate::{run, tree};

/// How long an input is at most: more than twice what baggage may be.
const MAX_BYTES: usize = 20_000;

/// Before the number of inputs, in what libFuzzer prints.
const INPUTS: &str = "stat::number_of_executed_units:";

/// What `cargo xtask fuzz` takes.
#[derive(Args)]
pub struct Options {
    /// How long each target runs, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only these targets
    targets: Vec<String>,
}

/// Runs the targets, all of them even if one finds something.
pub fn run(options: &Options) -> Result<ExitCode> {
    let all = targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("no target {unknown}; there are: {}", all.join(", "));
    }
    check_tools()?;
    let chosen = if options.targets.is_empty() {
        &all
    } else {
        &options.targets
    };
    let mut broken = Vec::new();
    for target in chosen {
        println!("{} for {} s", style(target).bold(), options.seconds);
        match fuzz(target, options.seconds) {
            Ok(inputs) => println!("  {} {inputs} inputs", style("ok  ").green()),
            Err(error) => {
                println!("{error:#}");
                broken.push(target.as_str());
            }
        }
    }
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("these do not hold what they should: {}", broken.join(", "))
}

fn folder() -> PathBuf {
    tree::root().join("fuzz")
}

/// The names of the targets, which are those of their files.
fn targets() -> Result<Vec<String>> {
    let folder = folder().join("fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut names = Vec::new();
    for file in files {
        if let Some(name) = file?.path().file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn check_tools() -> Result<()> {
    let has = |args: &[&str]| run::output(run::cargo(&folder()).args(args)).is_ok();
    if !has(&["+nightly", "--version"]) {
        bail!("fuzzing needs a nightly Rust; to have it: rustup toolchain install nightly");
    }
    if !has(&["fuzz", "--version"]) {
        bail!("fuzzing needs cargo-fuzz; to have it: cargo install cargo-fuzz");
    }
    Ok(())
}

/// Runs the target from what it has found before and from the seeds, and gives the
/// number of inputs that it has tried.
///
/// # Errors
///
/// If something breaks its property: with all that it printed.
fn fuzz(target: &str, seconds: u32) -> Result<String> {
    let corpus = folder().join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let mut fuzz = run::cargo(tree::root());
    fuzz.args(["+nightly", "fuzz", "run", target])
        .arg(corpus)
        .arg(folder().join("seeds").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_BYTES}"))
        .arg("-print_final_stats=1");
    let printed = run::output(&mut fuzz)?;
    let inputs = printed.lines().find_map(|line| line.strip_prefix(INPUTS));
    Ok(inputs
        .context("the target has tried nothing")?
        .trim()
        .to_owned())
}
