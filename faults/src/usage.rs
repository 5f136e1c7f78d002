//! What a process uses, by the kernel's account.

use std::fs;

use anyhow::{Context, Result};
use procfs::process::Process;

const MIB: f64 = 1024.0 * 1024.0;

/// At one moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Bytes of physical memory.
    pub memory: u64,
    /// The most of it since the start, or since [`forget_peak`].
    pub peak: u64,
    /// Open files, sockets and the like.
    pub descriptors: usize,
}

impl Usage {
    pub fn of(process: u32) -> Result<Self> {
        let process = Process::new(i32::try_from(process)?)?;
        let status = process.status()?;
        let bytes = |kibibytes: Option<u64>| kibibytes.context("no memory").map(|k| k * 1024);
        Ok(Self {
            memory: bytes(status.vmrss)?,
            peak: bytes(status.vmhwm)?,
            descriptors: process.fd_count()?,
        })
    }

    /// MiB by which memory has grown at its peak since then.
    pub fn peak_over(&self, before: &Self) -> f64 {
        self.peak.saturating_sub(before.memory) as f64 / MIB
    }
}

/// Lets the kernel measure the peak of memory anew: proc(5), `clear_refs`.
pub fn forget_peak(process: u32) -> Result<()> {
    fs::write(format!("/proc/{process}/clear_refs"), "5").context("the peak cannot be forgotten")
}
