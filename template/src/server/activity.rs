use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{body::Bytes, http::Version};
use hyper::body::{Body, Buf, Frame, SizeHint};
use tokio::time::Instant;

use super::metrics::Reason;

/// How long a connection may take to close once it has nothing more to do.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// For how long a connection may stay as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) header_read: Duration,
    pub(super) keep_alive: Duration,
    pub(super) write: Duration,
}

impl Patience {
    /// How often a connection is looked at that has no deadline yet: it cannot have
    /// missed one that began since.
    pub(super) fn tick(&self) -> Duration {
        self.header_read.min(self.keep_alive).min(self.write)
    }
}

/// What a connection is doing: its socket, its requests and who ends it share this.
pub(super) struct Activity(Mutex<State>);

struct State {
    phase: Phase,
    /// Requests that are not answered to their end.
    in_flight: usize,
    /// Pieces of answers that the client has not taken, or not whole.
    untaken: usize,
    /// When it last took some of them.
    taken: Instant,
    /// Since when the socket takes nothing.
    write_blocked: Option<Instant>,
    /// Since when it is to close.
    closing: Option<Instant>,
    http2: bool,
    /// By HTTP/1: nobody reads the body of its last request, and it has not ended.
    unread: bool,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nothing has come yet.
    Silent(Instant),
    /// Some bytes of a head have come.
    Head(Instant),
    /// A request is in flight.
    Busy,
    /// All requests are answered.
    Idle(Instant),
    /// It is over, but for what its client still sends.
    Leaving,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this moment.
    Nothing(Option<Instant>),
    /// To ask the client to leave.
    Close(Reason),
    /// To leave it.
    Cut(Reason),
}

impl Activity {
    pub(super) fn begin_now() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            phase: Phase::Silent(Instant::now()),
            in_flight: 0,
            untaken: 0,
            taken: Instant::now(),
            write_blocked: None,
            closing: None,
            http2: false,
            unread: false,
        })))
    }

    /// Poisoned or not: no panic leaves it half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// HTTP begins only now: TLS came before it.
    pub(super) fn restart(&self) {
        self.state().phase = Phase::Silent(Instant::now());
    }

    /// Some bytes have come.
    pub(super) fn read(&self) {
        let mut state = self.state();
        match state.phase {
            // The first head has its time from the connection's beginning.
            Phase::Silent(since) => state.phase = Phase::Head(since),
            // In HTTP/2 they may be anything; a PING keeps no connection.
            Phase::Idle(_) if !state.http2 => state.phase = Phase::Head(Instant::now()),
            _ => {}
        }
    }

    /// The socket took some bytes, or did not.
    pub(super) fn write(&self, blocked: bool) {
        let mut state = self.state();
        match (blocked, state.write_blocked) {
            (true, None) => state.write_blocked = Some(Instant::now()),
            (false, Some(_)) => {
                state.write_blocked = None;
                // Until now it was reading.
                if matches!(state.phase, Phase::Idle(_)) {
                    state.phase = Phase::Idle(Instant::now());
                }
            }
            _ => {}
        }
    }

    /// Whether the socket takes no more bytes.
    pub(super) fn is_write_blocked(&self) -> bool {
        self.state().write_blocked.is_some()
    }

    /// A request has come; it lasts as long as the guard.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> InFlight {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.in_flight += 1;
        state.http2 = version == Version::HTTP_2;
        state.unread = false;
        InFlight(Arc::clone(self))
    }

    /// The body of its request is read no further.
    pub(super) fn leave_unread(&self) {
        self.state().unread = true;
    }

    /// It is to close from this moment on.
    pub(super) fn close(&self, now: Instant) {
        self.state().closing = Some(now);
    }

    /// Whether to ask the client to leave: by GOAWAY if there was a request. By HTTP/1, where
    /// to ask is to close, only whoever was idle before: who was answered since, and not
    /// told, may have sent its next request.
    pub(super) fn can_be_asked(&self) -> bool {
        let state = self.state();
        match (state.phase, state.closing) {
            (Phase::Busy, Some(_)) => state.http2,
            (Phase::Idle(since), Some(closing)) => state.http2 || since < closing,
            _ => false,
        }
    }

    /// Whether the client may still send when the last byte for it is written: by HTTP/2 it
    /// opens its windows while it takes what is on its way.
    pub(super) fn lingers(&self) -> bool {
        let state = self.state();
        state.closing.is_some() && state.http2
    }

    /// Whether the client may still send a body that nobody reads, by HTTP/1. Then nothing is
    /// due any more: whoever takes what comes knows for how long.
    pub(super) fn leaves(&self) -> bool {
        let mut state = self.state();
        if state.unread {
            state.phase = Phase::Leaving;
        }
        state.unread
    }

    /// What is due at this moment.
    pub(super) fn due(&self, now: Instant, patience: &Patience) -> Due {
        let state = self.state();
        let blocked = state.stuck().map(|since| since + patience.write);
        if blocked.is_some_and(|deadline| deadline <= now) {
            return Due::Cut(Reason::WriteTimeout);
        }
        let (deadline, due) = match (state.phase, state.closing) {
            (Phase::Busy | Phase::Leaving, _) => return Due::Nothing(blocked),
            // What it was answered is still on its way.
            (Phase::Idle(_), _) if blocked.is_some() => return Due::Nothing(blocked),
            (Phase::Silent(since), Some(closing)) => {
                (since.max(closing) + GRACE, Due::Cut(Reason::Drained))
            }
            (Phase::Silent(since) | Phase::Head(since), _) => {
                let deadline = since + patience.header_read;
                (deadline, Due::Cut(Reason::HeaderReadTimeout))
            }
            (Phase::Idle(since), Some(closing)) => {
                // By HTTP/2 it comes to GOAWAY when it has taken what it was answered.
                let taking = if state.http2 { patience.write } else { GRACE };
                let deadline = (closing + GRACE).max(since + taking);
                (deadline, Due::Cut(Reason::Drained))
            }
            (Phase::Idle(since), None) => {
                let deadline = since + patience.keep_alive;
                (deadline, Due::Close(Reason::KeepAliveTimeout))
            }
        };
        if deadline <= now {
            due
        } else {
            Due::Nothing(Some(blocked.map_or(deadline, |b| b.min(deadline))))
        }
    }
}

impl State {
    /// Since when the client takes nothing of what there is for it: its socket, or its
    /// windows of HTTP/2, are full.
    fn stuck(&self) -> Option<Instant> {
        let untaken = (self.untaken > 0).then_some(self.taken);
        match (untaken, self.write_blocked) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Nothing is left to do for any request.
    fn rest(&mut self) {
        if self.in_flight == 0 && self.untaken == 0 {
            self.phase = Phase::Idle(Instant::now());
        }
    }
}

/// A request in flight: owned by the future, then by the body.
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// Whether its answer has to tell that the connection closes: HTTP/2 has GOAWAY.
    pub(super) fn tells_close(&self) -> bool {
        let state = self.0.state();
        state.closing.is_some() && !state.http2
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.rest();
    }
}

/// The body of an answer: until its end the request is in flight.
pub(super) struct Counted {
    body: axum::body::Body,
    /// Given back when the body is dropped.
    in_flight: InFlight,
}

impl Counted {
    pub(super) fn new(body: axum::body::Body, in_flight: InFlight) -> Self {
        Self { body, in_flight }
    }
}

/// A piece of an answer, until the client has taken it: it may outlive the body, which
/// gives it away whole.
pub(super) struct Piece {
    bytes: Bytes,
    activity: Arc<Activity>,
}

impl Piece {
    fn new(bytes: Bytes, activity: &Arc<Activity>) -> Self {
        let mut state = activity.state();
        if state.untaken == 0 {
            state.taken = Instant::now();
        }
        state.untaken += 1;
        drop(state);
        let activity = Arc::clone(activity);
        Self { bytes, activity }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        // Of the last bytes the end of the piece tells.
        if !self.bytes.is_empty() {
            self.activity.state().taken = Instant::now();
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.untaken -= 1;
        state.taken = Instant::now();
        state.rest();
    }
}

impl Body for Counted {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let activity = &self.in_flight.0;
        let frame = frame.map(|f| f.map(|f| f.map_data(|bytes| Piece::new(bytes, activity))));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
