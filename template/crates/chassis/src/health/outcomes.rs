use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use humantime::format_duration;
use tokio::time::Instant;

use super::Check;

/// What became of something that happens anyway, for a [`Check`] that need not try it: an
/// export, a message that is consumed, a file that is fetched. A handle, cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use axum_chassis::health::{Health, Outcomes};
///
/// let feed = Outcomes::default();
/// let health = Health::builder()
///     .check(feed.check("feed", Duration::from_secs(300)))
///     .build();
///
/// feed.failed("connection refused"); // wherever it is fetched
/// feed.succeeded();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Outcomes(Arc<Mutex<Option<Failing>>>);

#[derive(Debug)]
struct Failing {
    since: Instant,
    error: String,
}

impl Outcomes {
    /// It went well, and all failures before are forgotten.
    pub fn succeeded(&self) {
        *self.failing() = None;
    }

    /// It went wrong.
    pub fn failed(&self, error: impl fmt::Display) {
        let error = error.to_string();
        let mut failing = self.failing();
        let since = failing
            .as_ref()
            .map_or_else(Instant::now, |failing| failing.since);
        *failing = Some(Failing { since, error });
    }

    /// A [degraded](Check::degraded) check that fails when nothing has gone well for longer
    /// than `tolerance` since a failure. As long as nothing happens, nothing changes.
    pub fn check(&self, name: impl Into<Arc<str>>, tolerance: Duration) -> Check {
        let outcomes = self.clone();
        let check = move || std::future::ready(outcomes.within(tolerance).map_err(Into::into));
        Check::new(name, check).degraded()
    }

    fn within(&self, tolerance: Duration) -> Result<(), String> {
        match &*self.failing() {
            Some(Failing { since, error }) if since.elapsed() > tolerance => {
                let failing = Duration::from_secs(since.elapsed().as_secs());
                Err(format!("failing for {}: {error}", format_duration(failing)))
            }
            _ => Ok(()),
        }
    }

    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
