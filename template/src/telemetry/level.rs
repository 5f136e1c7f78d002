use std::{
    env,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant as Deadline, sleep_until},
};
use tracing_subscriber::EnvFilter;

use crate::config::{FilterError, Log, log_filter};

/// What is logged, and how to change that while the service runs. Cheap to clone.
///
/// A filter that somebody has chosen lasts until it ends by itself, or is taken back.
/// Then what is configured holds again.
#[derive(Clone)]
pub struct LogLevel(Arc<Inner>);

struct Inner {
    install: Box<dyn Fn(EnvFilter) + Send + Sync>,
    state: Mutex<State>,
    /// Where the end of a choice is waited for.
    runtime: Handle,
}

struct State {
    configured: String,
    chosen: Option<Chosen>,
}

struct Chosen {
    filter: String,
    end: Instant,
    expires_at: SystemTime,
    expiry: AbortHandle,
}

/// What is logged now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The directives that are in effect.
    pub filter: String,
    /// Those of the configuration.
    pub configured: String,
    /// When they are in effect again, if they are not.
    pub expires_at: Option<SystemTime>,
}

impl LogLevel {
    /// Begins with what is configured, which is installed already.
    pub(super) fn new(
        log: &Log,
        runtime: Handle,
        install: impl Fn(EnvFilter) + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            configured: configured(log),
            chosen: None,
        };
        Self(Arc::new(Inner {
            install: Box::new(install),
            state: Mutex::new(state),
            runtime,
        }))
    }

    /// What is logged now.
    pub fn current(&self) -> Level {
        let state = self.state();
        let chosen = state.chosen.as_ref();
        Level {
            filter: chosen.map_or(&state.configured, |c| &c.filter).clone(),
            configured: state.configured.clone(),
            expires_at: chosen.map(|chosen| chosen.expires_at),
        }
    }

    /// Logs by other directives for a while.
    ///
    /// # Errors
    ///
    /// If one of them is none.
    pub fn choose(&self, directives: &str, expires_after: Duration) -> Result<(), FilterError> {
        let filter = log_filter(directives)?;
        // As they were understood: `verbose` is `verbose=trace`, a target.
        let directives = filter.to_string();
        let after = humantime_serde::re::humantime::format_duration(expires_after);
        // While it can still be read.
        tracing::warn!(filter = directives, expires_after = %after, "the log's filter is chosen");
        let end = Instant::now() + expires_after;
        // Held from here on: however soon the end is, it finds this choice.
        let mut state = self.state();
        let level = self.clone();
        let expiry = self.0.runtime.spawn(async move {
            sleep_until(Deadline::from_std(end)).await;
            level.expire();
        });
        state.replace(Some(Chosen {
            filter: directives,
            end,
            expires_at: SystemTime::now() + expires_after,
            expiry: expiry.abort_handle(),
        }));
        (self.0.install)(filter);
        Ok(())
    }

    /// Logs by what is configured again.
    pub fn reset(&self) {
        self.end(&mut self.state(), "the log's filter is taken back");
    }

    /// Unless another choice has come in between.
    fn expire(&self) {
        let mut state = self.state();
        let ends = state.chosen.as_ref().map(|chosen| chosen.end);
        if ends.is_some_and(|end| end <= Instant::now()) {
            self.end(&mut state, "the log's filter has expired");
        }
    }

    fn end(&self, state: &mut State, why: &'static str) {
        if state.chosen.is_some() {
            state.replace(None);
            (self.0.install)(checked(&state.configured));
            tracing::warn!(filter = state.configured, "{why}");
        }
    }

    /// What is configured has changed; a choice still goes before it.
    pub(super) fn configure(&self, log: &Log) {
        let mut state = self.state();
        let configured = configured(log);
        if configured != state.configured {
            if state.chosen.is_none() {
                (self.0.install)(checked(&configured));
            }
            state.configured = configured;
        }
    }

    /// Every change is one assignment: a panic leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, chosen: Option<Chosen>) {
        if let Some(before) = std::mem::replace(&mut self.chosen, chosen) {
            before.expiry.abort();
        }
    }
}

/// `RUST_LOG` where it is set, else the configuration: the one has been checked with the other.
pub(super) fn configured(log: &Log) -> String {
    let variable = env::var(EnvFilter::DEFAULT_ENV).ok();
    let directives = variable.filter(|directives| !directives.is_empty());
    directives.unwrap_or_else(|| log.filter.clone())
}

/// The filter of what is configured: were it none, errors would be logged.
pub(super) fn checked(directives: &str) -> EnvFilter {
    log_filter(directives).unwrap_or_default()
}
