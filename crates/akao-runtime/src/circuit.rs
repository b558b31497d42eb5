//! When a process may be started again after others failed: back-off, and a circuit that opens after repeated failures.
//! A pure machine; the time is given.
//!
//! | state | event | next |
//! |---|---|---|
//! | closed | success | closed, failures forgotten |
//! | closed | failure, fewer than `failures_max` in a row | closed; starts wait 1, 2, 4, … times `wait_min` |
//! | closed | failure number `failures_max` | open for `open_min` |
//! | open | a start is asked for before its time | refused |
//! | open | a start is asked for after its time | half open; this start is the probe |
//! | half open | another start is asked for | waits for the probe |
//! | half open | success | closed |
//! | half open | failure | open, twice as long, at most `open_max` |
//! | half open | the probe ended without a verdict | half open; the next start is the probe |
//!
//! Only an answered call is a success. A process that merely started is none, or one that dies of every call would never
//! open the circuit.

use std::time::{Duration, Instant};

/// How patient a circuit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitSettings {
    /// Wait after the first failure.
    pub wait_min: Duration,
    /// Longest wait after a failure.
    pub wait_max: Duration,
    /// Failures in a row that open it.
    pub failures_max: u32,
    /// How long it is open the first time.
    pub open_min: Duration,
    /// The longest that it is open.
    pub open_max: Duration,
}

impl Default for CircuitSettings {
    fn default() -> Self {
        Self {
            wait_min: Duration::from_millis(100),
            wait_max: Duration::from_secs(10),
            failures_max: 5,
            open_min: Duration::from_secs(15),
            open_max: Duration::from_secs(300),
        }
    }
}

/// Whether a start is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Now. In a half open circuit this is the probe.
    Start,
    /// Not before this time.
    Wait(Instant),
    /// Not before the probe has its verdict.
    Probing,
    /// The circuit is open until then.
    Refuse(Instant),
}

/// The circuit as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Starts are allowed.
    Closed,
    /// Starts are refused.
    Open,
    /// One start is tried.
    HalfOpen,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32, not_before: Option<Instant> },
    Open { until: Instant, times: u32 },
    HalfOpen { times: u32, probing: bool },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: CircuitSettings,
    state: State,
}

impl Circuit {
    pub(crate) fn new(settings: CircuitSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0, not_before: None } }
    }

    /// Asks for a start.
    pub(crate) fn ask(&mut self, now: Instant) -> Decision {
        match self.state {
            State::Closed { not_before: Some(at), .. } if now < at => Decision::Wait(at),
            State::Closed { .. } => Decision::Start,
            State::Open { until, .. } if now < until => Decision::Refuse(until),
            State::HalfOpen { probing: true, .. } => Decision::Probing,
            State::Open { times, .. } | State::HalfOpen { times, .. } => {
                self.state = State::HalfOpen { times, probing: true };
                Decision::Start
            }
        }
    }

    /// A process could not be started, or ended where it should not have.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures, .. } if failures + 1 < self.settings.failures_max => {
                let wait = doubled(self.settings.wait_min, failures, self.settings.wait_max);
                State::Closed { failures: failures + 1, not_before: Some(now + wait) }
            }
            State::Closed { .. } => self.opened(now, 0),
            State::HalfOpen { times, .. } => self.opened(now, times + 1),
            // A process from before the opening ended too; that changes nothing.
            open @ State::Open { .. } => open,
        };
    }

    fn opened(&self, now: Instant, times: u32) -> State {
        State::Open { until: now + doubled(self.settings.open_min, times, self.settings.open_max), times }
    }

    /// A call was answered.
    pub(crate) fn succeeded(&mut self) {
        match self.state {
            State::Closed { failures: 0, .. } | State::Open { .. } => {}
            State::Closed { .. } | State::HalfOpen { .. } => {
                self.state = State::Closed { failures: 0, not_before: None };
            }
        }
    }

    /// A process ended as it should, or its start was given up.
    pub(crate) fn ended_well(&mut self) {
        if let State::HalfOpen { probing, .. } = &mut self.state {
            *probing = false;
        }
    }

    /// Failures in a row; none when it is not closed.
    pub(crate) fn failures(&self) -> Option<u32> {
        match self.state {
            State::Closed { failures, .. } => Some(failures),
            _ => None,
        }
    }

    pub(crate) fn state(&self) -> CircuitState {
        match self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Until when it is open.
    pub(crate) fn open_until(&self) -> Option<Instant> {
        match self.state {
            State::Open { until, .. } => Some(until),
            _ => None,
        }
    }
}

/// `least` doubled `times` times, up to `most`.
fn doubled(least: Duration, times: u32, most: Duration) -> Duration {
    least.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens at a second, and what is then to be seen.
    enum Step {
        Fail(u64),
        Succeed,
        EndWell,
        /// At this second a start is asked for; the answer's time is in seconds too.
        Ask(u64, Seen),
        State(CircuitState),
    }

    #[derive(Debug, PartialEq)]
    enum Seen {
        Start,
        Wait(u64),
        Probing,
        Refuse(u64),
    }

    use CircuitState::{Closed, HalfOpen, Open};
    use Step::{Ask, EndWell, Fail, State, Succeed};

    fn run(name: &str, steps: &[Step]) {
        let begin = Instant::now();
        let seconds = Duration::from_secs;
        let settings = CircuitSettings {
            wait_min: seconds(1),
            wait_max: seconds(3),
            failures_max: 4,
            open_min: seconds(10),
            open_max: seconds(35),
        };
        let mut circuit = Circuit::new(settings);
        for (number, step) in steps.iter().enumerate() {
            let since = |at: Instant| at.duration_since(begin).as_secs();
            match step {
                Fail(at) => circuit.failed(begin + seconds(*at)),
                Succeed => circuit.succeeded(),
                EndWell => circuit.ended_well(),
                Ask(at, expected) => {
                    let seen = match circuit.ask(begin + seconds(*at)) {
                        Decision::Start => Seen::Start,
                        Decision::Wait(at) => Seen::Wait(since(at)),
                        Decision::Probing => Seen::Probing,
                        Decision::Refuse(at) => Seen::Refuse(since(at)),
                    };
                    assert_eq!(seen, *expected, "{name}, step {number}");
                }
                State(expected) => assert_eq!(circuit.state(), *expected, "{name}, step {number}"),
            }
        }
    }

    #[test]
    fn starts_wait_longer_after_each_failure() {
        run(
            "back-off",
            &[
                Ask(0, Seen::Start),
                Fail(0),
                Ask(0, Seen::Wait(1)),
                Ask(1, Seen::Start),
                Fail(1),
                Ask(2, Seen::Wait(3)),
                Fail(3),
                Ask(3, Seen::Wait(6)),
                State(Closed),
            ],
        );
        run("success", &[Fail(0), Fail(0), Fail(0), Succeed, Ask(0, Seen::Start), Fail(0), Ask(0, Seen::Wait(1))]);
    }

    #[test]
    fn repeated_failures_open_the_circuit_and_a_probe_closes_it() {
        let opened = || vec![Fail(0), Fail(0), Fail(0), State(Closed), Fail(0), State(Open)];
        let with = |rest: Vec<Step>| opened().into_iter().chain(rest).collect::<Vec<_>>();
        run("refused", &with(vec![Ask(9, Seen::Refuse(10)), Succeed, State(Open), Fail(5), Ask(9, Seen::Refuse(10))]));
        run(
            "probe answers",
            &with(vec![
                Ask(10, Seen::Start),
                State(HalfOpen),
                Ask(11, Seen::Probing),
                Succeed,
                State(Closed),
                Ask(11, Seen::Start),
            ]),
        );
        run(
            "probe fails",
            &with(vec![
                Ask(10, Seen::Start),
                Fail(10),
                Ask(29, Seen::Refuse(30)),
                Ask(30, Seen::Start),
                Fail(30),
                Ask(40, Seen::Refuse(65)),
                Ask(65, Seen::Start),
                Fail(65),
                Ask(66, Seen::Refuse(100)),
            ]),
        );
        run(
            "probe without a verdict",
            &with(vec![Ask(10, Seen::Start), EndWell, State(HalfOpen), Ask(10, Seen::Start), Ask(10, Seen::Probing)]),
        );
    }

    #[test]
    fn doubling_does_not_overflow() {
        let most = Duration::from_secs(9);
        assert_eq!(doubled(Duration::from_secs(1), 200, most), most);
        assert_eq!(doubled(Duration::from_secs(1), 31, most), most);
    }
}
