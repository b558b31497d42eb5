//! What a node returns when its work fails, and why a message of the host is refused.

use serde_json::{json, Value};
use std::fmt;

/// What the reader of a failure should do next; the list is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The parameters do not fit.
    Input,
    /// Something was not granted.
    Permission,
    /// Something is not there.
    NotFound,
    /// Something could not be reached.
    Connection,
    /// Something took too long.
    Timeout,
    /// A bound was met.
    Resource,
    /// The host no longer wants the result.
    Cancelled,
    /// The other side broke the rules.
    Protocol,
    /// The author of the node says so.
    User,
    /// A mistake in the node.
    Internal,
}

impl Kind {
    /// Every kind.
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

    /// The kind's name in messages.
    pub fn name(self) -> &'static str {
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

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The work failed. The host gets the fields as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What to do next.
    pub kind: Kind,
    /// What happened, for people.
    pub message: String,
    /// Whether another try may succeed; where nothing is said, that goes without saying for each kind.
    pub retryable: Option<bool>,
    /// What happened, for programs.
    pub detail: Value,
}

impl Failure {
    /// A failure without a detail, worth another try where its kind is.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retryable: None, detail: Value::Null }
    }

    /// The failure, worth another try or not.
    #[must_use]
    pub fn retryable(self, retryable: bool) -> Self {
        Self { retryable: Some(retryable), ..self }
    }

    /// The failure with a detail.
    #[must_use]
    pub fn with_detail(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "cancelled by the host")
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut fields = json!({"kind": self.kind.name(), "message": self.message, "detail": self.detail});
        // What nobody said is left out, so that the host's default for the kind counts.
        if let Some(retryable) = self.retryable {
            fields["retryable"] = json!(retryable);
        }
        fields
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Internal, error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Kind::Internal, error.to_string())
    }
}

/// A fault of the protocol, answered as a JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) kind: Kind,
    pub(crate) retryable: bool,
}

impl Fault {
    pub(crate) const PARSE_ERROR: i32 = -32700;
    pub(crate) const INVALID_REQUEST: i32 = -32600;
    pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
    pub(crate) const INVALID_PARAMS: i32 = -32602;
    pub(crate) const INITIALISATION: i32 = -1000;
    pub(crate) const INTERNAL: i32 = -1005;

    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), kind: Kind::Protocol, retryable: false }
    }
}
