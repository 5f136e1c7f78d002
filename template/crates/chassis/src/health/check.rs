use std::{error::Error, fmt, future::Future, panic, pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::record::Rules;
use crate::Cause;

/// What a check fails with: any error, or a sentence.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Something that the service depends on, and how to ask whether it is there.
///
/// ```
/// use std::time::Duration;
/// use axum_chassis::health::Check;
/// # async fn ping() -> std::io::Result<()> { Ok(()) }
///
/// let check = Check::new("cache", || async { Ok(ping().await?) })
///     .interval(Duration::from_secs(10))
///     .timeout(Duration::from_millis(500))
///     .degraded();
/// ```
#[derive(Clone)]
pub struct Check {
    pub(super) name: Arc<str>,
    pub(super) critical: bool,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    failure_threshold: u32,
    success_threshold: u32,
    staleness: Option<Duration>,
    probe: Probe,
}

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>> + Send + Sync>;

impl Check {
    /// The shortest interval; what is below is raised to it.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

    /// A critical check: as long as it fails, the service is not ready.
    ///
    /// `probe` runs on the runtime, again and again, never twice at a time. It must not
    /// block. What it returns as error is shown to whoever asks verbosely. A name that
    /// needs no escaping in a URL can be [asked for alone](super#one-check-or-all-but-one).
    pub fn new<P, F>(name: impl Into<Arc<str>>, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            critical: true,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            failure_threshold: 1,
            success_threshold: 1,
            staleness: None,
            probe: Arc::new(move || {
                let run = probe();
                Box::pin(async { run.await.map_err(Cause::new) })
            }),
        }
    }

    /// As [`new`](Self::new), for a probe that blocks. It runs on a thread of the
    /// runtime's pool for that. One that hangs holds that one thread, and is not begun
    /// again before it is back; a runtime that is dropped waits for it.
    ///
    /// ```
    /// use axum_chassis::health::Check;
    ///
    /// let check = Check::blocking("spool", || Ok(std::fs::read_dir("/var/spool/mail").map(drop)?));
    /// ```
    pub fn blocking<P>(name: impl Into<Arc<str>>, probe: P) -> Self
    where
        P: Fn() -> Result<(), BoxError> + Send + Sync + 'static,
    {
        let probe = Arc::new(probe);
        let one_at_a_time = Arc::new(Semaphore::new(1));
        Self::new(name, move || {
            let probe = Arc::clone(&probe);
            let one_at_a_time = Arc::clone(&one_at_a_time);
            async move {
                let turn = one_at_a_time.acquire_owned().await?;
                let run = spawn_blocking(move || {
                    let _turn = turn;
                    probe()
                });
                match run.await {
                    Ok(outcome) => outcome,
                    Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                    Err(error) => Err(error.into()),
                }
            }
        })
    }

    /// The service cannot do its work without it, as is the case unless told.
    #[must_use]
    pub fn critical(self) -> Self {
        Self {
            critical: true,
            ..self
        }
    }

    /// The service does its work without it: a failure is shown as `warn`, and it stays
    /// ready.
    #[must_use]
    pub fn degraded(self) -> Self {
        Self {
            critical: false,
            ..self
        }
    }

    /// The pause after a run, give or take a tenth, so that checks do not run in step;
    /// 5 s unless told, [`MIN_INTERVAL`](Self::MIN_INTERVAL) at least.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self {
            interval: interval.max(Self::MIN_INTERVAL),
            ..self
        }
    }

    /// A run that takes longer has failed, and is cancelled; 1 s unless told.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// A result that is older counts as failure; three times the interval (or the
    /// time-out, if that is longer) unless told. What is below the time until the next
    /// result can be there (the longest pause, and the time-out) is raised to it: each
    /// result would be stale before it is replaced.
    #[must_use]
    pub fn staleness(self, staleness: Duration) -> Self {
        Self {
            staleness: Some(staleness),
            ..self
        }
    }

    /// How many runs must fail one after another before a check that passed fails; 1 unless
    /// told. The first run of all decides at once.
    #[must_use]
    pub fn failure_threshold(self, runs: u32) -> Self {
        Self {
            failure_threshold: runs,
            ..self
        }
    }

    /// How many runs must pass one after another before a check that failed passes; 1
    /// unless told. The first run of all decides at once.
    #[must_use]
    pub fn success_threshold(self, runs: u32) -> Self {
        Self {
            success_threshold: runs,
            ..self
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let slowest = self.interval.max(self.timeout);
        let staleness = self.staleness.unwrap_or(slowest.saturating_mul(3));
        let pause = self.interval.saturating_add(self.interval / 10);
        Rules {
            failure_threshold: self.failure_threshold,
            success_threshold: self.success_threshold,
            staleness_limit: staleness.max(pause.saturating_add(self.timeout)),
        }
    }

    pub(super) async fn run(self) -> Result<(), Cause> {
        (self.probe)().await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("critical", &self.critical)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
