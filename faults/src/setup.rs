//! What every fault is told.

use std::{path::PathBuf, process::Command, time::Duration};

/// So much longer things take on a machine that is busy with others.
const BUSY: u32 = 15;

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

    /// What something may take. A quick run shares the machine with others: it is there
    /// to see that all is well again, not when.
    pub fn within(&self, limit: Duration) -> Duration {
        limit * self.of(1, BUSY)
    }
}
