//! Timers of a run: when which is due. What is then called, the helper in JavaScript knows.

use rquickjs::Function;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// More at a time are a mistake.
const TIMERS_MAX: usize = 10_000;
/// What browsers and Node.js take for the longest delay.
const DELAY_MS_MAX: f64 = 2_147_483_647.0;

/// What is due, soonest first; of equal ones, the older first.
#[derive(Default)]
pub(crate) struct Timers<'js> {
    due: RefCell<BTreeSet<(Instant, u32)>>,
    last: Cell<u32>,
    /// Calls what the script gave for a timer.
    fire: RefCell<Option<Function<'js>>>,
}

impl<'js> Timers<'js> {
    /// Sets what calls back.
    pub(crate) fn set_fire(&self, fire: Function<'js>) {
        *self.fire.borrow_mut() = Some(fire);
    }

    /// A new timer after so many milliseconds; none where there are too many.
    pub(crate) fn add(&self, delay_ms: f64) -> Option<u32> {
        let mut due = self.due.borrow_mut();
        if due.len() >= TIMERS_MAX {
            return None;
        }
        let id = self.last.get() + 1;
        self.last.set(id);
        // What is no number, and what is too long, is at once, as elsewhere.
        let delay = if (0.0..=DELAY_MS_MAX).contains(&delay_ms) { delay_ms } else { 0.0 };
        due.insert((Instant::now() + Duration::from_secs_f64(delay / 1000.0), id));
        Some(id)
    }

    /// Takes a timer away.
    pub(crate) fn remove(&self, id: u32) {
        self.due.borrow_mut().retain(|(_, other)| *other != id);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.borrow().first().map(|(due, _)| *due)
    }

    /// Takes the next one if it is due, and says what to call with which number.
    pub(crate) fn take_due(&self) -> Option<(Function<'js>, u32)> {
        let fire = self.fire.borrow().clone()?;
        let mut due = self.due.borrow_mut();
        if due.first()?.0 > Instant::now() {
            return None;
        }
        due.pop_first().map(|(_, id)| (fire, id))
    }

    /// Takes all of them away.
    pub(crate) fn take_away(&self) {
        self.due.borrow_mut().clear();
    }

    /// Lets go of everything, which must be before the runtime ends.
    pub(crate) fn clear(&self) {
        self.due.borrow_mut().clear();
        self.fire.borrow_mut().take();
    }
}
