//! A guard for each request: owned by the future, then by the body.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// Makes a guard at the beginning of a request.
pub trait Begin: Clone {
    /// Is dropped at its end.
    type Guard: Guard;

    fn begin<B>(&self, request: &Request<B>) -> Self::Guard;
}

/// Is told of a request, until it is dropped.
pub trait Guard {
    fn head(&mut self, status: StatusCode);

    fn data(&mut self, bytes: u64);
}

impl<A: Begin, B: Begin> Begin for (A, B) {
    type Guard = (A::Guard, B::Guard);

    fn begin<T>(&self, request: &Request<T>) -> Self::Guard {
        (self.0.begin(request), self.1.begin(request))
    }
}

impl<A: Guard, B: Guard> Guard for (A, B) {
    fn head(&mut self, status: StatusCode) {
        self.0.head(status);
        self.1.head(status);
    }

    fn data(&mut self, bytes: u64) {
        self.0.data(bytes);
        self.1.data(bytes);
    }
}

/// Puts a guard around each request.
#[derive(Clone)]
pub struct Watched<S, G> {
    inner: S,
    begin: G,
}

/// The layer of [`Watched`].
#[derive(Clone)]
pub struct Watch<G>(pub G);

impl<S, G: Begin> Layer<S> for Watch<G> {
    type Service = Watched<S, G>;

    fn layer(&self, inner: S) -> Watched<S, G> {
        Watched {
            inner,
            begin: self.0.clone(),
        }
    }
}

impl<S, G, ReqBody, ResBody> Service<Request<ReqBody>> for Watched<S, G>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    G: Begin,
{
    type Response = Response<Guarded<ResBody, G::Guard>>;
    type Error = S::Error;
    type Future = Guarded<S::Future, G::Guard>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        Guarded {
            guard: Some(self.begin.begin(&request)),
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// A future, then a body, with its guard.
    pub struct Guarded<T, G> {
        #[pin]
        inner: T,
        guard: Option<G>,
    }
}

impl<F, B, E, G> Future for Guarded<F, G>
where
    F: Future<Output = Result<Response<B>, E>>,
    G: Guard,
{
    type Output = Result<Response<Guarded<B, G>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let mut guard = this.guard.take();
        if let Some(guard) = &mut guard {
            guard.head(response.status());
        }
        Poll::Ready(Ok(response.map(|inner| Guarded { inner, guard })))
    }
}

impl<B, G> Body for Guarded<B, G>
where
    B: Body<Data: bytes::Buf>,
    G: Guard,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(guard), Some(data)) = (this.guard, frame.data_ref()) {
                    guard.data(bytes::Buf::remaining(data) as u64);
                }
            }
            Some(Err(_)) | None => *this.guard = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
