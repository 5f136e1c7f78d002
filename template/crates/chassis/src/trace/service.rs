use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::trace::{Span, Tracer};
use tower_service::Service;

use super::{Propagation, RequestSpan, ResponseBody, ResponseFuture, capture::Capture};

/// Gives each request a span. See the [module](super) for what it does.
#[derive(Debug)]
pub struct Trace<S, T> {
    inner: S,
    tracer: Arc<T>,
    propagation: Propagation,
    capture: Arc<Capture>,
}

impl<S, T> Trace<S, T> {
    pub(super) fn new(
        inner: S,
        tracer: Arc<T>,
        propagation: Propagation,
        capture: Arc<Capture>,
    ) -> Self {
        Self {
            inner,
            tracer,
            propagation,
            capture,
        }
    }
}

impl<S: Clone, T> Clone for Trace<S, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            tracer: self.tracer.clone(),
            propagation: self.propagation,
            capture: self.capture.clone(),
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
        let span = RequestSpan::start(&*self.tracer, self.propagation, &self.capture, &request);
        ResponseFuture::call(span, &mut self.inner, request)
    }
}
