//! What bounds a run: its limits, the question whether it must stop, and why it did.
//!
//! QuickJS asks every some thousand operations, between them only what native functions allow; whoever leaves QuickJS
//! for long asks too.

use akao_node::{Failure, Kind, Level, json};
use std::{
    cell::Cell,
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
}

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
    pub(crate) fn to_failure(self, seen: At) -> Failure {
        let (kind, reason, text) = match self {
            Self::Deadline => (Kind::Timeout, "script_timeout", "the script did not end within its time"),
            Self::Log => {
                (Kind::Resource, "script_output", "the script logged more than 100 MB, which is more than a run may")
            }
            Self::Cancelled => (Kind::Cancelled, "cancelled", "cancelled by the host"),
        };
        match seen.filter(|at| *at != (1, 1)) {
            Some((line, column)) => {
                let mut failure =
                    failed(kind, reason, &format!("{text} (last seen at line {line}, column {column})"), None);
                failure.detail["line"] = json!(line);
                failure.detail["column"] = json!(column);
                failure
            }
            None => failed(kind, reason, text, None),
        }
    }
}

/// A line and a column of the script, both from one.
pub(crate) type At = Option<(u32, u32)>;

/// The failure of a run, with the place where it was.
pub(crate) fn failed(kind: Kind, reason: &str, text: &str, at: At) -> Failure {
    let message = match at {
        Some((line, column)) => format!("{text} (line {line}, column {column})"),
        None => text.to_owned(),
    };
    let (line, column) = at.unzip();
    let detail = json!({"reason": reason, "line": line, "column": column});
    Failure::new(kind, message).retryable(false).with_detail(detail)
}

/// Watches over one run.
pub(crate) struct Guard {
    pub(crate) host: Rc<dyn Host>,
    pub(crate) limits: Limits,
    stopped: Cell<Option<Stop>>,
    log_bytes: Cell<usize>,
    log_lines: Cell<usize>,
}

impl Guard {
    pub(crate) fn new(host: Rc<dyn Host>, limits: Limits) -> Self {
        let (stopped, log_bytes, log_lines) = (Cell::default(), Cell::default(), Cell::default());
        Self { host, limits, stopped, log_bytes, log_lines }
    }

    /// Why the run must stop, if it must. Once said, it stays.
    pub(crate) fn stop(&self) -> Option<Stop> {
        if self.stopped.get().is_none() {
            if self.limits.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.stopped.set(Some(Stop::Deadline));
            } else if self.host.is_cancelled() {
                self.stopped.set(Some(Stop::Cancelled));
            }
        }
        self.stopped.get()
    }

    /// Passes a line on. When there were many, further ones are dropped, and in the end the run stops.
    pub(crate) fn log(&self, level: Level, line: &str) {
        let (lines, bytes) = (self.log_lines.get() + 1, self.log_bytes.get() + line.len() + 1);
        let was_open = self.log_lines.get() <= LOG_LINES_MAX && self.log_bytes.get() <= LOG_BYTES_MAX;
        self.log_lines.set(lines);
        self.log_bytes.set(bytes);
        if lines <= LOG_LINES_MAX && bytes <= LOG_BYTES_MAX {
            self.host.log(level, line);
        } else if was_open {
            let told = format!("the log ends here: a run may tell {LOG_LINES_MAX} lines and {LOG_BYTES_MAX} bytes");
            self.host.log(Level::Warn, &told);
        }
        if bytes > FLOOD_BYTES_MAX && self.stopped.get().is_none() {
            self.stopped.set(Some(Stop::Log));
        }
    }

    /// Sleeps until `due`, or until the run must stop.
    pub(crate) fn sleep_until(&self, due: Instant) {
        while self.stop().is_none() {
            let end = self.limits.deadline.map_or(due, |deadline| deadline.min(due));
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}
