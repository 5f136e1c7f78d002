use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Claims, Rejection, service::pass};

pin_project! {
    /// The answer of the inner service, or a rejection.
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Passed { #[pin] future: F },
        Rejected { response: Option<Response<B>> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn passed(future: F) -> Self {
        Self {
            state: State::Passed { future },
        }
    }

    pub(super) fn rejected(rejection: Rejection) -> Self
    where
        B: Default,
    {
        Self {
            state: State::Rejected {
                response: Some(rejection.into_response()),
            },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            StateProjection::Passed { future } => ready!(future.poll(cx)),
            StateProjection::Rejected { response } => Ok(response
                .take()
                .expect("a future is not polled after it is ready")),
        })
    }
}

pin_project! {
    /// The answer of the inner service, or a rejection; if need be, after a wait for keys.
    pub struct JwtFuture<S, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        // Boxed, for it is rare and large.
        waiting: Option<Box<Waiting<S, ReqBody>>>,
        #[pin]
        response: Option<ResponseFuture<S::Future, ResBody>>,
    }
}

/// A request that is neither let in nor refused, and the service that is ready for it.
struct Waiting<S, ReqBody> {
    claims: Pin<Box<dyn Future<Output = Result<Claims, Rejection>> + Send>>,
    inner: S,
    request: Request<ReqBody>,
}

impl<S, ReqBody, ResBody> JwtFuture<S, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) fn decided(response: ResponseFuture<S::Future, ResBody>) -> Self {
        Self {
            waiting: None,
            response: Some(response),
        }
    }

    pub(super) fn waiting(
        claims: impl Future<Output = Result<Claims, Rejection>> + Send + 'static,
        inner: S,
        request: Request<ReqBody>,
    ) -> Self {
        let waiting = Waiting {
            claims: Box::pin(claims),
            inner,
            request,
        };
        Self {
            waiting: Some(Box::new(waiting)),
            response: None,
        }
    }
}

impl<S, ReqBody> Waiting<S, ReqBody> {
    fn end<ResBody>(
        mut self,
        verdict: Result<Claims, Rejection>,
    ) -> ResponseFuture<S::Future, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
        ResBody: Default,
    {
        match verdict {
            Ok(claims) => pass(&mut self.inner, self.request, Some(claims)),
            Err(rejection) => ResponseFuture::rejected(rejection),
        }
    }
}

impl<S, ReqBody, ResBody> Future for JwtFuture<S, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(mut waiting) = this.waiting.take() {
            match waiting.claims.as_mut().poll(cx) {
                Poll::Ready(verdict) => this.response.set(Some(waiting.end(verdict))),
                Poll::Pending => {
                    *this.waiting = Some(waiting);
                    return Poll::Pending;
                }
            }
        }
        let response = this.response.as_pin_mut();
        response.expect("there is one when nobody waits").poll(cx)
    }
}
