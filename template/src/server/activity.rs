use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::http::Version;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::metrics::Reason;

/// How long a connection may take to close once it has nothing more to do: an
/// HTTP/2 client answers GOAWAY, if it is still there.
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
    /// Since when the client takes nothing of what is sent.
    write_blocked: Option<Instant>,
    http2: bool,
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
            write_blocked: None,
            http2: false,
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
            (false, Some(_)) => state.write_blocked = None,
            _ => {}
        }
    }

    /// A request has come; it lasts as long as the guard.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> InFlight {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.in_flight += 1;
        state.http2 = version == Version::HTTP_2;
        InFlight(Arc::clone(self))
    }

    /// Whether a request has come since the beginning.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state().phase, Phase::Busy | Phase::Idle(_))
    }

    /// What is due at this moment on a connection that closes since then, if it does.
    pub(super) fn due(&self, now: Instant, closing: Option<Instant>, patience: &Patience) -> Due {
        let state = self.state();
        let blocked = state.write_blocked.map(|since| since + patience.write);
        if blocked.is_some_and(|deadline| deadline <= now) {
            return Due::Cut(Reason::WriteTimeout);
        }
        let (deadline, due) = match (state.phase, closing) {
            (Phase::Busy, _) => return Due::Nothing(blocked),
            (Phase::Silent(since), Some(closing)) => {
                (since.max(closing) + GRACE, Due::Cut(Reason::Drained))
            }
            (Phase::Silent(since) | Phase::Head(since), _) => {
                let deadline = since + patience.header_read;
                (deadline, Due::Cut(Reason::HeaderReadTimeout))
            }
            (Phase::Idle(since), Some(closing)) => {
                (since.max(closing) + GRACE, Due::Cut(Reason::Drained))
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

/// A request in flight: owned by the future, then by the body.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.phase = Phase::Idle(Instant::now());
        }
    }
}

/// The body of an answer: until its end the request is in flight.
pub(super) struct Counted {
    pub(super) body: axum::body::Body,
    /// Given back when the body is dropped.
    #[expect(dead_code, reason = "a guard: it is only dropped")]
    pub(super) in_flight: Option<InFlight>,
}

impl Body for Counted {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
