use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Ending, Guard, Watch};

pin_project! {
    /// The body of a response that is watched. It passes on all that the inner
    /// body says: frames, trailers, size and end.
    pub struct ResponseBody<B, W: Watch> {
        #[pin]
        inner: B,
        guard: Guard<W>,
    }
}

impl<B, W: Watch> ResponseBody<B, W> {
    pub(super) fn new(inner: B, guard: Guard<W>) -> Self {
        Self { inner, guard }
    }
}

impl<B, W> Body for ResponseBody<B, W>
where
    B: Body,
    B::Error: fmt::Display,
    W: Watch,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let guard = this.guard;
        let frame = ready!(guard.step(|| this.inner.as_mut().poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => guard.frame(frame, this.inner.is_end_stream()),
            Some(Err(error)) => guard.fail(Ending::BodyFailed, error),
            None => guard.end(Ending::Complete),
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
