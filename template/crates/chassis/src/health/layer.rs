use std::sync::Arc;

use tower_layer::Layer;

use super::{Health, HealthProbes};

/// Applies [`HealthProbes`]: answers the probes, and passes everything else on.
#[derive(Clone, Debug)]
pub struct HealthLayer {
    health: Health,
    paths: Arc<Paths>,
}

#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) live: String,
    pub(super) ready: String,
    pub(super) startup: String,
}

impl HealthLayer {
    /// Answers `/livez`, `/readyz` and `/startupz`.
    pub fn new(health: Health) -> Self {
        let paths = Paths {
            live: "/livez".to_owned(),
            ready: "/readyz".to_owned(),
            startup: "/startupz".to_owned(),
        };
        Self {
            health,
            paths: Arc::new(paths),
        }
    }

    /// Answers the liveness probe at this path.
    #[must_use]
    pub fn live_path(self, path: impl Into<String>) -> Self {
        self.with_paths(|paths| paths.live = path.into())
    }

    /// Answers the readiness probe at this path.
    #[must_use]
    pub fn ready_path(self, path: impl Into<String>) -> Self {
        self.with_paths(|paths| paths.ready = path.into())
    }

    /// Answers the startup probe at this path.
    #[must_use]
    pub fn startup_path(self, path: impl Into<String>) -> Self {
        self.with_paths(|paths| paths.startup = path.into())
    }

    fn with_paths(mut self, change: impl FnOnce(&mut Paths)) -> Self {
        change(Arc::make_mut(&mut self.paths));
        self
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = HealthProbes<S>;

    fn layer(&self, inner: S) -> HealthProbes<S> {
        HealthProbes::new(inner, self.health.clone(), Arc::clone(&self.paths))
    }
}
