use std::{
    sync::{PoisonError, RwLock, RwLockWriteGuard},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// The longest error text that is kept, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024;

/// What is known of a check. Probes read it, its runs write it, nobody waits.
#[derive(Debug, Default)]
pub(super) struct Record(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    last: Option<Run>,
    last_success: Option<SystemTime>,
    /// The last verdict that was news.
    told: Option<bool>,
}

#[derive(Debug)]
struct Run {
    ended: Instant,
    ended_at: SystemTime,
    took: Duration,
    /// How many runs in a row ended as this one.
    in_a_row: u32,
    passed: bool,
    passing: bool,
    error: Option<String>,
}

/// What makes a verdict of runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) failure_threshold: u32,
    pub(super) success_threshold: u32,
    pub(super) staleness_limit: Duration,
}

/// How a check stands, to one who asks now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Standing {
    pub(super) passing: bool,
    /// When the last run ended.
    pub(super) time: Option<SystemTime>,
    pub(super) took: Option<Duration>,
    pub(super) last_success: Option<SystemTime>,
    /// What is wrong.
    pub(super) output: Option<String>,
}

/// A verdict that is another than the last.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum News {
    /// The first of all, and good: hardly worth a line.
    Passes,
    PassesAgain,
    Fails(String),
}

impl Record {
    /// Takes down how a run ended.
    pub(super) fn write(
        &self,
        outcome: Result<(), String>,
        took: Duration,
        rules: &Rules,
    ) -> Option<News> {
        let mut known = self.lock();
        if outcome.is_ok() {
            known.last_success = Some(SystemTime::now());
        }
        known.last = Some(Run::after(known.last.as_ref(), outcome, took, rules));
        known.settle(rules)
    }

    /// Whether the verdict is another by now, since time alone makes one stale.
    pub(super) fn settle(&self, rules: &Rules) -> Option<News> {
        self.lock().settle(rules)
    }

    pub(super) fn read(&self, rules: &Rules) -> Standing {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.standing(rules)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn standing(&self, rules: &Rules) -> Standing {
        let Some(run) = &self.last else {
            return Standing {
                output: Some("not run yet".into()),
                ..Standing::default()
            };
        };
        let limit = rules.staleness_limit;
        let stale = run.ended.elapsed() > limit;
        Standing {
            passing: run.passing && !stale,
            time: Some(run.ended_at),
            took: Some(run.took),
            last_success: self.last_success,
            output: match stale {
                true => Some(format!("no result for more than {limit:?}")),
                false => run.error.clone(),
            },
        }
    }

    fn settle(&mut self, rules: &Rules) -> Option<News> {
        self.last.as_ref()?;
        let Standing {
            passing, output, ..
        } = self.standing(rules);
        match (self.told.replace(passing), passing) {
            (Some(told), now) if told == now => None,
            (None, true) => Some(News::Passes),
            (Some(_), true) => Some(News::PassesAgain),
            (_, false) => Some(News::Fails(output.unwrap_or_default())),
        }
    }
}

impl Run {
    /// It takes as many in a row as the rules say to turn a verdict; the first makes it.
    fn after(
        last: Option<&Self>,
        outcome: Result<(), String>,
        took: Duration,
        rules: &Rules,
    ) -> Self {
        let passed = outcome.is_ok();
        let in_a_row = match last {
            Some(run) if run.passed == passed => run.in_a_row.saturating_add(1),
            _ => 1,
        };
        let passing = match last {
            None => passed,
            Some(run) if passed => run.passing || in_a_row >= rules.success_threshold,
            Some(run) => run.passing && in_a_row < rules.failure_threshold,
        };
        let error = match outcome {
            Err(error) => Some(bounded(error)),
            Ok(()) if passing => None,
            Ok(()) => {
                let needed = rules.success_threshold;
                Some(format!("recovering: {in_a_row} of {needed} runs passed"))
            }
        };
        Self {
            ended: Instant::now(),
            ended_at: SystemTime::now(),
            took,
            in_a_row,
            passed,
            passing,
            error,
        }
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_OUTPUT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const RULES: Rules = Rules {
        failure_threshold: 1,
        success_threshold: 1,
        staleness_limit: Duration::from_secs(15),
    };

    /// Writes runs, `+` for one that passes, and tells for each if the check then does.
    fn verdicts(runs: &str, rules: &Rules) -> String {
        let record = Record::default();
        let verdict = |run| {
            write(&record, run == '+', rules);
            if record.read(rules).passing { '+' } else { '-' }
        };
        runs.chars().map(verdict).collect()
    }

    fn write(record: &Record, passes: bool, rules: &Rules) -> Option<News> {
        let outcome = passes.then_some(()).ok_or_else(|| "refused".to_owned());
        record.write(outcome, Duration::ZERO, rules)
    }

    #[test]
    fn a_check_that_never_ran_does_not_pass() {
        assert!(!Record::default().read(&RULES).passing);
    }

    #[test]
    fn one_failure_fails_and_one_success_heals() {
        assert_eq!(verdicts("+-+--+", &RULES), "+-+--+");
    }

    #[test]
    fn a_check_that_passed_fails_after_so_many_failures_in_a_row() {
        let failure_threshold = 3;
        let rules = Rules {
            failure_threshold,
            ..RULES
        };
        assert_eq!(verdicts("+--+--+---+", &rules), "+++++++++-+");
    }

    #[test]
    fn a_check_that_failed_passes_after_so_many_successes_in_a_row() {
        let success_threshold = 3;
        let rules = Rules {
            success_threshold,
            ..RULES
        };
        assert_eq!(verdicts("+-++-+++-", &rules), "+------+-");
    }

    #[test]
    fn the_first_run_decides_whatever_the_thresholds() {
        let rules = Rules {
            failure_threshold: 3,
            success_threshold: 3,
            ..RULES
        };
        assert_eq!(verdicts("+", &rules), "+");
        assert_eq!(verdicts("-", &rules), "-");
        assert_eq!(verdicts("-++", &rules), "---");
    }

    #[test]
    fn a_threshold_of_none_is_one_of_one() {
        let rules = Rules {
            failure_threshold: 0,
            success_threshold: 0,
            ..RULES
        };
        assert_eq!(verdicts("+-+-", &rules), "+-+-");
    }

    #[test]
    fn what_is_below_a_threshold_is_shown() {
        let rules = Rules {
            failure_threshold: 2,
            success_threshold: 2,
            ..RULES
        };
        let record = Record::default();
        let output = |passes| {
            write(&record, passes, &rules);
            record.read(&rules).output
        };
        assert_eq!(output(true), None);
        assert_eq!(output(false).as_deref(), Some("refused"));
        assert_eq!(output(false).as_deref(), Some("refused"));
        assert_eq!(
            output(true).as_deref(),
            Some("recovering: 1 of 2 runs passed")
        );
        assert_eq!(output(true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_good_up_to_the_staleness_limit() {
        let record = Record::default();
        write(&record, true, &RULES);
        advance(RULES.staleness_limit).await;
        assert!(record.read(&RULES).passing);
        advance(Duration::from_millis(1)).await;
        let standing = record.read(&RULES);
        assert!(!standing.passing);
        assert_eq!(
            standing.output.as_deref(),
            Some("no result for more than 15s")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_verdict_is_news_once() {
        let record = Record::default();
        assert_eq!(record.settle(&RULES), None);
        assert_eq!(write(&record, true, &RULES), Some(News::Passes));
        assert_eq!(write(&record, true, &RULES), None);
        let failure = Some(News::Fails("refused".to_owned()));
        assert_eq!(write(&record, false, &RULES), failure);
        assert_eq!(write(&record, false, &RULES), None);
        assert_eq!(write(&record, true, &RULES), Some(News::PassesAgain));

        advance(RULES.staleness_limit * 2).await;
        let stale = Some(News::Fails("no result for more than 15s".to_owned()));
        assert_eq!(record.settle(&RULES), stale);
        assert_eq!(record.settle(&RULES), None);
        assert_eq!(write(&record, true, &RULES), Some(News::PassesAgain));
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let record = Record::default();
        let error = "é".repeat(MAX_OUTPUT_BYTES) + "x";
        record.write(Err(error), Duration::ZERO, &RULES);
        assert_eq!(record.read(&RULES).output.unwrap().len(), MAX_OUTPUT_BYTES);
    }
}
