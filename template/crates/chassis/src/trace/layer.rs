use tower_layer::Layer;

use super::Trace;

/// Puts [`Trace`] around a service. See the [module](super) for what it does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TraceLayer {}

impl TraceLayer {
    /// The layer; it has no settings.
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace::new(inner)
    }
}
