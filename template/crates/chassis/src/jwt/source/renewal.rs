use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    time::{Instant, timeout_at},
};

use super::{MAX_WAITING, telemetry::Telemetry};
use crate::jwt::Rejection;

/// What the task that renews keys and the requests that wait for them know of each other.
pub(in crate::jwt) struct Renewal {
    state: Mutex<State>,
    /// How many attempts have ended. Closed when the task is gone.
    ended: watch::Receiver<u64>,
    wanted: Notify,
    seats: Semaphore,
    cooldown: Duration,
    telemetry: Telemetry,
}

struct State {
    in_flight: bool,
    /// Whether the attempt that is in flight, or about to be, is for the sake of unknown
    /// keys.
    on_demand: bool,
    demanded_at: Option<Instant>,
    last_success: Option<Instant>,
    last_error: Option<String>,
    next_attempt: Instant,
}

/// What somebody is to do who lacks a key.
pub(in crate::jwt) enum Answer {
    /// An attempt has ended meanwhile.
    LookAgain,
    /// For the next attempt to end.
    Wait,
    /// The key will not come before the cool-down is over.
    Refused,
    /// There has never been a key.
    Unavailable { retry_after: Duration },
}

impl Renewal {
    /// `fetched` tells whether there are keys; otherwise an attempt is about to begin.
    pub(super) fn new(
        fetched: bool,
        cooldown: Duration,
        ended: watch::Receiver<u64>,
        telemetry: Telemetry,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            in_flight: !fetched,
            on_demand: false,
            demanded_at: None,
            last_success: fetched.then_some(now),
            last_error: None,
            next_attempt: now,
        };
        Self {
            state: Mutex::new(state),
            ended,
            wanted: Notify::new(),
            seats: Semaphore::new(MAX_WAITING),
            cooldown,
            telemetry,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }
}

/// The side of the requests.
impl Renewal {
    /// How many attempts have ended: now, and as soon as one more has.
    pub(in crate::jwt) fn attempts(&self) -> watch::Receiver<u64> {
        self.ended.clone()
    }

    /// A place among those that wait.
    pub(in crate::jwt) fn seat(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        let full = |_| Rejection::KeysUnavailable {
            retry_after: Duration::from_secs(1),
        };
        self.seats.try_acquire().map_err(full)
    }

    /// For somebody who did not find its key after `seen` attempts. Sees to it that there
    /// is something to wait for, if it may.
    pub(in crate::jwt) fn ask(&self, seen: u64) -> Answer {
        let mut state = self.state();
        if *self.ended.borrow() != seen {
            return Answer::LookAgain;
        }
        let now = Instant::now();
        let is_running = self.ended.has_changed().is_ok();
        if state.last_success.is_none() {
            let retry_after = state.next_attempt.saturating_duration_since(now);
            return match state.in_flight && is_running {
                true => Answer::Wait,
                false => Answer::Unavailable { retry_after },
            };
        }
        if is_running && state.on_demand {
            return Answer::Wait;
        }
        // Not by a sum: a cool-down that never ends is longer than instants reach.
        let since_demand = state.demanded_at.map(|at| now.duration_since(at));
        let cooling = since_demand.is_some_and(|since| since < self.cooldown);
        if cooling || !is_running {
            self.telemetry.refused();
            return Answer::Refused;
        }
        if !state.in_flight {
            state.on_demand = true;
            state.demanded_at = Some(now);
            self.wanted.notify_one();
        }
        Answer::Wait
    }

    /// How long ago keys were last had, if ever, and what has gone wrong since.
    #[cfg(feature = "health")]
    pub(super) fn last(&self) -> (Option<Duration>, Option<String>) {
        let state = self.state();
        let age = state.last_success.map(|at| at.elapsed());
        (age, state.last_error.clone())
    }
}

/// The side of the task.
impl Renewal {
    /// Until it is time for the next attempt, or somebody asks for one.
    pub(super) async fn pause(&self, until: Instant) {
        // What wakes it may be long past: only the state tells.
        while !self.state().on_demand {
            if timeout_at(until, self.wanted.notified()).await.is_err() {
                break;
            }
        }
    }

    /// Tells whether the attempt that begins is for the sake of unknown keys.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state();
        state.in_flight = true;
        state.on_demand
    }

    /// Tells all who wait. The keys that there are now are in place.
    pub(super) fn end(&self, error: Option<String>, next: Instant, ended: &watch::Sender<u64>) {
        let mut state = self.state();
        state.in_flight = false;
        state.on_demand = false;
        state.next_attempt = next;
        if error.is_none() {
            state.last_success = Some(Instant::now());
        }
        state.last_error = error;
        ended.send_modify(|attempts| *attempts += 1);
    }
}
