//! What a step answers: exactly one outcome.

use crate::StepError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// The work was done.
    #[default]
    Success,
    /// The work failed; `error` says why.
    Failure,
    /// The step was halted before it ended.
    Cancelled,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For whoever debugs.
    Debug,
    /// For whoever watches.
    #[default]
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

impl LogLevel {
    /// The name used in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line that a step wrote for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    #[serde(default)]
    pub level: LogLevel,
    /// The text.
    pub message: String,
}

/// What a step used of the machine, as the host measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepUsage {
    /// Milliseconds of processor time of the process that ran the step, from the step's first millisecond to its end. Other
    /// steps in the same process count in it, so that these figures are not to be added up.
    pub cpu_ms: u64,
    /// The most bytes of memory at once, of the process that ran the step, up to the step's end.
    pub memory_peak_bytes: u64,
    /// The most processes and threads at once, of the same.
    pub pids_peak: u64,
}

/// The end of a step. `outputs` stay with the step (`steps.id.outputs`), `writes` go to the blackboard.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: OutcomeStatus,
    /// Named results.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Blackboard keys to set. A null value is a value, not a removal.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub writes: Map<String, Value>,
    /// Why it failed; always set with [`OutcomeStatus::Failure`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// What it wrote for people, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
    /// What it used, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<StepUsage>,
}

impl Outcome {
    /// A success without outputs.
    pub fn success() -> Self {
        Self::default()
    }

    /// A failure.
    pub fn failure(error: StepError) -> Self {
        Self { status: OutcomeStatus::Failure, error: Some(error), ..Self::default() }
    }

    /// A halted step.
    pub fn cancelled() -> Self {
        Self { status: OutcomeStatus::Cancelled, ..Self::default() }
    }

    /// The outcome with one more output.
    #[must_use]
    pub fn output(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.outputs.insert(name.to_owned(), value.into());
        self
    }

    /// The outcome with one more blackboard write.
    #[must_use]
    pub fn write(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.writes.insert(key.to_owned(), value.into());
        self
    }

    /// The outcome with one more log line.
    #[must_use]
    pub fn log(mut self, level: LogLevel, message: impl Into<String>) -> Self {
        self.logs.push(LogLine { level, message: message.into() });
        self
    }
}
