//! One path that is answered before all others are passed on.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

const PATH: &str = "/livez";

/// Answers the probe.
#[derive(Clone, Copy)]
pub struct Probe;

/// The service of [`Probe`].
#[derive(Clone)]
pub struct Probed<S>(S);

impl<S> Layer<S> for Probe {
    type Service = Probed<S>;

    fn layer(&self, inner: S) -> Probed<S> {
        Probed(inner)
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Probed<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let is_probe = request.uri().path() == PATH;
        let inner = (!is_probe).then(|| self.0.call(request));
        Answer { inner }
    }
}

pin_project! {
    /// That of the inner service, or 200.
    pub struct Answer<F> {
        #[pin]
        inner: Option<F>,
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Poll::Ready(match self.project().inner.as_pin_mut() {
            Some(inner) => ready!(inner.poll(cx)),
            None => Ok(Response::new(B::default())),
        })
    }
}
