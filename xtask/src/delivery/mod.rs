//! `cargo xtask delivery`: all that brings a generated project from a commit to where
//! it serves, read by the tools that know each format best.

mod backup;
mod ended;
mod faults;
mod github;
mod gitlab;
mod host;
mod image;
mod load;
pub mod manifests;
mod migrations;
mod project;
mod rehearsal;
mod renovate;
mod rollout;
mod stage;
mod steps;

use std::{process::ExitCode, time::Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;

use self::project::Project;
use crate::test::report::Report;

/// What `cargo xtask delivery` takes.
#[derive(Args)]
pub struct Options {
    /// Only these checks
    checks: Vec<String>,
}

/// What is checked of every flavour, each tool with a proof that it refuses what is broken.
pub struct Check {
    pub name: &'static str,
    about: &'static str,
    steps: fn(&mut Report, &[Project]) -> Result<()>,
}

pub const CHECKS: [Check; 10] = [
    Check {
        name: "backup",
        about: "backups: taken, lost, restored, and refused where they must be",
        steps: backup::run,
    },
    Check {
        name: "faults",
        about: "the recipes of faults: each happens, and is taken back",
        steps: faults::run,
    },
    Check {
        name: "github",
        about: "the workflows of GitHub Actions",
        steps: github::run,
    },
    Check {
        name: "gitlab",
        about: "the pipeline of GitLab CI",
        steps: gitlab::run,
    },
    Check {
        name: "host",
        about: "what a machine without Kubernetes is given",
        steps: host::run,
    },
    Check {
        name: "image",
        about: "the Dockerfile, its scripts, and what compose.yaml starts",
        steps: image::run,
    },
    Check {
        name: "load",
        about: "the load test of a service, and its budgets",
        steps: load::run,
    },
    Check {
        name: "manifests",
        about: "what is applied to Kubernetes",
        steps: manifests::run,
    },
    Check {
        name: "migrations",
        about: "what a migration does to the release that still serves",
        steps: migrations::run,
    },
    Check {
        name: "steps",
        about: "the scripts that pipelines and people run",
        steps: steps::run,
    },
];

/// Nine minutes of a processor, the first time: run when it is named.
const API_SERVER: Check = Check {
    name: "api-server",
    about: "the manifests, taken by a real API server with Pod Security",
    steps: manifests::by_api_server,
};

/// Runs the checks, all of them even if one fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    let all = CHECKS.iter().chain([&API_SERVER]);
    let names = all.clone().map(|check| check.name).collect::<Vec<_>>();
    if let Some(unknown) = options.checks.iter().find(|c| !names.contains(&c.as_str())) {
        bail!("no check {unknown}; there are: {}", names.join(", "));
    }
    let chosen = all.filter(|check| match &*options.checks {
        [] => check.name != API_SERVER.name,
        names => names.iter().any(|name| name == check.name),
    });
    let start = Instant::now();
    let mut report = Report::default();
    let projects = project::all()?;
    for check in chosen {
        report.begin(check.name, check.about);
        let ended = (check.steps)(&mut report, &projects);
        report.end(ended);
    }
    Ok(report.finish(start.elapsed()))
}

/// The same as a stage of `cargo xtask test`.
pub fn stage(report: &mut Report) -> Result<()> {
    let projects = report.check("generate every flavour", project::all)?;
    let mut failed = Vec::new();
    for check in &CHECKS {
        if let Err(error) = (check.steps)(report, &projects) {
            println!("{error:#}");
            failed.push(check.name);
        }
    }
    report.skip(format!(
        "{}: cargo xtask delivery {0} asks one, which takes minutes to build",
        API_SERVER.name
    ));
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}
