//! The process of one subject.
//!
//! It reads a line `<threads> <times>`, does the work so often on so many
//! threads, and answers a line `<nanoseconds> <allocations>`: what once cost,
//! on average. At the end of its input it proves that the work was on record.

use std::io::{self, BufRead, Write};

use anyhow::{Context, Result, ensure};

use crate::{
    catalogue,
    subject::Subject,
    worker::{self, Cost, Worker},
};

/// How often threads are let work again that were not at work at once.
const TRIES: usize = 20;
/// Fewer than a queue of spans holds, so that none is dropped.
const MOST_AT_ONCE: u64 = 500;

struct Child {
    subject: Subject,
    workers: Vec<Worker>,
    done: u64,
}

impl Child {
    fn start(name: &str) -> Result<Self> {
        let entry = catalogue::find(name)?;
        let mut subject = (entry.prepare)()?;
        let workers = std::mem::take(&mut subject.work);
        Ok(Self {
            subject,
            workers: workers.into_iter().map(Worker::start).collect(),
            done: 0,
        })
    }

    /// Does the work in portions, and gives what the last one has cost.
    fn work(&mut self, threads: usize, times: u64) -> Result<Cost> {
        let workers = self.workers.get(..threads).context("so few threads")?;
        let mut left = times;
        loop {
            let portion = left.min(MOST_AT_ONCE);
            let mut cost = Cost::default();
            for _ in 0..TRIES {
                cost = worker::together(workers, portion)?;
                (self.subject.settle)();
                self.done += cost.done;
                if !cost.nanoseconds.is_nan() {
                    break;
                }
            }
            left -= portion;
            if left == 0 {
                return Ok(cost);
            }
        }
    }

    fn prove(&self) -> Result<()> {
        (self.subject.prove)(self.done)
    }
}

/// Does what the lines of the standard input say.
pub fn obey(name: &str) -> Result<()> {
    let mut child = Child::start(name)?;
    let mut answers = io::stdout().lock();
    writeln!(answers, "{}", child.workers.len())?;
    answers.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (threads, times) = line.split_once(' ').context("expected two numbers")?;
        let cost = child.work(threads.parse()?, times.parse()?)?;
        writeln!(answers, "{} {}", cost.nanoseconds, cost.allocations)?;
        answers.flush()?;
    }
    child
        .prove()
        .with_context(|| format!("{name} does not do its job"))
}

/// Does the work so often, for who counts instructions, and tells how often it
/// was done in all, with what warms the caches.
pub fn work(name: &str, times: u64) -> Result<()> {
    ensure!(times > 0, "nothing to do");
    let mut child = Child::start(name)?;
    child.work(1, times)?;
    println!("{}", child.done);
    child.prove()
}
