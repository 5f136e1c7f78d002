use std::io::{self, Write};

use opentelemetry::metrics::{Counter, Meter};

use crate::{lines::Lines, telemetry::names::log as names};

/// Where lines go. One that cannot be written, for the disk is full, is counted: there
/// is nowhere else to tell of it, and no request waits or fails for it.
pub(super) struct Output<W> {
    open: fn() -> W,
    lines: &'static Lines,
    failures: Counter<u64>,
}

/// Whatever it is that is written to.
impl<W> Clone for Output<W> {
    fn clone(&self) -> Self {
        Self {
            open: self.open,
            lines: self.lines,
            failures: self.failures.clone(),
        }
    }
}

impl<W: Write> Output<W> {
    pub(super) fn new(open: fn() -> W, lines: &'static Lines, meter: &Meter) -> Self {
        let failures = meter
            .u64_counter(names::FAILURES)
            .with_description("Lines of the log that could not be written.")
            .with_unit("{line}")
            .build();
        // The series is there before the first loss, so that a rate sees that one too.
        failures.add(0, &[]);
        Self {
            open,
            lines,
            failures,
        }
    }
}

impl<W: Write> Write for Output<W> {
    /// A line, whole or not at all as far as the caller is concerned.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.lines.write((self.open)(), line) {
            self.failures.add(1, &[]);
            return Err(error);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        (self.open)().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum_chassis::prometheus::Registry;
    use opentelemetry::metrics::MeterProvider;

    use super::*;

    /// A disk with room for so many bytes.
    static DISK: Mutex<(Vec<u8>, usize)> = Mutex::new((Vec::new(), 0));

    struct Disk;

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (written, room) = &mut *DISK.lock().unwrap();
            let fits = bytes.len().min(*room - written.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            written.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_find_a_full_disk_are_counted_and_the_next_one_is_whole() {
        static LINES: Lines = Lines::new();

        let registry = Registry::new();
        let mut output = Output::new(|| Disk, &LINES, &registry.meter("test"));
        DISK.lock().unwrap().1 = 9;
        output.write_all(b"first\n").unwrap();
        for lost in [b"second\n", b"third.\n"] {
            assert!(output.write_all(lost).is_err());
        }
        let page = registry.exposition(None).into_text();
        assert!(page.contains("\nlog_lines_lost_total 2\n"), "{page}");

        DISK.lock().unwrap().1 = 100;
        output.write_all(b"fourth\n").unwrap();
        let written = DISK.lock().unwrap().0.clone();
        assert_eq!(String::from_utf8(written).unwrap(), "first\nsec\nfourth\n");
    }
}
