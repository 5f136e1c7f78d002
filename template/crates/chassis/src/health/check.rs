use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

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
    pub(super) failure_threshold: u32,
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
    /// block. What it returns as error is shown to whoever asks verbosely.
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
            staleness: None,
            probe: Arc::new(move || {
                let run = probe();
                Box::pin(async { run.await.map_err(Cause::new) })
            }),
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

    /// The pause after a run; 5 s unless told, [`MIN_INTERVAL`](Self::MIN_INTERVAL) at least.
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
    /// time-out, if that is longer) unless told.
    #[must_use]
    pub fn staleness(self, staleness: Duration) -> Self {
        Self {
            staleness: Some(staleness),
            ..self
        }
    }

    /// How many runs must fail one after another before a check that passed fails; 1 unless
    /// told. It recovers at once.
    #[must_use]
    pub fn failure_threshold(self, runs: u32) -> Self {
        Self {
            failure_threshold: runs,
            ..self
        }
    }

    pub(super) fn staleness_limit(&self) -> Duration {
        self.staleness
            .unwrap_or(3 * self.interval.max(self.timeout))
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
