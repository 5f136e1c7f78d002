//! The stages that look at the repository itself.

use std::process::Command;

use anyhow::Result;

use super::{report::Report, tools};
use crate::{run, tree};

/// The service's features, by database, and all the others.
const DATABASES: [(&str, &[&str]); 4] = [
    ("postgres", &["--features", "postgres"]),
    ("sqlite", &["--features", "sqlite"]),
    ("memory", &[]),
    (
        "everything",
        &[
            "--features",
            "postgres,console,hardening,mimalloc,profiling",
        ],
    ),
];

/// The service's features that name no database.
const FEATURES: [&str; 5] = ["console", "hardening", "jemalloc", "mimalloc", "profiling"];

/// What an adopter may switch on.
const LAYERS: [&str; 23] = [
    // None at all.
    "",
    "trace",
    "reqwest",
    "metrics",
    "prometheus",
    "log",
    "sampler",
    "jwt",
    "jwks",
    "health",
    "grpc-health",
    "health-certificate",
    "health-disk",
    "health-export",
    "health-metrics",
    "axum",
    "axum,trace",
    "axum,metrics",
    "axum,metrics,prometheus",
    "axum,jwt",
    "axum,jwks",
    "health,jwks",
    "axum,health",
];

fn cargo() -> Command {
    run::cargo(tree::root())
}

pub fn format(report: &mut Report) -> Result<()> {
    report.step("cargo fmt", cargo().args(["fmt", "--all", "--", "--check"]))?;
    let mut fuzz = run::cargo(&tree::root().join("fuzz"));
    fuzz.args(["fmt", "--", "--check"]);
    report.step("cargo fmt, the fuzz targets", &mut fuzz)
}

pub fn lint(report: &mut Report) -> Result<()> {
    for (database, features) in DATABASES {
        let mut clippy = cargo();
        clippy
            .args(["clippy", "--quiet", "--package", "axum-chassis-service"])
            .args(["--all-targets", "--no-default-features"])
            .args(features)
            .args(["--", "-D", "warnings"]);
        report.step(&format!("clippy, {database}"), &mut clippy)?;
    }
    for feature in FEATURES {
        let mut clippy = cargo();
        clippy
            .args(["clippy", "--quiet", "--package", "axum-chassis-service"])
            .args(["--no-default-features", "--features", feature])
            .args(["--", "-D", "warnings"]);
        report.step(&format!("clippy, {feature} alone"), &mut clippy)?;
    }
    for package in ["xtask", "axum-chassis-faults"] {
        let mut clippy = cargo();
        clippy
            .args(["clippy", "--quiet", "--package", package, "--all-targets"])
            .args(["--", "-D", "warnings"]);
        report.step(&format!("clippy, {package}"), &mut clippy)?;
    }
    let mut fuzz = run::cargo(&tree::root().join("fuzz"));
    fuzz.args(["clippy", "--quiet", "--locked", "--all-targets"])
        .args(["--", "-D", "warnings"]);
    report.step("clippy, the fuzz targets", &mut fuzz)
}

pub fn layers(report: &mut Report) -> Result<()> {
    let mut tests = cargo();
    tests.args([
        "test",
        "--quiet",
        "--package",
        "axum-chassis",
        "--all-features",
    ]);
    report.step("all layers", &mut tests)?;
    for features in LAYERS {
        let mut clippy = cargo();
        clippy
            .args([
                "clippy",
                "--quiet",
                "--package",
                "axum-chassis",
                "--no-default-features",
            ])
            .args([
                "--all-targets",
                "--features",
                features,
                "--",
                "-D",
                "warnings",
            ]);
        let name = if features.is_empty() {
            "nothing"
        } else {
            features
        };
        report.step(&format!("{name} alone"), &mut clippy)?;
    }
    Ok(())
}

pub fn service(report: &mut Report) -> Result<()> {
    for (database, features) in DATABASES {
        let mut tests = cargo();
        tests
            .args(["test", "--quiet", "--package", "axum-chassis-service"])
            .arg("--no-default-features")
            .args(features);
        report.step(database, &mut tests)?;
    }
    Ok(())
}

pub fn docs(report: &mut Report) -> Result<()> {
    let mut doc = cargo();
    doc.args(["doc", "--quiet", "--no-deps", "--package", "axum-chassis"])
        .args(["--package", "axum-chassis-service", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    report.step("cargo doc", &mut doc)
}

pub fn generator(report: &mut Report) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--package", "xtask"]);
    report.step("cargo test", &mut tests)
}

pub fn deny(report: &mut Report) -> Result<()> {
    let cargo_deny = tools::cargo_deny(report)?;
    let mut check = Command::new(cargo_deny);
    check.current_dir(tree::root());
    // Both are built and run here, and are part of nothing that leaves.
    check.args(["--exclude", "xtask", "--exclude", "axum-chassis-faults"]);
    check.arg("check");
    check.args(["bans", "licenses", "sources"]);
    report.step("bans, licenses, sources", &mut check)?;
    tools::advisories(report)
}

/// Workspaces of their own. Unoptimised, for that is built in half the time.
pub fn bench(report: &mut Report) -> Result<()> {
    for (name, folder) in [("", "bench"), (" of capacity", "bench/capacity")] {
        let mut fmt = run::cargo(&tree::root().join(folder));
        fmt.args(["fmt", "--", "--check"]);
        report.step(&format!("cargo fmt{name}"), &mut fmt)?;
        let mut clippy = run::cargo(&tree::root().join(folder));
        clippy.args(["clippy", "--quiet", "--locked", "--all-targets"]);
        clippy.args(["--", "-D", "warnings"]);
        report.step(&format!("clippy{name}"), &mut clippy)?;
    }
    let steps: [(&str, &[&str]); 2] = [
        ("cargo test", &["test", "--quiet", "--locked"]),
        ("--quick", &["run", "--quiet", "--locked", "--", "--quick"]),
    ];
    for (name, arguments) in steps {
        let mut cargo = run::cargo(&tree::root().join("bench"));
        report.step(name, cargo.args(arguments))?;
    }
    let mut capacity = cargo();
    capacity.args(["run", "--quiet", "--package", "xtask", "--"]);
    capacity.args(["capacity", "--quick"]);
    report.step("cargo xtask capacity --quick", &mut capacity)
}

/// Those that any machine can judge. That slow clients are cut and descriptors come back in
/// time is judged by the whole run alone, of a release on a machine that does nothing else.
const JUDGED_ANYWHERE: [&str; 11] = [
    "sigterm",
    "rolling-restarts",
    "rollout",
    "deployments",
    "instance-killed",
    "primary-killed",
    "big-requests",
    "certificate-rotation",
    "panics",
    "http2-rules",
    "http2-floods",
];

/// Against the build of the tests: it is there already.
pub fn faults(report: &mut Report) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--package", "axum-chassis-faults"]);
    report.step("cargo test", &mut tests)?;
    let mut faults = cargo();
    faults
        .args(["run", "--quiet", "--package", "xtask", "--", "faults"])
        .args(["--quick", "--profile", "dev"])
        .args(JUDGED_ANYWHERE);
    report.step("cargo xtask faults --quick", &mut faults)
}

pub fn demo(report: &mut Report) -> Result<()> {
    let mut demo = cargo();
    demo.args([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--",
        "demo",
        "--once",
    ]);
    report.step("cargo xtask demo --once", &mut demo)
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    fn features(manifest: &str) -> Vec<String> {
        let manifest: Table = tree::read(&tree::root().join(manifest))
            .unwrap()
            .parse()
            .unwrap();
        let features = manifest["features"].as_table().unwrap().keys();
        features
            .filter(|feature| *feature != "default")
            .cloned()
            .collect()
    }

    #[test]
    fn each_feature_of_the_layers_is_linted_alone() {
        for feature in features("template/crates/chassis/Cargo.toml") {
            assert!(LAYERS.contains(&&*feature), "{feature} is not in LAYERS");
        }
    }

    #[test]
    fn each_feature_of_the_service_is_linted_alone() {
        for feature in features("template/Cargo.toml") {
            let is_database = DATABASES.iter().any(|(name, _)| *name == feature);
            let is_alone = FEATURES.contains(&&*feature);
            assert!(is_database || is_alone, "{feature} is not in FEATURES");
        }
    }
}
