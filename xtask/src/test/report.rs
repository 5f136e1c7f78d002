use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Error, Result};
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use crate::run;

/// What was run and how it went: told while it happens, and as a table at the end.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    current: Option<Row>,
    begun: Option<Instant>,
}

struct Row {
    stage: &'static str,
    error: Option<Error>,
    skipped: Vec<String>,
    tests: Tests,
    time: Duration,
}

/// Tests, as cargo's runner counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Report {
    pub fn begin(&mut self, stage: &'static str, about: &str) {
        println!("\n{} {about}", style(format!("{stage}:")).bold());
        self.begun = Some(Instant::now());
        self.current = Some(Row {
            stage,
            error: None,
            skipped: Vec::new(),
            tests: Tests::default(),
            time: Duration::ZERO,
        });
    }

    /// Runs a command as a step of the stage; the tests that it runs are counted.
    pub fn step(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let done = self.check(name, || run::output(command));
        let printed = match &done {
            Ok(printed) => printed.clone(),
            Err(error) => format!("{error:#}"),
        };
        if let Some(row) = &mut self.current {
            row.tests.add(Tests::counted(&printed));
        }
        done.map(drop)
    }

    /// Runs a check as a step of the stage.
    pub fn check<T>(&mut self, name: &str, check: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let bar = ProgressBar::new_spinner();
        let template = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}");
        bar.set_style(template.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        let done = check();
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        let mark = match &done {
            Ok(_) => style("ok  ").green(),
            Err(_) => style("FAIL").red(),
        };
        println!("  {mark} {seconds:7.1} s  {name}");
        done
    }

    /// Names what could not be run here, and what would change that.
    pub fn skip(&mut self, why: String) {
        println!("  {} {why}", style("skip").yellow());
        if let Some(row) = &mut self.current {
            row.skipped.push(why);
        }
    }

    pub fn end(&mut self, ended: Result<()>) {
        let Some(mut row) = self.current.take() else {
            return;
        };
        if let Err(error) = ended {
            println!("{error:#}");
            row.tests.failed = row.tests.failed.max(1);
            row.error = Some(error);
        }
        row.time = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.rows.push(row);
    }

    /// Prints the table, and the sum in the words of cargo's test runner.
    pub fn finish(self, time: Duration) -> ExitCode {
        println!(
            "\n{:12} {:8} {:>7} {:>9}",
            "stage", "result", "tests", "seconds"
        );
        let mut sum = Tests::default();
        for row in &self.rows {
            let result = match (&row.error, row.skipped.is_empty()) {
                (Some(_), _) => style("FAILED  ").red(),
                (None, true) => style("ok      ").green(),
                (None, false) => style("skipped ").yellow(),
            };
            let (passed, seconds) = (row.tests.passed, row.time.as_secs_f64());
            println!("{:12} {result} {passed:7} {seconds:9.1}", row.stage);
            for skipped in &row.skipped {
                println!("             {skipped}");
            }
            sum.add(row.tests);
        }
        let ok = self.rows.iter().all(|row| row.error.is_none());
        let Tests {
            passed,
            failed,
            ignored,
        } = sum;
        let (result, seconds) = (if ok { "ok" } else { "FAILED" }, time.as_secs_f64());
        println!(
            "\ntest result: {result}. {passed} passed; {failed} failed; {ignored} ignored; \
             0 measured; 0 filtered out; finished in {seconds:.2}s"
        );
        if ok {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Tests {
    /// Adds up every line `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn counted(printed: &str) -> Self {
        let mut sum = Self::default();
        for line in printed.lines() {
            let Some((_, counts)) = line.split_once("test result: ") else {
                continue;
            };
            let number_before = |word: &str| {
                let mut words = counts.split([' ', ';']).filter(|text| !text.is_empty());
                let mut before = "";
                words.find_map(|text| {
                    let number = (text == word).then(|| before.parse().ok());
                    before = text;
                    number
                })
            };
            sum.add(Self {
                passed: number_before("passed").flatten().unwrap_or(0),
                failed: number_before("failed").flatten().unwrap_or(0),
                ignored: number_before("ignored").flatten().unwrap_or(0),
            });
        }
        sum
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_lines_are_added_up() {
        let printed = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let expected = Tests {
            passed: 13,
            failed: 2,
            ignored: 1,
        };
        assert_eq!(Tests::counted(printed), expected);
    }

    #[test]
    fn other_lines_count_for_nothing() {
        assert_eq!(Tests::counted("3 passed; 0 failed"), Tests::default());
    }
}
