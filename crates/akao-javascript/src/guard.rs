//! What bounds a run: its limits, the question whether it must stop, and why it did.
//!
//! QuickJS asks every some thousand operations, between them only what native functions allow; whoever leaves QuickJS
//! for long asks too.

use crate::nothing::Before;
use akao_node::{Failure, Kind, Level, Value, json};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

/// Calls of functions within each other; QuickJS counts bytes of the thread's stack, of which threads have at least twice as much.
pub(crate) const STACK_BYTES_MAX: usize = 1_000_000;
/// Longer scripts are data, not scripts.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;
/// The host reads 64 levels and 131,072 values in a message, of which the answer around the result has a few.
pub(crate) const RESULT_DEPTH_MAX: usize = 56;
pub(crate) const RESULT_VALUES_MAX: usize = 130_000;
/// What is told of one run; the host keeps less.
const LOG_BYTES_MAX: usize = 300_000;
const LOG_LINES_MAX: usize = 2_500;
/// Beyond this a script is not logging any more, it is flooding.
const FLOOD_BYTES_MAX: usize = 100_000_000;
/// What a run left behind has so long to come to an end.
const LEFT_BEHIND: Duration = Duration::from_millis(10);
/// Whoever sleeps looks this often whether the run is cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What values, functions and strings of the script may take together.
    pub memory_bytes: u64,
    /// What its result may take as JSON.
    pub result_bytes: usize,
    /// When the script is stopped; never, if nothing is said.
    pub deadline: Option<Instant>,
}

/// Whoever asked for a run and is told of it while it runs.
pub trait Host {
    /// A line of the script's log.
    fn log(&self, level: Level, line: &str);
    /// How far the script is, between 0 and 1 or unknown.
    fn progress(&self, fraction: Option<f64>, message: &str);
    /// Whether nobody wants the result any more.
    fn is_cancelled(&self) -> bool;
    /// Asks for something that only the host has. The answer comes from wherever it is made; none comes where nothing can be
    /// asked, which is then said at once.
    ///
    /// # Errors
    /// Nothing can be asked.
    fn ask(&self, method: &str, _: Value, _: Answer) -> Result<(), Failure> {
        Err(Failure::new(Kind::Permission, format!("`{method}` is not available here")))
    }
}

/// Nobody, who is told of what a run left behind, and of what comes before one.
struct Nobody;

impl Host for Nobody {
    fn log(&self, _: Level, _: &str) {}

    fn progress(&self, _: Option<f64>, _: &str) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Takes the answer to a question, on whichever thread.
pub type Answer = Box<dyn FnOnce(Result<Value, Failure>) + Send>;

/// Why a run was stopped from outside of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Deadline,
    Cancelled,
    Log,
}

impl Stop {
    /// The failure, with the place in which the script was seen last: QuickJS notes places when something is called, so
    /// that a loop without calls is at what stands before it, or at the beginning, which says nothing.
    pub(crate) fn to_failure(self, noun: &str, seen: At) -> Failure {
        let (kind, reason, text) = match self {
            Self::Deadline => (Kind::Timeout, "script_timeout", format!("the {noun} did not end within its time")),
            Self::Log => (
                Kind::Resource,
                "script_output",
                format!("the {noun} logged more than 100 MB, which is more than a run may"),
            ),
            Self::Cancelled => (Kind::Cancelled, "cancelled", "cancelled by the host".to_owned()),
        };
        match seen.filter(|spot| (spot.line, spot.column) != (1, 1)) {
            Some(spot) => {
                let mut failure = failed(kind, reason, &format!("{text} (last seen at {spot})"), None);
                spot.tell(&mut failure);
                failure
            }
            None => failed(kind, reason, &text, None),
        }
    }
}

/// A place in a script, or in a file of a bundle; line and column from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) file: Option<Rc<str>>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Spot {
    fn tell(&self, failure: &mut Failure) {
        failure.detail["line"] = json!(self.line);
        failure.detail["column"] = json!(self.column);
        if let Some(file) = &self.file {
            failure.detail["file"] = json!(**file);
        }
    }
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}:{}", self.line, self.column),
            None => write!(f, "line {}, column {}", self.line, self.column),
        }
    }
}

/// A place, where it is known.
pub(crate) type At = Option<Spot>;

/// The failure of a run, with the place where it was.
pub(crate) fn failed(kind: Kind, reason: &str, text: &str, at: At) -> Failure {
    let message = match &at {
        Some(spot) => format!("{text} ({spot})"),
        None => text.to_owned(),
    };
    let detail = json!({"reason": reason, "line": null, "column": null});
    let mut failure = Failure::new(kind, message).retryable(false).with_detail(detail);
    if let Some(spot) = at {
        spot.tell(&mut failure);
    }
    failure
}

/// Watches over one run after the other.
pub(crate) struct Guard {
    /// What the code is called in messages.
    pub(crate) noun: &'static str,
    host: RefCell<Rc<dyn Host>>,
    limits: Cell<Limits>,
    stopped: Cell<Option<Stop>>,
    log_bytes: Cell<usize>,
    log_lines: Cell<usize>,
    /// What was written, with what was cut off.
    written_bytes: Cell<usize>,
    before: Cell<Before>,
}

impl Guard {
    pub(crate) fn new(noun: &'static str, host: Rc<dyn Host>, limits: Limits) -> Self {
        let (host, limits) = (RefCell::new(host), Cell::new(limits));
        let (stopped, log_bytes, log_lines, written_bytes, before) = Default::default();
        Self { noun, host, limits, stopped, log_bytes, log_lines, written_bytes, before }
    }

    /// One that watches over nothing yet.
    pub(crate) fn of_nobody(noun: &'static str) -> Self {
        let limits = Limits { memory_bytes: u64::MAX, result_bytes: usize::MAX, deadline: None };
        Self::new(noun, Rc::new(Nobody), limits)
    }

    /// Begins the next run.
    pub(crate) fn begin(&self, host: Rc<dyn Host>, limits: Limits) {
        // Dropped after the borrow: what is dropped may ask for its guard.
        let before = self.host.replace(host);
        drop(before);
        self.limits.set(limits);
        self.stopped.set(None);
        self.log_bytes.set(0);
        self.log_lines.set(0);
        self.written_bytes.set(0);
    }

    /// Notes what was taken of memory before the run.
    pub(crate) fn begin_from(&self, before: Before) {
        self.before.set(before);
    }

    /// What was taken of memory before the run.
    pub(crate) fn before(&self) -> Before {
        self.before.get()
    }

    /// Watches over what a run that has ended left behind: for a moment, and with nobody who hears of it.
    pub(crate) fn leave_alone(&self) {
        let limits = self.limits();
        let soon = Instant::now().checked_add(LEFT_BEHIND);
        self.begin(Rc::new(Nobody), Limits { deadline: soon.into_iter().chain(limits.deadline).min(), ..limits });
    }

    /// Whoever asked for the run.
    pub(crate) fn host(&self) -> Rc<dyn Host> {
        Rc::clone(&self.host.borrow())
    }

    /// What the run may use.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Why the run must stop, if it must. Once said, it stays.
    pub(crate) fn stop(&self) -> Option<Stop> {
        if self.stopped.get().is_none() {
            if self.limits().deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.stopped.set(Some(Stop::Deadline));
            } else if self.host.borrow().is_cancelled() {
                self.stopped.set(Some(Stop::Cancelled));
            }
        }
        self.stopped.get()
    }

    /// Passes a line on, of which at least `whole` bytes were written. When there were many, further ones are dropped, and in the
    /// end the run stops.
    pub(crate) fn log(&self, level: Level, line: &str, whole: usize) {
        let (lines, bytes) = (self.log_lines.get() + 1, self.log_bytes.get() + line.len() + 1);
        let was_open = self.log_lines.get() <= LOG_LINES_MAX && self.log_bytes.get() <= LOG_BYTES_MAX;
        self.log_lines.set(lines);
        self.log_bytes.set(bytes);
        if lines <= LOG_LINES_MAX && bytes <= LOG_BYTES_MAX {
            self.host.borrow().log(level, line);
        } else if was_open {
            let told = format!("the log ends here: a run may tell {LOG_LINES_MAX} lines and {LOG_BYTES_MAX} bytes");
            self.host.borrow().log(Level::Warn, &told);
        }
        let written = self.written_bytes.get().saturating_add(whole.max(line.len()) + 1);
        self.written_bytes.set(written);
        if written > FLOOD_BYTES_MAX && self.stopped.get().is_none() {
            self.stopped.set(Some(Stop::Log));
        }
    }

    /// Waits by `look` until `due`, which may never come, until it has seen something, or until the run must stop. `look`
    /// is given how long it may take.
    pub(crate) fn wait_until(&self, due: Option<Instant>, look: impl Fn(Duration) -> bool) {
        while self.stop().is_none() {
            let now = Instant::now();
            let ends = [due, self.limits().deadline];
            let end = ends.into_iter().flatten().min().unwrap_or(now + LOOK);
            let left = end.saturating_duration_since(now);
            if left.is_zero() || look(left.min(LOOK)) {
                return;
            }
        }
    }
}
