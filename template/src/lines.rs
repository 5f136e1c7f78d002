//! Lines that are whole, although the disk was full in the middle of one before them.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Standard output, which has the log's lines and the audit log's.
pub(crate) static STDOUT: Lines = Lines::new();

/// Lines of one output, whoever writes them.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Whether the last one may have been written in part.
    torn: AtomicBool,
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self {
            torn: AtomicBool::new(false),
        }
    }

    /// Writes a line with its end, by one call: no other's gets in between.
    pub(crate) fn write(&self, mut output: impl Write, line: &[u8]) -> io::Result<()> {
        if self.torn.load(Relaxed) {
            // So that what is whole is not added to what is not.
            output.write_all(b"\n")?;
            self.torn.store(false, Relaxed);
        }
        let written = output.write_all(line);
        if written.is_err() {
            self.torn.store(true, Relaxed);
        }
        written
    }
}
