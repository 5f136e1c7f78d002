use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::registry::{State, Watched};
use crate::Cause;

/// The checks, running in the background, and the thread that watches the runtime.
/// Dropping it stops them; their last results become stale.
#[derive(Debug)]
#[must_use = "the checks stop when this is dropped"]
pub struct HealthTasks {
    _tasks: JoinSet<()>,
    /// The thread ends when the other half can receive no more.
    _watchdog: mpsc::Sender<()>,
}

impl HealthTasks {
    pub(super) fn spawn(state: &Arc<State>) -> Self {
        let checks = (0..state.checks.len()).map(|index| run_again(Arc::clone(state), index));
        Self {
            _tasks: checks.collect(),
            _watchdog: start_watchdog(Arc::clone(state), Handle::current()),
        }
    }
}

/// Keeps the pulse of the runtime, and notices what time alone makes stale.
fn start_watchdog(state: Arc<State>, runtime: Handle) -> mpsc::Sender<()> {
    let (running, stopped) = mpsc::channel();
    state.pulse.start();
    let watch = move || {
        // Staleness is told by the clock that the checks run by.
        let _clock = runtime.enter();
        let interval = state.pulse.interval();
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            state.pulse.turn(&runtime);
            state.settle();
        }
        state.pulse.stop();
    };
    thread::Builder::new()
        .name("health-watchdog".to_owned())
        .spawn(watch)
        .expect("the system gives a thread to a service that starts");
    running
}

async fn run_again(state: Arc<State>, index: usize) {
    let watched = &state.checks[index];
    loop {
        run(&state, watched).await;
        sleep(jittered(watched.check.interval)).await;
    }
}

/// Give or take a tenth.
fn jittered(interval: Duration) -> Duration {
    let fifth = interval.mul_f64(fastrand::f64() / 5.0);
    (interval - interval / 10).saturating_add(fifth)
}

/// Runs the check once, in a task of its own: that way its panic is its failure.
///
/// After a time-out the next run waits until this one is gone, so that a check that
/// blocks holds one thread at most.
async fn run(state: &State, watched: &Watched) {
    let check = &watched.check;
    let begun = Instant::now();
    let mut task = JoinSet::new();
    task.spawn(check.clone().run());
    let ended = timeout(check.timeout, task.join_next())
        .await
        .ok()
        .flatten();
    let outcome = match ended {
        Some(ended) => outcome(ended),
        None => Err(format!("no answer within {:?}", check.timeout)),
    };
    state.write(watched, outcome, begun.elapsed());
    task.shutdown().await;
}

fn outcome(ended: Result<Result<(), Cause>, JoinError>) -> Result<(), String> {
    match ended {
        Ok(outcome) => outcome.map_err(|cause| cause.to_string()),
        Err(error) if error.is_panic() => Err(format!("the check panicked: {}", message(error))),
        Err(_) => Err("the check was cancelled".to_owned()),
    }
}

fn message(error: JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
