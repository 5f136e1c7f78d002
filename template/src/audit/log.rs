use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry::metrics::{Counter, Meter};

use super::Entry;
use crate::{config, telemetry::names::audit as names};

/// Where entries are written. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    output: Output,
    failures: Counter<u64>,
}

#[derive(Clone)]
enum Output {
    Stdout,
    File(Arc<Mutex<File>>),
}

impl AuditLog {
    /// Opens the file, if there is one to be.
    ///
    /// # Errors
    ///
    /// If it cannot be appended to.
    pub fn open(config: &config::Audit, meter: &Meter) -> io::Result<Self> {
        let output = match &config.file {
            None => Output::Stdout,
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                Output::File(Arc::new(Mutex::new(file)))
            }
        };
        let failures = meter
            .u64_counter(names::FAILURES)
            .with_description("Entries of the audit log that could not be written.")
            .with_unit("{entry}")
            .build();
        // The series is there before the first loss, so that an alert sees that one too.
        failures.add(0, &[]);
        Ok(Self { output, failures })
    }

    pub(super) fn write(&self, entry: &Entry) {
        if let Err(error) = self.try_write(entry) {
            // The write has happened; all that is left is to tell of it elsewhere.
            tracing::error!(%error, ?entry, "an entry of the audit log is lost");
            self.failures.add(1, &[]);
        }
    }

    /// One line by one call, so that no other's gets in between.
    fn try_write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        match &self.output {
            Output::Stdout => io::stdout().lock().write_all(&line),
            Output::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line),
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.output {
            Output::Stdout => "AuditLog(stdout)",
            Output::File(_) => "AuditLog(file)",
        })
    }
}
