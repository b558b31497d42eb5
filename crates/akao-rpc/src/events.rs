//! What a node tells while a call runs: progress and log lines. Progress is thinned to ten a second, lines to a few
//! hundred; what is thinned out is counted.

use crate::{
    counters::Counters,
    limits::{LOG_LINES_PER_SECOND_MAX, PROGRESS_INTERVAL, TEXT_BYTES_MAX},
};
use akao_contract::LogLevel;
use serde_json::{Map, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How far a call is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// 0 to 1, when the node knows.
    pub fraction: Option<f64>,
    /// What it is doing.
    pub message: String,
}

/// A line for people.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// How much it matters.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Facts beside it.
    pub fields: Map<String, Value>,
}

/// Receives what a node tells. It is called from the connection's own task, so that it must not wait: put the event into
/// a bounded queue and return.
pub trait CallEvents: Send + Sync {
    /// Progress, at most ten times a second and once more before the answer.
    fn progress(&self, progress: Progress);
    /// A log line.
    fn log(&self, entry: LogEntry);
}

/// An event that is to be told once the connection's lock is free.
pub(crate) enum Telling {
    Progress(Progress),
    Log(LogEntry),
}

impl Telling {
    pub(crate) fn tell(self, events: &dyn CallEvents) {
        match self {
            Self::Progress(progress) => events.progress(progress),
            Self::Log(entry) => events.log(entry),
        }
    }
}

/// The events of one call.
#[derive(Default)]
pub(crate) struct EventGate {
    pub(crate) events: Option<Arc<dyn CallEvents>>,
    progress_at: Option<Instant>,
    held: Option<Progress>,
    logs_since: Option<Instant>,
    logs: u32,
}

impl EventGate {
    pub(crate) fn new(events: Option<Arc<dyn CallEvents>>) -> Self {
        Self { events, ..Self::default() }
    }

    /// Takes `$/progress`: told now, or held until [`Self::due`].
    pub(crate) fn progress(
        &mut self,
        params: Map<String, Value>,
        now: Instant,
        counters: &mut Counters,
    ) -> Option<Progress> {
        let progress = read_progress(params);
        let early = self.progress_at.is_some_and(|at| now.saturating_duration_since(at) < PROGRESS_INTERVAL);
        if early {
            counters.progress_replaced += u64::from(self.held.replace(progress).is_some());
            return None;
        }
        counters.progress_replaced += u64::from(self.held.take().is_some());
        self.progress_at = Some(now);
        Some(progress)
    }

    /// When progress that is held may be told.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.held.as_ref().and(self.progress_at).map(|at| at + PROGRESS_INTERVAL)
    }

    /// Progress that is held, if its time has come or the call ends.
    pub(crate) fn held(&mut self, now: Option<Instant>) -> Option<Progress> {
        if now.zip(self.due()).is_some_and(|(now, due)| now < due) {
            return None;
        }
        let held = self.held.take()?;
        self.progress_at = now;
        Some(held)
    }

    /// Takes `$/log`.
    pub(crate) fn log(
        &mut self,
        params: Map<String, Value>,
        now: Instant,
        counters: &mut Counters,
    ) -> Option<LogEntry> {
        let second = self.logs_since.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1));
        if !second {
            (self.logs_since, self.logs) = (Some(now), 0);
        }
        if self.logs >= LOG_LINES_PER_SECOND_MAX {
            counters.logs_dropped += 1;
            return None;
        }
        self.logs += 1;
        Some(read_log(params))
    }
}

fn read_progress(mut params: Map<String, Value>) -> Progress {
    let fraction = params.get("fraction").and_then(Value::as_f64).map(|fraction| fraction.clamp(0.0, 1.0));
    Progress { fraction, message: text(params.remove("message")) }
}

fn read_log(mut params: Map<String, Value>) -> LogEntry {
    let level = match params.get("level").and_then(Value::as_str) {
        Some("debug") => LogLevel::Debug,
        Some("warn" | "warning") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => LogLevel::Info,
    };
    let fields = match params.remove("fields") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    LogEntry { level, message: text(params.remove("message")), fields }
}

/// A text, cut to its limit.
fn text(value: Option<Value>) -> String {
    let Some(Value::String(mut text)) = value else { return String::new() };
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}
