//! What is left for the probes when file descriptors run out.
//!
//! The private listener has spare descriptors: open files that it closes when it can
//! accept no connection, to have one. The public listener accepts nothing until all
//! spares are there again, so a descriptor that becomes free goes to the probes first.

use std::{
    fs::File,
    sync::{Mutex, PoisonError},
};

/// Probes at one time while descriptors have run out.
const SPARES: usize = 8;

/// The spare descriptors.
pub(super) struct Spares(Mutex<Vec<File>>);

impl Spares {
    pub(super) fn open() -> Self {
        let spares = Self(Mutex::default());
        spares.refill();
        spares
    }

    /// Opens those that are missing, and says whether all are there.
    pub(super) fn refill(&self) -> bool {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while files.len() < SPARES {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(_) => return false,
            }
        }
        true
    }

    /// Gives one up, and says whether there was one.
    pub(super) fn give_one(&self) -> bool {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.pop().is_some()
    }
}

/// As many connections for each of so many listeners as are wished for, but for all of them
/// no more than three quarters of the descriptors that the process may have: the store and
/// the probes need some too.
pub(super) fn affordable(connections: usize, listeners: usize) -> usize {
    let Some(limit) = limit() else {
        return connections;
    };
    let most = (limit / 4 * 3 / listeners).max(1);
    if most < connections {
        tracing::warn!(
            limit,
            connections = most,
            "the limit of open files allows fewer connections than http.connections: raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    connections.min(most)
}

#[cfg(target_os = "linux")]
fn limit() -> Option<usize> {
    use procfs::process::{LimitValue, Process};

    match Process::myself()
        .ok()?
        .limits()
        .ok()?
        .max_open_files
        .soft_limit
    {
        LimitValue::Value(limit) => usize::try_from(limit).ok(),
        LimitValue::Unlimited => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_have_no_more_connections_than_one() {
        if limit().is_some() {
            let one = affordable(usize::MAX, 1);
            assert!(2 * affordable(usize::MAX, 2) <= one);
        }
    }
}
