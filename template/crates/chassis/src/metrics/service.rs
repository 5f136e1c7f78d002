use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Recorder, ResponseBody, ResponseFuture, cache::SeriesCache};

/// Records each request. See the [module](super) for what it records.
#[derive(Clone, Debug)]
pub struct Metrics<S> {
    inner: S,
    cache: Arc<SeriesCache>,
}

impl<S> Metrics<S> {
    pub(super) fn new(inner: S, cache: Arc<SeriesCache>) -> Self {
        Self { inner, cache }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Metrics<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: fmt::Display,
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
        let recorder = Recorder::start(self.cache.clone(), &request);
        ResponseFuture::call(recorder, &mut self.inner, request)
    }
}
