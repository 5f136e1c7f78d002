use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lets calls through as long as they succeed now and then. Cheap to clone.
///
/// ```text
/// closed ── failures in a row ──► open ── time ──► half open ── success ──► closed
///                                  ▲                   │
///                                  └───── failure ─────┘
/// ```
#[derive(Clone)]
pub(super) struct Breaker(Arc<Mutex<Circuit>>);

/// A call that may be made. Dropped without a report, it has told nothing.
pub(super) struct Permit {
    breaker: Breaker,
    ticket: Option<Ticket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    /// One call is on its way, to find out.
    HalfOpen,
}

/// The state machine, without a clock of its own.
#[derive(Debug)]
struct Circuit {
    state: State,
    /// In a row, while closed.
    failures: u32,
    /// While open: until then no call is let through.
    open_until: Instant,
    /// Counts the changes of state: what was let through before one says nothing
    /// about what has been since.
    era: u64,
    max_failures: u32,
    open_for: Duration,
}

/// The era in which a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket(u64);

impl Circuit {
    fn admit(&mut self, now: Instant) -> Option<Ticket> {
        match self.state {
            State::Closed => {}
            State::Open if now >= self.open_until => self.enter(State::HalfOpen),
            State::Open | State::HalfOpen => return None,
        }
        Some(Ticket(self.era))
    }

    fn report(&mut self, ticket: Ticket, healthy: bool, now: Instant) {
        if ticket.0 != self.era {
            return;
        }
        match (self.state, healthy) {
            (State::Closed, true) => self.failures = 0,
            (State::Closed, false) => {
                self.failures += 1;
                if self.failures >= self.max_failures {
                    self.open(now + self.open_for);
                }
            }
            (State::HalfOpen, true) => self.enter(State::Closed),
            (State::HalfOpen, false) => self.open(now + self.open_for),
            (State::Open, _) => {}
        }
    }

    /// The call was given up. If it was the probe, the next one is.
    fn give_up(&mut self, ticket: Ticket, now: Instant) {
        if ticket.0 == self.era && self.state == State::HalfOpen {
            self.open(now);
        }
    }

    fn open(&mut self, until: Instant) {
        self.open_until = until;
        self.enter(State::Open);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.failures = 0;
        self.era += 1;
    }
}

impl Breaker {
    pub(super) fn new(max_failures: u32, open_for: Duration) -> Self {
        Self(Arc::new(Mutex::new(Circuit {
            state: State::Closed,
            failures: 0,
            open_until: Instant::now(),
            era: 0,
            max_failures,
            open_for,
        })))
    }

    pub(super) fn admit(&self) -> Option<Permit> {
        let ticket = self.lock().admit(Instant::now())?;
        Some(Permit {
            breaker: self.clone(),
            ticket: Some(ticket),
        })
    }

    pub(super) fn state(&self) -> State {
        self.lock().state
    }

    /// A panic leaves no state half changed, so the lock is still good.
    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    pub(super) fn report(mut self, healthy: bool) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.lock().report(ticket, healthy, Instant::now());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.lock().give_up(ticket, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const MAX_FAILURES: u32 = 3;
    const OPEN_FOR: Duration = Duration::from_secs(5);

    fn circuit() -> Circuit {
        Circuit {
            state: State::Closed,
            failures: 0,
            open_until: Instant::now(),
            era: 0,
            max_failures: MAX_FAILURES,
            open_for: OPEN_FOR,
        }
    }

    /// What can happen: time passes, a call is asked for, one of those on their way
    /// ends.
    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Ask,
        Report(usize, bool),
        GiveUp(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u64..4000).prop_map(Step::Pass),
            Just(Step::Ask),
            (any::<usize>(), any::<bool>()).prop_map(|(call, ok)| Step::Report(call, ok)),
            any::<usize>().prop_map(Step::GiveUp),
        ];
        vec(step, 0..200)
    }

    /// Takes a step; `now` and the calls on their way are the world around.
    fn take(circuit: &mut Circuit, step: &Step, now: &mut Instant, calls: &mut Vec<Ticket>) {
        let pick = |calls: &mut Vec<Ticket>, index: usize| {
            let count = calls.len();
            (count > 0).then(|| calls.swap_remove(index % count))
        };
        match *step {
            Step::Pass(milliseconds) => *now += Duration::from_millis(milliseconds),
            Step::Ask => calls.extend(circuit.admit(*now)),
            Step::Report(index, healthy) => {
                if let Some(ticket) = pick(calls, index) {
                    circuit.report(ticket, healthy, *now);
                }
            }
            Step::GiveUp(index) => {
                if let Some(ticket) = pick(calls, index) {
                    circuit.give_up(ticket, *now);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn an_open_circuit_lets_nothing_through_and_a_half_open_one_a_single_call(steps in steps()) {
            let (mut circuit, mut now, mut calls) = (circuit(), Instant::now(), Vec::new());
            for step in steps {
                let before = circuit.state;
                let is_over = now >= circuit.open_until;
                let on_their_way = calls.len();
                take(&mut circuit, &step, &mut now, &mut calls);
                if matches!(step, Step::Ask) {
                    let admitted = calls.len() > on_their_way;
                    let expected = match before {
                        State::Closed => true,
                        State::Open => is_over,
                        State::HalfOpen => false,
                    };
                    prop_assert_eq!(admitted, expected);
                }
                let probes = calls.iter().filter(|ticket| ticket.0 == circuit.era).count();
                prop_assert!(circuit.state != State::HalfOpen || probes == 1);
            }
        }

        #[test]
        fn whatever_was_it_recovers_when_the_other_side_does(steps in steps()) {
            let (mut circuit, mut now, mut calls) = (circuit(), Instant::now(), Vec::new());
            for step in steps {
                take(&mut circuit, &step, &mut now, &mut calls);
            }
            for ticket in calls {
                circuit.give_up(ticket, now);
            }
            now += OPEN_FOR;
            let probe = circuit.admit(now);
            prop_assert!(probe.is_some());
            circuit.report(probe.unwrap(), true, now);
            prop_assert_eq!(circuit.state, State::Closed);
        }

        #[test]
        fn it_opens_at_the_last_of_so_many_failures_in_a_row(outcomes in vec(any::<bool>(), 0..50)) {
            let (mut circuit, now) = (circuit(), Instant::now());
            let mut in_a_row = 0;
            for healthy in outcomes {
                let Some(ticket) = circuit.admit(now) else { break };
                circuit.report(ticket, healthy, now);
                in_a_row = if healthy { 0 } else { in_a_row + 1 };
                prop_assert_eq!(circuit.state == State::Open, in_a_row == MAX_FAILURES);
            }
        }
    }

    #[test]
    fn an_answer_from_before_says_nothing_about_the_probe() {
        let (mut circuit, now) = (circuit(), Instant::now());
        let late = circuit.admit(now).unwrap();
        for _ in 0..MAX_FAILURES {
            let ticket = circuit.admit(now).unwrap();
            circuit.report(ticket, false, now);
        }
        circuit.admit(now + OPEN_FOR).unwrap();
        circuit.report(late, true, now + OPEN_FOR);
        assert_eq!(circuit.state, State::HalfOpen);
    }
}
