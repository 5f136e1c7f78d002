//! How the process ends, for whoever reads `$?`: a script, systemd, Kubernetes.
//!
//! | code | name | meaning |
//! |---|---|---|
//! | 0 | | all is well; after a signal: nothing was lost |
//! | 1 | | something failed while running |
//! | 2 | | the command line is wrong |
//! | 69 | `EX_UNAVAILABLE` | the store cannot be reached or migrated, or an address is taken |
//! | 75 | `EX_TEMPFAIL` | a deadline of the shutdown was missed: the last log line says which |
//! | 78 | `EX_CONFIG` | the configuration has faults: all are listed |
//!
//! Source of the names: BSD `sysexits.h`.

use std::process::ExitCode;

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something failed while running.
    Failure = 1,
    /// The store or an address cannot be had.
    Unavailable = 69,
    /// A deadline of the shutdown was missed.
    DeadlineMissed = 75,
    /// The configuration has faults.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
