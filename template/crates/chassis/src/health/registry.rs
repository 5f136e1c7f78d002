use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Check, HealthChanges,
    pulse::Pulse,
    record::{News, Record, Standing},
    report::{CheckReport, Probe, Report, Status},
    tasks::HealthTasks,
};

/// No beat for so long is a stall, unless told otherwise.
const DEFAULT_STALL_LIMIT: Duration = Duration::from_secs(10);

/// The name of the check that there always is.
const RUNTIME: &str = "runtime";

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
pub struct Health(pub(super) Arc<State>);

#[derive(Debug)]
pub(super) struct State {
    started: AtomicBool,
    draining: AtomicBool,
    changes: watch::Sender<()>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) checks: Vec<Watched>,
}

/// A check, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) check: Check,
    record: Record,
}

impl Health {
    /// Without checks, a service is ready as soon as it has started.
    pub fn builder() -> HealthBuilder {
        HealthBuilder {
            checks: Vec::new(),
            stall_limit: DEFAULT_STALL_LIMIT,
        }
    }

    /// Runs every check at once, and then at its interval, until what it returns is
    /// dropped; and watches over the runtime that this is called on. Without it no check
    /// ever passes. Once is enough.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers, and if the system gives no thread.
    pub fn spawn(&self) -> HealthTasks {
        HealthTasks::spawn(&self.0)
    }

    /// From now on the startup probe is green, and readiness depends on the checks.
    pub fn mark_started(&self) {
        self.0.started.store(true, Ordering::Release);
        self.0.changes.send_replace(());
    }

    /// From now on readiness is red, for good: the service goes. Liveness stays as it is.
    pub fn mark_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.0.changes.send_replace(());
    }

    /// Whether it has been told that the service has started.
    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }

    /// Whether it has been told that the service goes.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Whether the runtime takes up work: no [stall limit](HealthBuilder::stall_limit) is
    /// over since it last did.
    pub fn is_live(&self) -> bool {
        !self.0.pulse.is_stalled()
    }

    /// Whether requests should come here: live, started, not draining, and the last
    /// result of every critical check is fresh and good.
    pub fn is_ready(&self) -> bool {
        self.report(Probe::Ready).status() != Status::Fail
    }

    /// To wait for what a probe or a check says to become another.
    pub fn changes(&self) -> HealthChanges {
        HealthChanges::new(self.0.changes.subscribe(), self.clone())
    }

    pub(super) fn report(&self, probe: Probe) -> Report {
        let obstacle = match probe {
            Probe::Live => None,
            Probe::Ready if self.is_draining() => Some("draining"),
            Probe::Ready | Probe::Startup => (!self.is_started()).then_some("starting"),
        };
        let mut report = Report::new(probe, obstacle);
        if probe != Probe::Startup {
            report.checks.extend(self.0.runtime());
        }
        if probe == Probe::Ready {
            report
                .checks
                .extend(self.0.checks.iter().map(Watched::report));
        }
        report
    }
}

impl State {
    /// Takes down how a run of one of the checks ended.
    pub(super) fn write(&self, watched: &Watched, outcome: Result<(), String>, took: Duration) {
        let rules = watched.check.rules();
        self.tell(watched, watched.record.write(outcome, took, &rules));
    }

    /// Tells what has changed without a run: what is stale, and whether the runtime stalls.
    pub(super) fn settle(&self) {
        for watched in &self.checks {
            self.tell(watched, watched.record.settle(&watched.check.rules()));
        }
        if let Some(stalled) = self.pulse.settle() {
            let limit = self.pulse.limit();
            match stalled {
                true => tracing::error!(?limit, "the runtime is stalled: liveness fails"),
                false => tracing::info!("the runtime goes on"),
            }
            self.changes.send_replace(());
        }
    }

    /// A verdict is logged when it changes, and not at each run.
    fn tell(&self, Watched { check, .. }: &Watched, news: Option<News>) {
        let Check { name, critical, .. } = check;
        match news {
            None => return,
            Some(News::Passes) => tracing::debug!(check = %name, "a health check passes"),
            Some(News::PassesAgain) => {
                tracing::info!(check = %name, "a health check passes again");
            }
            Some(News::Fails(error)) => {
                tracing::warn!(check = %name, critical, error, "a health check fails");
            }
        }
        self.changes.send_replace(());
    }

    /// None before the runtime is watched.
    fn runtime(&self) -> Option<CheckReport> {
        let lag = self.pulse.lag()?;
        let stalled = self.pulse.is_stalled();
        let limit = self.pulse.limit();
        Some(CheckReport {
            name: RUNTIME.into(),
            critical: true,
            excluded: false,
            observed_seconds: Some(lag.as_secs_f64()),
            standing: Standing {
                passing: !stalled,
                output: stalled.then(|| format!("no task has run for {limit:?}")),
                ..Standing::default()
            },
        })
    }
}

impl Watched {
    fn report(&self) -> CheckReport {
        CheckReport {
            name: Arc::clone(&self.check.name),
            critical: self.check.critical,
            excluded: false,
            observed_seconds: None,
            standing: self.record.read(&self.check.rules()),
        }
    }
}

/// Builds a [`Health`].
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct HealthBuilder {
    checks: Vec<Check>,
    stall_limit: Duration,
}

impl HealthBuilder {
    /// Adds a check. Let each have a name of its own, other than `runtime`, the watch's: of
    /// one name all count, and are asked for and left out together, but metrics show the
    /// last alone.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// For how long the runtime may take up no work before liveness fails; 10 s unless
    /// told, [`Duration::MAX`] for ever.
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = limit;
        self
    }

    /// The handle. [`spawn`](Health::spawn) it to run the checks.
    pub fn build(self) -> Health {
        let watched = |check| Watched {
            check,
            record: Record::default(),
        };
        Health(Arc::new(State {
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            changes: watch::Sender::new(()),
            pulse: Arc::new(Pulse::new(self.stall_limit)),
            checks: self.checks.into_iter().map(watched).collect(),
        }))
    }
}
