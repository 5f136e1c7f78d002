use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::{Health, ResponseFuture, answer::answer, paths::Paths, report::Report};

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
        let (probe, check) = self.paths.find(path)?;
        let report = self.health.report(probe);
        match check {
            Some(name) => report.only(name),
            None => Some(report),
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
            Some(report) => ResponseFuture::answered(answer(&request, report)),
            None => ResponseFuture::passed(self.inner.call(request)),
        }
    }
}
