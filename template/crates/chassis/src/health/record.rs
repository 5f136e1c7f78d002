use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant, SystemTime},
};

/// The longest error text that is kept, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024;

/// What is known of a check. Probes read it, its runs write it, nobody waits.
#[derive(Debug, Default)]
pub(super) struct Record(RwLock<Option<Run>>);

#[derive(Clone, Debug)]
struct Run {
    ended: Instant,
    ended_at: SystemTime,
    failures: u32,
    passing: bool,
    error: Option<String>,
}

/// How a check stands, to one who asks now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Standing {
    pub(super) passing: bool,
    /// When the last run ended.
    pub(super) time: Option<SystemTime>,
    /// What is wrong.
    pub(super) output: Option<String>,
}

impl Record {
    /// Takes down how a run ended. It takes `threshold` failures in a row to fail a check
    /// that passed.
    pub(super) fn write(&self, outcome: Result<(), String>, threshold: u32) {
        let mut last = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (passed, failures) = last
            .as_ref()
            .map_or((false, 0), |run| (run.passing, run.failures));
        let failures = if outcome.is_ok() {
            0
        } else {
            failures.saturating_add(1)
        };
        *last = Some(Run {
            ended: Instant::now(),
            ended_at: SystemTime::now(),
            failures,
            passing: outcome.is_ok() || (passed && failures < threshold),
            error: outcome.err().map(bounded),
        });
    }

    pub(super) fn read(&self, staleness_limit: Duration) -> Standing {
        let last = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match last {
            None => Standing {
                passing: false,
                time: None,
                output: Some("not run yet".into()),
            },
            Some(run) if run.ended.elapsed() > staleness_limit => Standing {
                passing: false,
                time: Some(run.ended_at),
                output: Some(format!("no result for more than {staleness_limit:?}")),
            },
            Some(run) => Standing {
                passing: run.passing,
                time: Some(run.ended_at),
                output: run.error,
            },
        }
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_OUTPUT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn failure() -> Result<(), String> {
        Err("refused".to_owned())
    }

    #[test]
    fn a_check_that_never_ran_does_not_pass() {
        assert!(!Record::default().read(HOUR).passing);
    }

    #[test]
    fn one_failure_fails_and_one_success_heals() {
        let record = Record::default();
        record.write(Ok(()), 1);
        assert!(record.read(HOUR).passing);
        record.write(failure(), 1);
        assert!(!record.read(HOUR).passing);
        record.write(Ok(()), 1);
        assert_eq!(record.read(HOUR).output, None);
        assert!(record.read(HOUR).passing);
    }

    #[test]
    fn below_the_threshold_a_failure_is_shown_but_does_not_fail() {
        let record = Record::default();
        record.write(Ok(()), 3);
        for _ in 0..2 {
            record.write(failure(), 3);
            assert!(record.read(HOUR).passing);
            assert_eq!(record.read(HOUR).output.as_deref(), Some("refused"));
        }
        record.write(failure(), 3);
        assert!(!record.read(HOUR).passing);
    }

    #[test]
    fn the_threshold_does_not_help_a_check_that_never_passed() {
        let record = Record::default();
        record.write(failure(), 3);
        assert!(!record.read(HOUR).passing);
    }

    #[test]
    fn an_old_result_is_none() {
        let record = Record::default();
        record.write(Ok(()), 1);
        let standing = record.read(Duration::ZERO);
        assert!(!standing.passing);
        assert_eq!(
            standing.output.as_deref(),
            Some("no result for more than 0ns")
        );
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let record = Record::default();
        record.write(Err("é".repeat(MAX_OUTPUT_BYTES) + "x"), 1);
        assert_eq!(record.read(HOUR).output.unwrap().len(), MAX_OUTPUT_BYTES);
    }
}
