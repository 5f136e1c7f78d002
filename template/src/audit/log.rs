use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry::metrics::{Counter, Meter};

use super::Entry;
use crate::{
    config,
    lines::{self, Lines},
    telemetry::names::audit as names,
};

/// Where entries are written. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    output: Output,
    failures: Counter<u64>,
}

#[derive(Clone)]
enum Output {
    Stdout,
    File(Arc<(Mutex<File>, Lines)>),
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
                Output::File(Arc::new((Mutex::new(file), Lines::new())))
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

    fn try_write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        match &self.output {
            Output::Stdout => lines::STDOUT.write(io::stdout().lock(), &line),
            Output::File(output) => {
                let (file, lines) = &**output;
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                lines.write(&mut *file, &line)
            }
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

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use axum::{body::Body, extract::Request};

    use super::*;

    #[test]
    fn an_entry_is_a_line_of_its_own_although_one_before_it_was_lost() {
        let (full, mut reader) = UnixStream::pair().unwrap();
        full.set_nonblocking(true).unwrap();
        let file = Mutex::new(File::from(OwnedFd::from(full)));
        let log = AuditLog {
            output: Output::File(Arc::new((file, Lines::new()))),
            failures: opentelemetry::global::meter("test")
                .u64_counter("lost")
                .build(),
        };
        let entry = Entry::of(&Request::new(Body::empty()));
        while log.try_write(&entry).is_ok() {}

        let mut taken = vec![0; 1 << 24];
        assert!(reader.read(&mut taken).unwrap() > 0);
        log.try_write(&entry).unwrap();
        drop(log);
        let mut next = String::new();
        reader.read_to_string(&mut next).unwrap();
        assert!(next.starts_with("\n{") && next.ends_with("}\n"), "{next}");
    }
}
