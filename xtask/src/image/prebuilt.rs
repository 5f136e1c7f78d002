use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{NAME, REVISION};
use crate::{run, test::report::Report, tree};

/// Where the stage that compiles begins and ends in the Dockerfile.
const BEGIN: &str = "FROM --platform=$BUILDPLATFORM ";
const END: &str = "# The binary alone.\n";

/// Whether what this machine has linked runs on the base image, which has Debian 12's
/// libraries: those of another system may be newer.
pub fn runs_here() -> bool {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    system
        .lines()
        .any(|line| line == "VERSION_CODENAME=bookworm")
}

/// A folder with what the stage `build` leaves behind, and the Dockerfile with that in its
/// place: the image, its user, its folders and its checks are those of a release.
pub fn build(report: &mut Report, project: &Path, folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let (context, out) = (folder.join("context"), folder.join("context/out"));
    tree::fresh(folder)?;
    fs::create_dir_all(out.join("state"))?;
    let mut cargo = run::cargo(project);
    cargo.env("SOURCE_REVISION", REVISION).arg("build");
    report.step("build the binary, as on this machine", &mut cargo)?;
    fs::copy(tree::target().join("debug").join(NAME), out.join("service"))?;
    report.check("split its symbols off", || {
        let mut split = Command::new(project.join("scripts/split-symbols"));
        split.arg(out.join("service")).arg(out.join("symbols"));
        run::output(&mut split).map(drop)
    })?;
    let dockerfile = folder.join("Dockerfile");
    let text = tree::read(&project.join("Dockerfile"))?;
    fs::write(&dockerfile, without_compiler(&text)?)?;
    Ok((context, dockerfile))
}

fn without_compiler(dockerfile: &str) -> Result<String> {
    let parts = dockerfile.split_once(BEGIN);
    let parts = parts.and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.context("no stage of the Dockerfile compiles")?;
    Ok(format!(
        "{head}FROM scratch AS build\nCOPY . /\n\n{END}{tail}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_stage_that_compiles_is_the_dockerfiles() {
        let dockerfile = tree::read(&tree::root().join("template/Dockerfile")).unwrap();
        let without = without_compiler(&dockerfile).unwrap();
        assert!(!without.contains("rust:"), "{without}");
        let stages = |text: &str| text.lines().filter(|l| l.starts_with("FROM")).count();
        assert_eq!(stages(&without), stages(&dockerfile));
        let (_, shipped) = dockerfile.split_once("FROM ${LIBC}").unwrap();
        assert!(without.ends_with(shipped));
    }
}
