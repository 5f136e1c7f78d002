//! The threads of a subject.

use std::{
    sync::{
        Arc, Barrier,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use anyhow::{Context, Result};

use crate::{allocations, subject::Work};

/// What one thread's work has cost, on average.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub nanoseconds: f64,
    pub allocations: f64,
    /// How often it was done, with and without the clock.
    pub done: u64,
}

struct Task {
    times: u64,
    start: Arc<Barrier>,
}

/// A thread that keeps its warm state from one task to the next.
pub struct Worker {
    tasks: Sender<Task>,
    costs: Receiver<Cost>,
}

impl Worker {
    pub fn start(mut work: Work) -> Self {
        let (tasks, to_do) = mpsc::channel::<Task>();
        let (done, costs) = mpsc::channel();
        thread::spawn(move || {
            for task in to_do {
                // Others had the caches; fill them before the clock runs.
                let warm_times = task.times / 5;
                work(warm_times);
                task.start.wait();
                let before = allocations::count();
                let time = work(task.times);
                let allocated = allocations::count() - before;
                let cost = Cost {
                    nanoseconds: time.as_nanos() as f64 / task.times as f64,
                    allocations: allocated as f64 / task.times as f64,
                    done: warm_times + task.times,
                };
                if done.send(cost).is_err() {
                    break;
                }
            }
        });
        Self { tasks, costs }
    }
}

/// Lets all these work at once.
pub fn together(workers: &[Worker], times: u64) -> Result<Cost> {
    let start = Arc::new(Barrier::new(workers.len()));
    for worker in workers {
        let start = start.clone();
        let sent = worker.tasks.send(Task { times, start });
        sent.ok().context("a worker has panicked")?;
    }
    let mut mean = Cost::default();
    for worker in workers {
        let cost = worker.costs.recv().context("a worker has panicked")?;
        mean.nanoseconds += cost.nanoseconds / workers.len() as f64;
        mean.allocations += cost.allocations / workers.len() as f64;
        mean.done += cost.done;
    }
    Ok(mean)
}
