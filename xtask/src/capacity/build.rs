//! The binaries, built as they are shipped.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{
    flavour::{Answers, generate_quietly},
    run, tree,
};

/// What runs.
pub struct Binaries {
    /// The service of each database.
    pub memory: PathBuf,
    pub sqlite: PathBuf,
    pub postgres: PathBuf,
    /// The bare router, and the issuer of tokens.
    pub companion: PathBuf,
}

/// How they are built.
#[derive(Clone, Copy)]
pub enum Build {
    AsShipped,
    /// Only to see that all runs.
    Unoptimised,
}

/// Generates a service of each database, and builds all; what is kept is as it was generated.
pub fn all(folder: &Path, build: Build, keeps: bool) -> Result<Binaries> {
    eprintln!("building the services; the first time takes minutes");
    let companion = tree::root().join("bench/capacity");
    let service = |name, database| {
        let project = folder.join(name).join(name);
        match keeps && project.exists() {
            true => built(&project, name, build),
            false => service(name, database, folder, build),
        }
    };
    Ok(Binaries {
        companion: built(&companion, "axum-chassis-capacity", build)?,
        memory: service("capacity-memory", "none")?,
        sqlite: service("capacity-sqlite", "sqlite")?,
        postgres: service("capacity-postgres", "postgres")?,
    })
}

fn service(name: &str, database: &'static str, folder: &Path, build: Build) -> Result<PathBuf> {
    let folder = folder.join(name);
    tree::fresh(&folder)?;
    let answers = Answers {
        database,
        ..Answers::DEFAULT
    };
    built(&generate_quietly(name, answers, &folder)?, name, build)
}

fn built(project: &Path, name: &str, build: Build) -> Result<PathBuf> {
    let mut cargo = run::cargo(project);
    cargo.args(["build", "--quiet"]);
    let profile = match build {
        Build::AsShipped => {
            cargo.arg("--release");
            "release"
        }
        Build::Unoptimised => "debug",
    };
    let status = cargo.status()?;
    ensure!(status.success(), "{}: {status}", run::line(&cargo));
    Ok(tree::target().join(profile).join(name))
}
