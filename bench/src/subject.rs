//! What is measured, ready to work.

use std::time::Duration;

use anyhow::Result;
use axum::Router;

use crate::caller::{Caller, Requests, THREADS};

/// Does the work so many times, and says how long that took.
pub type Work = Box<dyn FnMut(u64) -> Duration + Send>;

/// A subject, set up.
pub struct Subject {
    /// One for each thread.
    pub work: Vec<Work>,
    /// Waits for what the work leaves to others; its time is not counted.
    pub settle: Box<dyn Fn()>,
    /// Whether the work, done so many times, is on record.
    pub prove: Box<dyn Fn(u64) -> Result<()>>,
}

impl Subject {
    /// A router that is called, by two threads with a clone each.
    pub fn router(router: &Router, requests: Requests) -> Self {
        let caller = |thread| -> Work {
            let mut caller = Caller::new(router.clone(), requests.clone(), thread);
            Box::new(move |times| caller.call(times))
        };
        Self {
            work: (0..THREADS).map(caller).collect(),
            settle: Box::new(|| ()),
            prove: Box::new(|_| Ok(())),
        }
    }

    /// A page that is rendered.
    pub fn page(mut render: impl FnMut() -> String + Send + 'static) -> Self {
        let work = move |times| {
            let start = std::time::Instant::now();
            for _ in 0..times {
                std::hint::black_box(render());
            }
            start.elapsed()
        };
        Self {
            work: vec![Box::new(work)],
            settle: Box::new(|| ()),
            prove: Box::new(|_| Ok(())),
        }
    }

    pub fn settle(mut self, settle: impl Fn() + 'static) -> Self {
        self.settle = Box::new(settle);
        self
    }

    pub fn prove(mut self, prove: impl Fn(u64) -> Result<()> + 'static) -> Self {
        self.prove = Box::new(prove);
        self
    }
}
