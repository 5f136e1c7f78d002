//! The threads of a subject.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{allocations, subject::Work};

/// What the work has cost a thread, on average.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub nanoseconds: f64,
    pub allocations: f64,
    /// How often it was done, with and without the clock.
    pub done: u64,
}

/// One thread's cost, and when it was at work.
struct Stint {
    cost: Cost,
    began: Instant,
    ended: Instant,
}

struct Task {
    times: u64,
    start: Arc<Start>,
}

/// Where threads wait for each other, each on a processor: one that slept would
/// wake when another's work is half done.
struct Start {
    missing: AtomicUsize,
}

impl Start {
    /// Longer than a busy machine keeps a thread waiting; one that has panicked
    /// never comes.
    const PATIENCE: Duration = Duration::from_secs(5);

    fn of(threads: usize) -> Arc<Self> {
        let missing = AtomicUsize::new(threads);
        Arc::new(Self { missing })
    }

    fn wait(&self) {
        let came = Instant::now();
        self.missing.fetch_sub(1, SeqCst);
        while self.missing.load(SeqCst) > 0 && came.elapsed() < Self::PATIENCE {
            hint::spin_loop();
        }
    }
}

/// A thread that keeps its warm state from one task to the next.
pub struct Worker {
    tasks: Sender<Task>,
    stints: Receiver<Stint>,
}

impl Worker {
    pub fn start(mut work: Work) -> Self {
        let (tasks, to_do) = mpsc::channel::<Task>();
        let (done, stints) = mpsc::channel();
        thread::spawn(move || {
            for task in to_do {
                // Others had the caches; fill them before the clock runs.
                let warm_times = task.times / 5;
                work(warm_times);
                task.start.wait();
                let before = allocations::count();
                let began = Instant::now();
                let time = work(task.times);
                let ended = Instant::now();
                let allocated = allocations::count() - before;
                let cost = Cost {
                    nanoseconds: time.as_nanos() as f64 / task.times as f64,
                    allocations: allocated as f64 / task.times as f64,
                    done: warm_times + task.times,
                };
                let stint = Stint { cost, began, ended };
                if done.send(stint).is_err() {
                    break;
                }
            }
        });
        Self { tasks, stints }
    }
}

/// Lets all these work at once. The time is not a number if the system has put
/// them one behind the other, as it does on a busy machine.
pub fn together(workers: &[Worker], times: u64) -> Result<Cost> {
    let start = Start::of(workers.len());
    for worker in workers {
        let start = start.clone();
        let sent = worker.tasks.send(Task { times, start });
        sent.ok().context("a worker has panicked")?;
    }
    let stints = workers.iter().map(|worker| worker.stints.recv());
    let stints = stints.collect::<Result<Vec<_>, _>>();
    let stints = stints.context("a worker has panicked")?;
    let mut mean = Cost::default();
    for Stint { cost, .. } in &stints {
        mean.nanoseconds += cost.nanoseconds / stints.len() as f64;
        mean.allocations += cost.allocations / stints.len() as f64;
        mean.done += cost.done;
    }
    if !at_once(&stints) {
        mean.nanoseconds = f64::NAN;
    }
    Ok(mean)
}

/// Whether all were at work for four fifths of the time in which one was.
fn at_once(stints: &[Stint]) -> bool {
    let first = stints.iter().map(|stint| stint.began).min();
    let last = stints.iter().map(|stint| stint.ended).max();
    let all_began = stints.iter().map(|stint| stint.began).max();
    let one_ended = stints.iter().map(|stint| stint.ended).min();
    let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
        (Some(from), Some(to)) => to.saturating_duration_since(from),
        _ => Duration::ZERO,
    };
    between(all_began, one_ended) >= between(first, last).mul_f64(0.8)
}
