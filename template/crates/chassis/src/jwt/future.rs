use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::Rejection;

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
