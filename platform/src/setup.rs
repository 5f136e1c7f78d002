//! What every proof is told.

use std::path::PathBuf;

use anyhow::Result;

use crate::composition::Composition;

/// Which programs, and how much of everything.
#[derive(Clone)]
pub struct Setup {
    /// The binary of the Collector.
    pub collector: PathBuf,
    /// The folder of its configuration.
    pub deploy: PathBuf,
    /// The binary of a service.
    pub service: PathBuf,
    /// The binary of Prometheus, if it is one that reads what is shipped.
    pub prometheus: Option<PathBuf>,
    /// The binary of Alertmanager.
    pub alertmanager: Option<PathBuf>,
    /// Whether durations and counts are cut.
    pub quick: bool,
}

impl Setup {
    /// What is shipped for a mode on a host.
    pub fn composition(&self, mode: &str) -> Result<Composition> {
        Composition::read(&self.deploy, mode)
    }

    /// Where all of this is.
    pub fn repository(&self) -> PathBuf {
        self.deploy.join("../..")
    }

    /// So much, or as much as a quick run has time for.
    pub fn of<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
