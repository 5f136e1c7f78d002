//! What a fault is, and what came of it.

use std::pin::Pin;

use anyhow::Result;

use crate::{choice::Named, missing::Missing, setup::Setup};

/// Something that happens to a service, and what shall come of it.
pub struct Fault {
    /// By which it is chosen.
    pub name: &'static str,
    /// What happens.
    pub title: &'static str,
    /// What shall come of it.
    pub goal: &'static str,
    /// Lets it happen.
    pub run: fn(Setup) -> Run,
}

impl Named for Fault {
    const KIND: &'static str = "fault";

    fn name(&self) -> &'static str {
        self.name
    }
}

pub type Run = Pin<Box<dyn Future<Output = Result<Outcome>>>>;

/// What came of it.
pub struct Outcome {
    load: String,
    lost: String,
    recovery: String,
    missed: Vec<String>,
}

impl Outcome {
    /// After this load.
    pub fn of(load: impl Into<String>) -> Self {
        Self {
            load: load.into(),
            lost: "nothing".to_owned(),
            recovery: "–".to_owned(),
            missed: Vec::new(),
        }
    }

    /// What was lost.
    pub fn lost(self, lost: impl Into<String>) -> Self {
        let lost = lost.into();
        Self { lost, ..self }
    }

    /// How long it took until all was well again.
    pub fn recovery(self, recovery: impl Into<String>) -> Self {
        let recovery = recovery.into();
        Self { recovery, ..self }
    }

    /// A part of the goal: whether it is met, and else what was instead.
    pub fn goal(mut self, is_met: bool, instead: impl Into<String>) -> Self {
        if !is_met {
            self.missed.push(instead.into());
        }
        self
    }
}

/// A fault that happened.
pub struct Measured {
    pub fault: &'static Fault,
    pub outcome: Result<Outcome>,
}

impl Measured {
    pub fn is_met(&self) -> bool {
        match &self.outcome {
            Ok(outcome) => outcome.missed.is_empty(),
            Err(error) => Missing::excuses(error),
        }
    }

    /// Whether the goal is met; if not, what was instead.
    pub fn verdict(&self) -> String {
        match &self.outcome {
            Ok(outcome) if outcome.missed.is_empty() => "met".to_owned(),
            Ok(outcome) => format!("missed: {}", outcome.missed.join("; ")),
            Err(error) if Missing::excuses(error) => format!("skipped: {error}"),
            Err(error) => format!("failed: {error:#}"),
        }
    }

    /// Load, what was lost, how long it took to recover.
    pub fn told(&self) -> [&str; 3] {
        match &self.outcome {
            Ok(outcome) => [&outcome.load, &outcome.lost, &outcome.recovery],
            Err(_) => ["–"; 3],
        }
    }
}
