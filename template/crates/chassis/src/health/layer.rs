use std::sync::Arc;

use tower_layer::Layer;

use super::{Health, HealthProbes, paths::Paths, report::Probe};

/// Applies [`HealthProbes`]: answers the probes, and passes everything else on.
///
/// A path begins with a slash, whether that is told or not.
#[derive(Clone, Debug)]
pub struct HealthLayer {
    health: Health,
    paths: Arc<Paths>,
}

impl HealthLayer {
    /// Answers `/livez`, `/readyz` and `/startupz`.
    pub fn new(health: Health) -> Self {
        Self {
            health,
            paths: Arc::default(),
        }
    }

    /// Answers the liveness probe at this path.
    #[must_use]
    pub fn live_path(self, path: impl Into<String>) -> Self {
        self.with_path(Probe::Live, path.into())
    }

    /// Answers the readiness probe at this path.
    #[must_use]
    pub fn ready_path(self, path: impl Into<String>) -> Self {
        self.with_path(Probe::Ready, path.into())
    }

    /// Answers the startup probe at this path.
    #[must_use]
    pub fn startup_path(self, path: impl Into<String>) -> Self {
        self.with_path(Probe::Startup, path.into())
    }

    fn with_path(self, probe: Probe, path: String) -> Self {
        let paths = Arc::new(self.paths.with(probe, path));
        Self { paths, ..self }
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = HealthProbes<S>;

    fn layer(&self, inner: S) -> HealthProbes<S> {
        HealthProbes::new(inner, self.health.clone(), Arc::clone(&self.paths))
    }
}
