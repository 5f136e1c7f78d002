use std::sync::Arc;

use tokio::{
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::registry::Watched;
use crate::Cause;

/// The checks, running in the background. Dropping it stops them; their last results
/// become stale.
#[derive(Debug)]
#[must_use = "the checks stop when this is dropped"]
pub struct HealthTasks {
    _tasks: JoinSet<()>,
}

impl HealthTasks {
    pub(super) fn spawn(checks: &[Arc<Watched>]) -> Self {
        let watches = checks.iter().map(|watched| watch(Arc::clone(watched)));
        Self {
            _tasks: watches.collect(),
        }
    }
}

async fn watch(watched: Arc<Watched>) {
    loop {
        run(&watched).await;
        sleep(watched.check.interval).await;
    }
}

/// Runs the check once, in a task of its own: that way its panic is its failure.
///
/// After a time-out the next run waits until this one is gone, so that a check that
/// blocks holds one thread at most.
async fn run(Watched { check, record }: &Watched) {
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
    record.write(outcome, check.failure_threshold);
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
