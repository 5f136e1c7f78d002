use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::{Health, ResponseFuture, answer::answer, layer::Paths, report::Report};

/// Answers the probes from what is known, and passes everything else on.
#[derive(Clone, Debug)]
pub struct HealthProbes<S> {
    inner: S,
    health: Health,
    paths: Arc<Paths>,
}

impl<S> HealthProbes<S> {
    pub(super) fn new(inner: S, health: Health, paths: Arc<Paths>) -> Self {
        Self {
            inner,
            health,
            paths,
        }
    }

    /// What the probe at this path is to say, if it is one.
    fn report(&self, path: &str) -> Option<Report> {
        match path {
            path if path == self.paths.live => Some(self.health.liveness()),
            path if path == self.paths.ready => Some(self.health.readiness()),
            path if path == self.paths.startup => Some(self.health.startup()),
            _ => None,
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HealthProbes<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.report(request.uri().path()) {
            Some(report) => ResponseFuture::answered(answer(&request, &report)),
            None => ResponseFuture::passed(self.inner.call(request)),
        }
    }
}
