use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::trace::{Span, Tracer};
use tower_service::Service;

use super::{ClientSpan, ResponseBody, ResponseFuture};
use crate::{
    request::KnownMethods,
    trace::{Propagation, capture::Capture},
};

/// Gives each request to another service a span. See the [module](super) for what it
/// does.
#[derive(Debug)]
pub struct ClientTrace<S, T> {
    inner: S,
    tracer: Arc<T>,
    propagation: Propagation,
    methods: KnownMethods,
    capture: Arc<Capture>,
}

impl<S, T> ClientTrace<S, T> {
    pub(super) fn new(
        inner: S,
        tracer: Arc<T>,
        propagation: Propagation,
        methods: KnownMethods,
        capture: Arc<Capture>,
    ) -> Self {
        Self {
            inner,
            tracer,
            propagation,
            methods,
            capture,
        }
    }
}

impl<S: Clone, T> Clone for ClientTrace<S, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            tracer: self.tracer.clone(),
            propagation: self.propagation,
            methods: self.methods.clone(),
            capture: self.capture.clone(),
        }
    }
}

impl<S, T, ReqBody, ResBody> Service<Request<ReqBody>> for ClientTrace<S, T>
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let method = self.methods.name_of(request.method());
        let span = ClientSpan::start(&*self.tracer, method, &self.capture, &request);
        self.propagation
            .inject(span.context(), request.headers_mut());
        ResponseFuture::call(span, &mut self.inner, request)
    }
}
