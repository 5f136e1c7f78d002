use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::trace::{Span, Tracer};
use tower_service::Service;

use super::{RequestSpan, ResponseBody, ResponseFuture, layer::Settings};

/// Gives each request a span. See the [module](super) for what it does.
#[derive(Debug)]
pub struct Trace<S, T> {
    inner: S,
    settings: Arc<Settings<T>>,
}

impl<S, T> Trace<S, T> {
    pub(super) fn new(inner: S, settings: Arc<Settings<T>>) -> Self {
        Self { inner, settings }
    }
}

impl<S: Clone, T> Clone for Trace<S, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: self.settings.clone(),
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
        let span = RequestSpan::start(&self.settings, &request);
        ResponseFuture::call(span, &mut self.inner, request)
    }
}
