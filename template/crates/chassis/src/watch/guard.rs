use std::{fmt, mem};

use bytes::Buf;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame};

use super::{Ending, Outcome, Watch};
use crate::request::content_length;

/// Ends a watch exactly once, at the latest when it is dropped.
pub(super) struct Guard<W: Watch> {
    watch: Option<W>,
    /// What it means to be dropped now.
    dropped: Ending,
    head_only: bool,
    status: Option<StatusCode>,
    /// What HTTP/1.1 sends by Content-Length, whatever the body says of itself.
    announced_bytes: Option<u64>,
    body_bytes: u64,
}

impl<W: Watch> Guard<W> {
    pub(super) fn new(watch: W, method: &Method) -> Self {
        Self {
            watch: Some(watch),
            dropped: Ending::Cancelled,
            head_only: method == Method::HEAD,
            status: None,
            announced_bytes: None,
            body_bytes: 0,
        }
    }

    /// Watches nothing.
    pub(super) fn of_nothing() -> Self {
        Self {
            watch: None,
            dropped: Ending::Complete,
            head_only: false,
            status: None,
            announced_bytes: None,
            body_bytes: 0,
        }
    }

    /// Runs a step of the request; if that panics, the watch ends here.
    pub(super) fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let panicking = EndedByPanic(self);
        let done = match &panicking.0.watch {
            Some(watch) => watch.step(step),
            None => step(),
        };
        mem::forget(panicking);
        done
    }

    /// The head is there. A body without an end to wait for ends the watch now.
    pub(super) fn head<B: Body>(&mut self, response: &Response<B>) {
        if let Some(watch) = &mut self.watch {
            watch.head(response);
        }
        let (status, body) = (response.status(), response.body());
        self.status = Some(status);
        self.announced_bytes = content_length(response.headers()).or(body.size_hint().exact());
        self.dropped = Ending::BodyDropped;
        if body.is_end_stream() {
            self.end(Ending::Complete);
        } else if self.head_only || has_no_body(status) {
            self.dropped = Ending::Complete;
        } else {
            self.pass(0);
        }
    }

    /// A frame was passed on.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>, is_last: bool) {
        if let Some(data) = frame.data_ref() {
            self.pass(data.remaining() as u64);
        } else if let Some(trailers) = frame.trailers_ref() {
            if let Some(watch) = &mut self.watch {
                watch.trailers(trailers);
            }
            // Nothing comes after them, so that a server does not ask for more.
            self.dropped = Ending::Complete;
        }
        if is_last {
            self.end(Ending::Complete);
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.tell(ending, None);
    }

    /// As [`Guard::end`], by an error.
    pub(super) fn fail(&mut self, ending: Ending, error: &dyn fmt::Display) {
        self.tell(ending, Some(error));
    }

    fn tell(&mut self, ending: Ending, error: Option<&dyn fmt::Display>) {
        if let Some(watch) = self.watch.take() {
            watch.end(Outcome {
                status: self.status,
                ending,
                error,
                body_bytes: self.body_bytes,
            });
        }
    }

    /// A server that has sent as much as was announced drops the body without
    /// asking it for more.
    fn pass(&mut self, data_bytes: u64) {
        self.body_bytes += data_bytes;
        if self
            .announced_bytes
            .is_some_and(|announced| self.body_bytes >= announced)
        {
            self.dropped = Ending::Complete;
        }
    }
}

impl<W: Watch> Drop for Guard<W> {
    fn drop(&mut self) {
        self.end(self.dropped);
    }
}

/// Lives through a step. It is dropped only by a panic, and so tells that one
/// from a request that is dropped while something else panics.
struct EndedByPanic<'a, W: Watch>(&'a mut Guard<W>);

impl<W: Watch> Drop for EndedByPanic<'_, W> {
    fn drop(&mut self) {
        self.0.end(Ending::Panicked);
    }
}

/// What a server never asks its body for: RFC 9110, section 6.4.1.
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}
