use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::trace::{Span, Tracer};
use tower_service::Service;

use super::{RequestSpan, ResponseBody, ResponseFuture, TraceLayer};

/// Gives each request a span. See the [module](super) for what it does.
#[derive(Debug)]
pub struct Trace<S, T> {
    inner: S,
    /// In one piece, for axum clones the service for each request.
    layer: Arc<TraceLayer<T>>,
}

impl<S, T> Trace<S, T> {
    pub(super) fn new(inner: S, layer: TraceLayer<T>) -> Self {
        let layer = Arc::new(layer);
        Self { inner, layer }
    }
}

impl<S: Clone, T> Clone for Trace<S, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, T, ReqBody, ResBody> Service<Request<ReqBody>> for Trace<S, T>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: fmt::Display,
    T: Tracer,
    T::Span: Span + Send + Sync + 'static,
    ResBody: Body,
    ResBody::Error: fmt::Display,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let span = RequestSpan::start(&self.layer, &request);
        ResponseFuture::call(span, &mut self.inner, request)
    }
}
