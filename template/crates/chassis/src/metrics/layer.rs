use std::sync::Arc;

use opentelemetry::metrics::Meter;
use tower_layer::Layer;

use super::{Instruments, Metrics};

/// Puts [`Metrics`] around a service. See the [module](super) for what it records.
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    instruments: Arc<Instruments>,
}

impl MetricsLayer {
    /// Makes the instruments with the meter, once for all services it is put around.
    pub fn new(meter: &Meter) -> Self {
        Self {
            instruments: Arc::new(Instruments::new(meter)),
        }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics::new(inner, self.instruments.clone())
    }
}
