use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Ending, Guard, Watch};

pin_project! {
    /// The body of a response that is watched. It passes on all that the inner
    /// body says: frames, trailers, size and end.
    pub struct ResponseBody<B, W: Watch> {
        #[pin]
        inner: Option<B>,
        guard: Guard<W>,
    }

    impl<B, W: Watch> PinnedDrop for ResponseBody<B, W> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the body says when it is dropped belongs to the request too.
            this.guard.step(|| this.inner.set(None));
        }
    }
}

impl<B, W: Watch> ResponseBody<B, W> {
    pub(super) fn new(inner: B, guard: Guard<W>) -> Self {
        Self {
            inner: Some(inner),
            guard,
        }
    }
}

/// For a layer outside that answers by itself: of its answers nobody is told here.
impl<B: From<Bytes>, W: Watch> From<Bytes> for ResponseBody<B, W> {
    fn from(content: Bytes) -> Self {
        Self::new(content.into(), Guard::of_nothing())
    }
}

/// As from `Bytes`, for an answer without any.
impl<B: Default, W: Watch> Default for ResponseBody<B, W> {
    fn default() -> Self {
        Self::new(B::default(), Guard::of_nothing())
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
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(guard.step(|| inner.as_mut().poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => guard.frame(frame, inner.is_end_stream()),
            Some(Err(error)) => guard.fail(Ending::BodyFailed, error),
            None => guard.end(Ending::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::new, B::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use http::{Method, Response};
    use http_body_util::Full;

    use super::*;
    use crate::watch::Outcome;

    /// Knows whether a step is being done.
    struct InStep(Rc<Cell<bool>>);

    impl Watch for InStep {
        fn step<T>(&self, step: impl FnOnce() -> T) -> T {
            self.0.set(true);
            let done = step();
            self.0.set(false);
            done
        }

        fn end(self, _: Outcome<'_>) {}
    }

    /// Asks when it is dropped.
    struct Dropped {
        in_step: Rc<Cell<bool>>,
        was_in_step: Rc<Cell<bool>>,
    }

    impl Body for Dropped {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }
    }

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.was_in_step.set(self.in_step.get());
        }
    }

    #[test]
    fn a_body_is_dropped_in_a_step_of_the_request() {
        let [in_step, was_in_step] = [(); 2].map(|()| Rc::new(Cell::new(false)));
        let mut guard = Guard::new(InStep(in_step.clone()), &Method::GET);
        let body = Dropped {
            in_step,
            was_in_step: was_in_step.clone(),
        };
        let response = Response::new(body);
        guard.head(&response);
        drop(ResponseBody::new(response.into_body(), guard));
        assert!(was_in_step.get());
    }

    #[test]
    fn the_size_of_a_body_is_passed_on() {
        let guard = Guard::new(InStep(Rc::default()), &Method::GET);
        let body = ResponseBody::new(Full::new(Bytes::from("hello")), guard);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
    }
}
