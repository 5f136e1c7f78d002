//! What kube-score says of what is meant to be run for others.

use std::{fs, process::Command};

use anyhow::{Result, anyhow};

use super::render::Rendered;
use crate::{
    refusal, run,
    test::{
        report::Report,
        tools::{Registry, Tool},
    },
    tree,
};

const KUBE_SCORE: Tool = Tool {
    program: "kube-score",
    package: "github.com/zegl/kube-score/cmd/kube-score",
    version: "1.20.0",
    registry: Registry::Go,
};

/// A test of kube-score that is left out, of which flavours, and why.
const WAIVERS: [(&str, &[&str], &str); 4] = [
    (
        "container-image-pull-policy",
        &["default", "sqlite", "memory"],
        "an image is named by its version or digest and never moves: a pod that restarts must not need the registry",
    ),
    (
        "deployment-replicas",
        &["sqlite"],
        "a file has one writer, and so the service one replica",
    ),
    (
        "deployment-strategy",
        &["sqlite"],
        "a moment without a replica is better than one with two writers",
    ),
    (
        "networkpolicy-targets-pod",
        &["sqlite", "memory"],
        "the policy database selects by a label that only a store with a server sets",
    ),
];

const BROKEN: [(&str, &str, &str); 2] = [
    ("memory: 256Mi", "x-memory: 256Mi", "memory limit"),
    (
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        "root filesystem",
    ),
];

pub fn run(report: &mut Report, all: &[Vec<Rendered>]) -> Result<()> {
    let Some(program) = KUBE_SCORE.have(report)? else {
        return Ok(());
    };
    let file = tree::target().join("delivery/score.yaml");
    let score = |name: &str, text: &str| {
        fs::write(&file, text)?;
        let mut score = Command::new(&program);
        score.args(["score", "--output-format", "ci", "--exit-one-on-warning"]);
        for (test, flavours, _) in WAIVERS {
            if flavours.iter().any(|flavour| name.starts_with(flavour)) {
                score.args(["--ignore-test", test]);
            }
        }
        run::output(score.arg(&file))
    };
    let serious =
        |one: &&Rendered| one.name.ends_with(" staging") || one.name.ends_with(" production");
    for one in all.iter().flatten().filter(serious) {
        report.check(&format!("kube-score, {}", one.name), || {
            score(&one.name, &one.text)
        })?;
    }
    for (test, flavours, why) in WAIVERS {
        println!(
            "       {test} is left out of {}: {why}",
            flavours.join(", ")
        );
    }
    let production = super::render::production(&all[0])?;
    for (from, to, reason) in BROKEN {
        report.check(&format!("kube-score refuses: {reason}"), || {
            let broken = refusal::broken(&production.name, &production.text, from, to)?;
            let said = score(&production.name, &broken);
            let said = said.map_err(|error| anyhow!(format!("{error:#}").to_lowercase()));
            refusal::refused(said, to, reason)
        })?;
    }
    Ok(())
}
