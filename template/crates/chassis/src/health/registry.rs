use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Check,
    record::Record,
    report::{CheckReport, Report, Status},
    tasks::HealthTasks,
};

/// How the service is: what its probes answer. A handle, cheap to clone.
///
/// It starts as *starting*, and is told when the service has
/// [started](Self::mark_started) and when it is [draining](Self::mark_draining).
///
/// ```
/// use axum_chassis::health::Health;
///
/// let health = Health::builder().build();
/// assert!(!health.is_ready());
/// health.mark_started();
/// assert!(health.is_ready());
/// health.mark_draining();
/// assert!(!health.is_ready());
/// ```
#[derive(Clone, Debug)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    started: AtomicBool,
    draining: AtomicBool,
    checks: Vec<Arc<Watched>>,
}

/// A check, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) check: Check,
    pub(super) record: Record,
}

impl Health {
    /// Without checks, a service is ready as soon as it has started.
    pub fn builder() -> HealthBuilder {
        HealthBuilder { checks: Vec::new() }
    }

    /// Runs every check at once, and then at its interval, until what it returns is
    /// dropped. Without it no check ever passes.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers.
    pub fn spawn(&self) -> HealthTasks {
        HealthTasks::spawn(&self.0.checks)
    }

    /// From now on the startup probe is green, and readiness depends on the checks.
    pub fn mark_started(&self) {
        self.0.started.store(true, Ordering::Release);
    }

    /// From now on readiness is red, for good: the service goes. Liveness stays green.
    pub fn mark_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Whether it has been told that the service has started.
    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }

    /// Whether it has been told that the service goes.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Whether requests should come here: started, not draining, and the last result of
    /// every critical check is fresh and good.
    pub fn is_ready(&self) -> bool {
        self.readiness().status != Status::Fail
    }

    /// The process answers, so it lives.
    pub(super) fn liveness(&self) -> Report {
        Report {
            status: Status::Pass,
            output: None,
            checks: Vec::new(),
        }
    }

    pub(super) fn startup(&self) -> Report {
        match self.is_started() {
            true => self.liveness(),
            false => Report {
                status: Status::Fail,
                output: Some("starting"),
                checks: Vec::new(),
            },
        }
    }

    pub(super) fn readiness(&self) -> Report {
        let checks: Vec<_> = self
            .0
            .checks
            .iter()
            .map(|watched| watched.report())
            .collect();
        let output = match (self.is_draining(), self.is_started()) {
            (true, _) => Some("draining"),
            (false, false) => Some("starting"),
            (false, true) => None,
        };
        let worst = checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Status::Pass);
        let status = if output.is_some() {
            Status::Fail
        } else {
            worst
        };
        Report {
            status,
            output,
            checks,
        }
    }
}

impl Watched {
    fn report(&self) -> CheckReport {
        let standing = self.record.read(self.check.staleness_limit());
        let status = match (standing.passing, &standing.output) {
            (true, None) => Status::Pass,
            (false, _) if self.check.critical => Status::Fail,
            _ => Status::Warn,
        };
        CheckReport {
            name: Arc::clone(&self.check.name),
            status,
            time: standing.time,
            output: standing.output,
        }
    }
}

/// Builds a [`Health`].
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct HealthBuilder {
    checks: Vec<Check>,
}

impl HealthBuilder {
    /// Adds a check.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The handle. [`spawn`](Health::spawn) it to run the checks.
    pub fn build(self) -> Health {
        let watch = |check| {
            Arc::new(Watched {
                check,
                record: Record::default(),
            })
        };
        Health(Arc::new(State {
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            checks: self.checks.into_iter().map(watch).collect(),
        }))
    }
}
