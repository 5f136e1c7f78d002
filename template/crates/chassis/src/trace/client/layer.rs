use std::sync::Arc;

use tower_layer::Layer;

use super::ClientTrace;
use crate::{
    request::KnownMethods,
    trace::{Propagation, capture::Capture},
};

/// Puts [`ClientTrace`] around a client. See the [module](super) for what it does.
#[derive(Debug)]
pub struct ClientTraceLayer<T> {
    tracer: Arc<T>,
    propagation: Propagation,
    methods: KnownMethods,
    capture: Arc<Capture>,
}

impl<T> ClientTraceLayer<T> {
    /// Makes spans with the tracer, and sends them along by W3C's headers.
    pub fn new(tracer: T) -> Self {
        Self {
            tracer: Arc::new(tracer),
            propagation: Propagation::default(),
            methods: KnownMethods::default(),
            capture: Arc::default(),
        }
    }

    /// Sends the span and the baggage along by these formats, instead of W3C's; to a
    /// stranger, for whom baggage is not meant, by
    /// [trace context](Propagation::with_trace_context) alone.
    #[must_use]
    pub const fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// The methods that have names, as
    /// [`TraceLayer::known_methods`](crate::trace::TraceLayer::known_methods).
    #[must_use]
    pub fn known_methods(mut self, methods: impl IntoIterator<Item = &'static str>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Shows the values of these parameters in `url.full`; all other values are
    /// `REDACTED`, and so is what has no name, as in `?s3cret`.
    #[must_use]
    pub fn record_query_parameters<N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        Arc::make_mut(&mut self.capture).query_parameters(names.into_iter().map(Into::into));
        self
    }
}

impl<T> Clone for ClientTraceLayer<T> {
    fn clone(&self) -> Self {
        Self {
            tracer: self.tracer.clone(),
            propagation: self.propagation,
            methods: self.methods.clone(),
            capture: self.capture.clone(),
        }
    }
}

impl<S, T> Layer<S> for ClientTraceLayer<T> {
    type Service = ClientTrace<S, T>;

    fn layer(&self, inner: S) -> ClientTrace<S, T> {
        ClientTrace::new(
            inner,
            self.tracer.clone(),
            self.propagation,
            self.methods.clone(),
            self.capture.clone(),
        )
    }
}
