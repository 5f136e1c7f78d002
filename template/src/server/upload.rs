use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{body::Bytes, http::Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::activity::Activity;

/// The body of a request by HTTP/1. Dropped before its end, it says so: its client may
/// still send the rest.
struct Upload {
    body: Incoming,
    has_ended: bool,
    activity: Arc<Activity>,
}

/// A request's body; by HTTP/2 a client is told of each that nobody reads any more.
pub(super) fn body(body: Incoming, version: Version, activity: &Arc<Activity>) -> axum::body::Body {
    if version == Version::HTTP_2 || body.is_end_stream() {
        return axum::body::Body::new(body);
    }
    axum::body::Body::new(Upload {
        body,
        has_ended: false,
        activity: Arc::clone(activity),
    })
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.activity.leave_unread();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
