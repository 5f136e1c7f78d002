//! A step of the way that a request goes: it may look at the request, refuse it, and look
//! at the answer.
//!
//! Like `axum::middleware::from_fn`, but a request that passes costs no allocation and no
//! clone of all that is further inside.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// What is done at a step.
pub trait Step: Clone {
    /// What is left to do.
    type Rest: Rest;

    /// Looks at the request, and lets it pass or answers it.
    ///
    /// # Errors
    ///
    /// The answer, if the request does not pass.
    #[expect(clippy::result_large_err, reason = "a rejection is a response")]
    fn before(&self, request: &Request) -> Result<Self::Rest, Response>;
}

/// What is left to do at a step once there is an answer. It is a guard: if there will be
/// no answer, it is dropped.
pub trait Rest {
    /// Looks at the answer.
    fn after(self, response: &mut Response);
}

/// Nothing is left to do.
impl Rest for () {
    fn after(self, _: &mut Response) {}
}

/// Only if there is something.
impl<R: Rest> Rest for Option<R> {
    fn after(self, response: &mut Response) {
        if let Some(rest) = self {
            rest.after(response);
        }
    }
}

/// Applies a [`Step`].
#[derive(Clone, Debug)]
pub struct StepLayer<T>(pub T);

/// A service behind a [`Step`].
#[derive(Clone, Debug)]
pub struct Stepped<S, T> {
    inner: S,
    step: T,
}

impl<S, T: Clone> Layer<S> for StepLayer<T> {
    type Service = Stepped<S, T>;

    fn layer(&self, inner: S) -> Stepped<S, T> {
        let step = self.0.clone();
        Stepped { inner, step }
    }
}

impl<S, T> Service<Request> for Stepped<S, T>
where
    S: Service<Request, Response: IntoResponse>,
    T: Step,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Stepping<S::Future, T::Rest>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let state = match self.step.before(&request) {
            Ok(rest) => State::Passed {
                future: self.inner.call(request),
                rest: Some(rest),
            },
            Err(response) => State::Refused {
                response: Some(response),
            },
        };
        Stepping { state }
    }
}

pin_project! {
    /// The answer to come, and what is left to do then.
    pub struct Stepping<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Passed { #[pin] future: F, rest: Option<R> },
        Refused { response: Option<Response> },
    }
}

impl<F, A, E, R> Future for Stepping<F, R>
where
    F: Future<Output = Result<A, E>>,
    A: IntoResponse,
    R: Rest,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future, rest } => {
                let mut response = ready!(future.poll(cx))?.into_response();
                if let Some(rest) = rest.take() {
                    rest.after(&mut response);
                }
                Poll::Ready(Ok(response))
            }
            StateProjection::Refused { response } => {
                let response = response.take();
                let response = response.expect("a future is not polled after it is ready");
                Poll::Ready(Ok(response))
            }
        }
    }
}
