//! What every fault is told.

use std::{path::PathBuf, process::Command};

/// Which service, and how much of everything.
#[derive(Clone)]
pub struct Setup {
    /// The binary of the service.
    pub service: PathBuf,
    /// The same with SQLite.
    pub sqlite: Option<PathBuf>,
    /// Whether durations and counts are cut.
    pub quick: bool,
}

impl Setup {
    /// What starts the service.
    pub fn command(&self) -> Command {
        Command::new(&self.service)
    }

    /// So much, or as much as a quick run has time for.
    pub fn of<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
