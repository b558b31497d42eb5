//! How a step fails: a fixed set of kinds, a message for people and a detail for programs.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The kinds of failure. The set is fixed; `retry.on` in a workflow names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The step was given something it cannot use.
    Input,
    /// A grant is missing.
    Permission,
    /// What the step was pointed at does not exist.
    NotFound,
    /// The other side could not be reached or broke off.
    Connection,
    /// A deadline passed.
    Timeout,
    /// A limit on memory, size, time or fuel was hit.
    Resource,
    /// The step was halted.
    Cancelled,
    /// The other side did not keep to its protocol.
    Protocol,
    /// The work itself said no: a check failed, an expected failure.
    User,
    /// A defect, or an outcome that cannot be known.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::Permission,
        Self::NotFound,
        Self::Connection,
        Self::Timeout,
        Self::Resource,
        Self::Cancelled,
        Self::Protocol,
        Self::User,
        Self::Internal,
    ];

    /// The name used in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Resource => "resource",
            Self::Cancelled => "cancelled",
            Self::Protocol => "protocol",
            Self::User => "user",
            Self::Internal => "internal",
        }
    }

    /// Whether another attempt may help when the node type does not say otherwise.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Connection | Self::Timeout)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The beginning of a text, with a mark where it was cut off. What an error quotes may be a megabyte long.
pub fn shortened<T: AsRef<str> + Into<String>>(text: T, bytes_max: usize) -> String {
    let whole = text.as_ref();
    if whole.len() <= bytes_max {
        return text.into();
    }
    format!("{}…", &whole[..whole.floor_char_boundary(bytes_max)])
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What sort of failure this is.
    pub kind: ErrorKind,
    /// A lower-case fragment for people; it names the value or the place.
    pub message: String,
    /// Whether another attempt may help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Facts for programs (`reason`, `causes`, `suggestion`, …); null when there are none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

impl StepError {
    /// An error of `kind`, retryable as the kind usually is.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retryable: kind.retryable(), detail: Value::Null }
    }

    /// The error with `key` set in its detail.
    #[must_use]
    pub fn with_detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        if !self.detail.is_object() {
            self.detail = Value::Object(serde_json::Map::new());
        }
        if let Value::Object(map) = &mut self.detail {
            map.insert(key.to_owned(), value.into());
        }
        self
    }

    /// The error with a sentence on what the reader can do now.
    #[must_use]
    pub fn with_suggestion(self, suggestion: impl Into<String>) -> Self {
        self.with_detail("suggestion", suggestion.into())
    }

    /// The sentence on what to do, if there is one.
    pub fn suggestion(&self) -> Option<&str> {
        self.detail.get("suggestion")?.as_str()
    }
}
