//! The states of a node and of an execution.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of a node within an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Started and not ended.
    Running,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Its `if` was false; neither success nor failure.
    Skipped,
    /// Halted.
    Cancelled,
}

impl NodeStatus {
    /// The name used in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Accepted, waiting for a place.
    Queued,
    /// At least one step runs.
    Running,
    /// Only signals, people, timers or a missing secret can move it.
    Waiting,
    /// Held by a pause or a breakpoint.
    Paused,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Ended by a cancel.
    Cancelled,
    /// Every node was skipped.
    Skipped,
    /// Its record is damaged or disagrees with the interpreter; it is kept and never acted upon.
    Quarantined,
}

impl ExecutionStatus {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Success,
        Self::Failure,
        Self::Cancelled,
        Self::Skipped,
        Self::Quarantined,
    ];

    /// The name used in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Quarantined => "quarantined",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Cancelled | Self::Skipped | Self::Quarantined)
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
