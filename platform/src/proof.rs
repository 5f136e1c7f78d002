//! What a proof is, and what came of it.

use std::{pin::Pin, time::Duration};

use anyhow::Result;

use crate::{choice::Named, setup::Setup};

/// Something that a Collector must do.
pub struct Proof {
    /// By which it is chosen.
    pub name: &'static str,
    /// What must be so.
    pub title: &'static str,
    /// Sees whether it is.
    pub run: fn(Setup) -> Run,
}

impl Named for Proof {
    const KIND: &'static str = "proof";

    fn name(&self) -> &'static str {
        self.name
    }
}

pub type Run = Pin<Box<dyn Future<Output = Result<Outcome>>>>;

/// What was seen.
pub struct Outcome {
    pub seen: String,
    missed: Vec<String>,
}

impl Outcome {
    pub fn of(seen: impl Into<String>) -> Self {
        Self {
            seen: seen.into(),
            missed: Vec::new(),
        }
    }

    /// A part of what must be so: whether it is, and else what is instead.
    pub fn goal(mut self, is_met: bool, instead: impl Into<String>) -> Self {
        if !is_met {
            self.missed.push(instead.into());
        }
        self
    }
}

/// A proof that was tried.
pub struct Measured {
    pub proof: &'static Proof,
    pub outcome: Result<Outcome>,
    pub took: Duration,
}

impl Measured {
    pub fn is_met(&self) -> bool {
        matches!(&self.outcome, Ok(outcome) if outcome.missed.is_empty())
    }

    /// Whether it is so; if not, what is instead.
    pub fn verdict(&self) -> String {
        match &self.outcome {
            Ok(outcome) if outcome.missed.is_empty() => "yes".to_owned(),
            Ok(outcome) => format!("no: {}", outcome.missed.join("; ")),
            Err(error) => format!("failed: {error:#}"),
        }
    }
}
