use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

/// Of so many beats the longest lag is told.
const REMEMBERED_BEATS: usize = 60;

const SHORTEST_BEAT: Duration = Duration::from_millis(10);
const LONGEST_BEAT: Duration = Duration::from_secs(1);

/// Whether the runtime still takes up work.
///
/// A thread outside of it sends a task through it, again and again: a beat. Time is
/// counted in the turns of that thread that find the last beat unanswered, and not by a
/// clock: a process that was stopped, or got no processor, has lost no turn when it goes
/// on, and is not taken for stalled.
#[derive(Debug)]
pub(super) struct Pulse {
    limit: Duration,
    unanswered_turns: AtomicU32,
    beats: Mutex<Beats>,
}

#[derive(Debug, Default)]
struct Beats {
    watched: bool,
    sent: Option<Instant>,
    lags: VecDeque<Duration>,
    told_stalled: bool,
}

impl Pulse {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            unanswered_turns: AtomicU32::new(0),
            beats: Mutex::default(),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The pause between two turns: a tenth of the limit, a second at most.
    pub(super) fn interval(&self) -> Duration {
        (self.limit / 10).clamp(SHORTEST_BEAT, LONGEST_BEAT)
    }

    /// One turn: sends a beat, if the last is back.
    pub(super) fn turn(self: &Arc<Self>, runtime: &Handle) {
        if self.unanswered_turns.fetch_add(1, Ordering::Relaxed) == 0 {
            let sent = Instant::now();
            self.beats().sent = Some(sent);
            let pulse = Arc::clone(self);
            // From outside, so that it lies in the queue that every worker takes from.
            runtime.spawn(async move { pulse.answer(sent) });
        }
    }

    fn answer(&self, sent: Instant) {
        let mut beats = self.beats();
        beats.sent = None;
        beats.lags.truncate(REMEMBERED_BEATS - 1);
        beats.lags.push_front(sent.elapsed());
        self.unanswered_turns.store(0, Ordering::Relaxed);
    }

    /// Whether no beat has come through for as long as the limit.
    pub(super) fn is_stalled(&self) -> bool {
        // The first turn sent it, each other waited for it.
        let waited = self
            .unanswered_turns
            .load(Ordering::Relaxed)
            .saturating_sub(1);
        waited > 0 && self.interval().saturating_mul(waited) >= self.limit
    }

    /// Whether that is another than when this was asked last.
    pub(super) fn settle(&self) -> Option<bool> {
        let stalled = self.is_stalled();
        let told = std::mem::replace(&mut self.beats().told_stalled, stalled);
        (told != stalled).then_some(stalled)
    }

    /// The longest lag of the last minute, with what is outstanding; none if nobody watches.
    pub(super) fn lag(&self) -> Option<Duration> {
        let beats = self.beats();
        let outstanding = beats.sent.map(|sent| sent.elapsed());
        let longest = beats.lags.iter().copied().chain(outstanding).max();
        beats.watched.then(|| longest.unwrap_or_default())
    }

    /// From now on somebody watches.
    pub(super) fn start(&self) {
        self.beats().watched = true;
    }

    /// Nobody watches any more.
    pub(super) fn stop(&self) {
        *self.beats() = Beats::default();
        self.unanswered_turns.store(0, Ordering::Relaxed);
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{runtime, task::yield_now};

    use super::*;

    fn turns(pulse: &Arc<Pulse>, runtime: &Handle, turns: u32) {
        for _ in 0..turns {
            pulse.turn(runtime);
        }
    }

    /// What runs only inside of `block_on`.
    fn still_runtime() -> runtime::Runtime {
        runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn it_stalls_when_as_many_turns_as_fill_the_limit_were_in_vain() {
        let runtime = still_runtime();
        let pulse = Arc::new(Pulse::new(Duration::from_secs(10)));
        turns(&pulse, runtime.handle(), 10);
        assert!(!pulse.is_stalled(), "one to send, nine in vain");
        assert_eq!(pulse.settle(), None);
        turns(&pulse, runtime.handle(), 1);
        assert!(pulse.is_stalled());
        assert_eq!([pulse.settle(), pulse.settle()], [Some(true), None]);

        runtime.block_on(yield_now());
        assert!(!pulse.is_stalled(), "the beat came through");
        assert_eq!([pulse.settle(), pulse.settle()], [Some(false), None]);
    }

    #[test]
    fn no_beat_is_sent_while_one_is_outstanding() {
        let runtime = still_runtime();
        let pulse = Arc::new(Pulse::new(Duration::from_secs(10)));
        turns(&pulse, runtime.handle(), 100);
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
    }

    #[test]
    fn it_never_stalls_without_a_limit() {
        let runtime = still_runtime();
        let pulse = Arc::new(Pulse::new(Duration::MAX));
        turns(&pulse, runtime.handle(), 100_000);
        assert!(!pulse.is_stalled());
    }

    #[test]
    fn the_longest_lag_of_the_last_beats_is_told_and_then_forgotten() {
        let runtime = still_runtime();
        let pulse = Arc::new(Pulse::new(Duration::from_secs(10)));
        assert_eq!(pulse.lag(), None, "nobody watches");
        pulse.start();
        assert_eq!(pulse.lag(), Some(Duration::ZERO));
        let long_ago = Instant::now() - Duration::from_secs(5);
        pulse.answer(long_ago);
        for _ in 1..REMEMBERED_BEATS {
            pulse.turn(runtime.handle());
            runtime.block_on(yield_now());
        }
        assert!(pulse.lag() > Some(Duration::from_secs(5)));
        pulse.turn(runtime.handle());
        runtime.block_on(yield_now());
        assert!(pulse.lag() < Some(Duration::from_secs(5)));
    }

    #[test]
    fn an_outstanding_beat_lags_already() {
        let pulse = Pulse::new(Duration::from_secs(10));
        pulse.start();
        pulse.beats().sent = Some(Instant::now() - Duration::from_secs(5));
        assert!(pulse.lag() > Some(Duration::from_secs(5)));
    }
}
