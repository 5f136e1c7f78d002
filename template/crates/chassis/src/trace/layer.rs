use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use super::{Propagation, Trace, capture::Capture};
use crate::request::KnownMethods;

/// Puts [`Trace`] around a service. See the [module](super) for what it does.
///
/// ```
/// use axum_chassis::trace::TraceLayer;
/// use http::header::{ACCEPT_LANGUAGE, RETRY_AFTER};
///
/// let tracer = opentelemetry::global::tracer("my-service");
/// let layer = TraceLayer::new(tracer)
///     .record_query_parameters(["page", "limit"])
///     .record_request_headers([ACCEPT_LANGUAGE])
///     .record_response_headers([RETRY_AFTER]);
/// ```
#[derive(Debug)]
pub struct TraceLayer<T> {
    /// In one piece, for axum clones it for each request.
    settings: Arc<Settings<T>>,
}

/// What the layer was told.
#[derive(Debug)]
pub(super) struct Settings<T> {
    pub(super) tracer: Arc<T>,
    pub(super) propagation: Propagation,
    pub(super) methods: KnownMethods,
    pub(super) capture: Arc<Capture>,
}

impl<T> TraceLayer<T> {
    /// Makes spans with the tracer, by the conventions and no more.
    pub fn new(tracer: T) -> Self {
        let settings = Settings {
            tracer: Arc::new(tracer),
            propagation: Propagation::default(),
            methods: KnownMethods::default(),
            capture: Arc::default(),
        };
        Self {
            settings: Arc::new(settings),
        }
    }

    /// Reads the caller's span and baggage by these formats, instead of W3C's.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        Arc::make_mut(&mut self.settings).propagation = propagation;
        self
    }

    /// The methods that have names, instead of GET, POST, PUT, DELETE, PATCH, HEAD,
    /// OPTIONS, CONNECT, TRACE and QUERY: those that your service has. Any other one is
    /// `_OTHER`, for a client could make up any number of them.
    ///
    /// ```
    /// use axum_chassis::trace::TraceLayer;
    ///
    /// let layer = TraceLayer::new(opentelemetry::global::tracer("my-service"))
    ///     .known_methods(["GET", "PUT", "DELETE", "PROPFIND", "MKCOL"]);
    /// ```
    #[must_use]
    pub fn known_methods(mut self, methods: impl IntoIterator<Item = &'static str>) -> Self {
        Arc::make_mut(&mut self.settings).methods = methods.into_iter().collect();
        self
    }

    fn capture(&mut self) -> &mut Capture {
        Arc::make_mut(&mut Arc::make_mut(&mut self.settings).capture)
    }

    /// Records `url.query`, with the values of these parameters; all other values
    /// are `REDACTED`, and so is what has no name, as in `?s3cret`.
    #[must_use]
    pub fn record_query_parameters<N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        self.capture()
            .query_parameters(names.into_iter().map(Into::into));
        self
    }

    /// Records these headers as `http.request.header.<name>`; a value that is
    /// [marked as sensitive](http::HeaderValue::set_sensitive) is `REDACTED`.
    #[must_use]
    pub fn record_request_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.capture().request_headers(names);
        self
    }

    /// As [`TraceLayer::record_request_headers`], `http.response.header.<name>`.
    #[must_use]
    pub fn record_response_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.capture().response_headers(names);
        self
    }
}

impl<T> Clone for TraceLayer<T> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
        }
    }
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Self {
            tracer: self.tracer.clone(),
            propagation: self.propagation,
            methods: self.methods.clone(),
            capture: self.capture.clone(),
        }
    }
}

impl<S, T> Layer<S> for TraceLayer<T> {
    type Service = Trace<S, T>;

    fn layer(&self, inner: S) -> Trace<S, T> {
        Trace::new(inner, self.settings.clone())
    }
}
