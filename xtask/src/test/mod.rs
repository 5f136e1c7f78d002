//! `cargo xtask test`: everything that must hold, in stages.

mod adopters;
mod adoption;
mod binary;
mod exposition;
mod flavours;
mod in_place;
pub mod report;
pub mod tools;

use std::{process::ExitCode, time::Instant};

use anyhow::{Result, bail};
use clap::Args;

use self::report::Report;
use crate::{delivery, image, platform};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub struct Options {
    /// Only these stages
    stages: Vec<String>,
}

/// A part of the tests that can be run alone.
pub struct Stage {
    pub name: &'static str,
    about: &'static str,
    steps: fn(&mut Report) -> Result<()>,
}

pub const STAGES: [Stage; 18] = [
    Stage {
        name: "format",
        about: "the repository is formatted",
        steps: in_place::format,
    },
    Stage {
        name: "lint",
        about: "clippy has nothing to say, with each database and for each layer alone",
        steps: in_place::lint,
    },
    Stage {
        name: "layers",
        about: "the tests of the layers, all together and each alone",
        steps: in_place::layers,
    },
    Stage {
        name: "exposition",
        about: "the metrics, read by promtool and by Python's strict parser",
        steps: exposition::run,
    },
    Stage {
        name: "service",
        about: "the template in place, with each database",
        steps: in_place::service,
    },
    Stage {
        name: "docs",
        about: "the documentation builds without a warning",
        steps: in_place::docs,
    },
    Stage {
        name: "generator",
        about: "names, answers, manifests: what can be generated and what is refused",
        steps: in_place::generator,
    },
    Stage {
        name: "deny",
        about: "dependencies: bans, licences, sources",
        steps: in_place::deny,
    },
    Stage {
        name: "flavours",
        about: "every flavour as its user would treat it",
        steps: flavours::run,
    },
    Stage {
        name: "delivery",
        about: "what brings a generated service from a commit to where it serves",
        steps: delivery::stage,
    },
    Stage {
        name: "adopters",
        about: "the layers' crate: whose types it shows, with which versions it works",
        steps: adopters::run,
    },
    Stage {
        name: "adoption",
        about: "each layer alone in a foreign crate, by git",
        steps: adoption::run,
    },
    Stage {
        name: "binary",
        about: "the real cargo-generate, by path and by git",
        steps: binary::run,
    },
    Stage {
        name: "bench",
        about: "the benchmarks measure every subject; their numbers are not looked at",
        steps: in_place::bench,
    },
    Stage {
        name: "faults",
        about: "faults, with less of everything: nothing is lost",
        steps: in_place::faults,
    },
    Stage {
        name: "platform",
        about: "the Collectors that services share, built, read and run",
        steps: platform::stage,
    },
    Stage {
        name: "demo",
        about: "the demo, once",
        steps: in_place::demo,
    },
    // Last: what it builds, the demo has built but for the service itself.
    Stage {
        name: "image",
        about: "the image of a service, run as in production",
        steps: image::stage,
    },
];

/// Runs the stages, all of them even if one fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    let names = STAGES.iter().map(|stage| stage.name).collect::<Vec<_>>();
    if let Some(unknown) = options.stages.iter().find(|s| !names.contains(&s.as_str())) {
        bail!("no stage {unknown}; there are: {}", names.join(", "));
    }
    let chosen = STAGES.iter().filter(|stage| {
        options.stages.is_empty() || options.stages.iter().any(|s| s == stage.name)
    });
    let start = Instant::now();
    let mut report = Report::default();
    for stage in chosen {
        report.begin(stage.name, stage.about);
        let ended = (stage.steps)(&mut report);
        report.end(ended);
    }
    Ok(report.finish(start.elapsed()))
}
