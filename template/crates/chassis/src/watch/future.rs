use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Ending, Guard, ResponseBody, Watch};

pin_project! {
    /// The future of a response that is watched.
    pub struct ResponseFuture<F, W: Watch> {
        #[pin]
        inner: Option<F>,
        guard: Option<Guard<W>>,
    }

    impl<F, W: Watch> PinnedDrop for ResponseFuture<F, W> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the service says when it is cancelled belongs to the request too.
            if let Some(guard) = this.guard {
                guard.step(|| this.inner.set(None));
            }
        }
    }
}

impl<F, W: Watch> ResponseFuture<F, W> {
    /// Calls the service under the eyes of the watch.
    pub(crate) fn call<S, B>(watch: W, service: &mut S, request: Request<B>) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        let mut guard = Guard::new(watch, request.method());
        let inner = guard.step(|| service.call(request));
        Self {
            inner: Some(inner),
            guard: Some(guard),
        }
    }
}

const POLLED_AGAIN: &str = "a response is not polled after it is there";

impl<F, W, B, E> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<Response<B>, E>>,
    W: Watch,
    B: Body,
    E: fmt::Display,
{
    type Output = Result<Response<ResponseBody<B, W>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let guard = this.guard.as_mut().expect(POLLED_AGAIN);
        let answer = ready!(guard.step(|| {
            let inner = this.inner.as_mut().as_pin_mut().expect(POLLED_AGAIN);
            let answer = inner.poll(cx);
            // What the service holds, such as spans of its own, ends before the request.
            if answer.is_ready() {
                this.inner.set(None);
            }
            answer
        }));
        let mut guard = this.guard.take().expect(POLLED_AGAIN);
        Poll::Ready(match answer {
            Ok(response) => {
                guard.head(&response);
                Ok(response.map(|body| ResponseBody::new(body, guard)))
            }
            Err(error) => {
                guard.fail(Ending::ServiceFailed, &error);
                Err(error)
            }
        })
    }
}
