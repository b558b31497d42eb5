//! Why something was not done, for whoever asked. What only the operator may know is logged where it happens and not
//! carried along.

use akao_engine::{CallError, FollowError};
use akao_journal::ReadError;
use akao_store::StoreError;
use serde_json::Value;

/// When it may be worth asking again where the database went away, in seconds.
const DATABASE_RETRY_S: u64 = 2;

/// What sort of refusal it is: stable words that programs may rely on. `docs/server.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Nobody is signed in, or the secret is worth nothing any more.
    Unauthenticated,
    /// The password is right, and the second factor is missing.
    SecondFactor,
    /// The person may not do this.
    Forbidden,
    /// There is no such thing, or not in this tenant.
    NotFound,
    /// The request cannot be meant.
    Invalid,
    /// The workflow has errors.
    InvalidWorkflow,
    /// The input does not fit the workflow.
    InvalidInput,
    /// The state does not allow it.
    Conflict,
    /// The version's name is taken by another definition.
    VersionTaken,
    /// An `Idempotency-Key` was used for another request.
    KeyReused,
    /// It was changed meanwhile.
    Changed,
    /// The request must say which state it changes.
    ConditionMissing,
    /// The request asks too much at once.
    TooLarge,
    /// The body has another media type than this route takes.
    UnsupportedMedia,
    /// The route does not take this method.
    MethodNotAllowed,
    /// Too many attempts, or too much in too short a time.
    TooMany,
    /// The tenant has as much as it may have.
    QuotaExceeded,
    /// The request came from another site.
    CrossSite,
    /// The record of the execution is damaged.
    Quarantined,
    /// The server stops, or its disk does not answer.
    Unavailable,
    /// A defect.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 21] = [
        Self::Unauthenticated,
        Self::SecondFactor,
        Self::Forbidden,
        Self::NotFound,
        Self::Invalid,
        Self::InvalidWorkflow,
        Self::InvalidInput,
        Self::Conflict,
        Self::VersionTaken,
        Self::KeyReused,
        Self::Changed,
        Self::ConditionMissing,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::MethodNotAllowed,
        Self::TooMany,
        Self::QuotaExceeded,
        Self::CrossSite,
        Self::Quarantined,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::SecondFactor => "second_factor_required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid_request",
            Self::InvalidWorkflow => "invalid_workflow",
            Self::InvalidInput => "invalid_input",
            Self::Conflict => "conflict",
            Self::VersionTaken => "version_taken",
            Self::KeyReused => "idempotency_key_reused",
            Self::Changed => "precondition_failed",
            Self::ConditionMissing => "precondition_required",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media_type",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooMany => "too_many_requests",
            Self::QuotaExceeded => "quota_exceeded",
            Self::CrossSite => "cross_site",
            Self::Quarantined => "quarantined",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The short name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Sign in first",
            Self::SecondFactor => "The second factor is missing",
            Self::Forbidden => "Not permitted",
            Self::NotFound => "Not found",
            Self::Invalid => "The request is not valid",
            Self::InvalidWorkflow => "The workflow is not valid",
            Self::InvalidInput => "The input is not valid",
            Self::Conflict => "Not possible in this state",
            Self::VersionTaken => "The version exists with another content",
            Self::KeyReused => "The idempotency key was used for another request",
            Self::Changed => "Changed meanwhile",
            Self::ConditionMissing => "Say what you change",
            Self::TooLarge => "Too large",
            Self::UnsupportedMedia => "Another media type is wanted",
            Self::MethodNotAllowed => "Another method is wanted",
            Self::TooMany => "Too many in too short a time",
            Self::QuotaExceeded => "More than the tenant may have",
            Self::CrossSite => "Not from another site",
            Self::Quarantined => "The execution is quarantined",
            Self::Unavailable => "Not available now",
            Self::Internal => "A defect of the server",
        }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What sort of refusal it is.
    pub code: Code,
    /// A lower-case fragment for whoever asked.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: Option<String>,
    /// Every single problem, where there are several.
    pub problems: Vec<Value>,
    /// When it may be worth asking again, in seconds.
    pub retry_after_s: Option<u64>,
}

impl Error {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: None, problems: Vec::new(), retry_after_s: None }
    }

    /// There is no such thing, or not in this tenant: both look the same.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what}"))
    }

    /// The request cannot be meant.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// A defect, or a fault of the machine: the operator is told what, the caller only that.
    pub fn internal(what: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = String::new();
        let mut next = what.source();
        while let Some(cause) = next {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            next = cause.source();
        }
        tracing::error!("{what}{causes}");
        Self::new(Code::Internal, "the server met a defect; its operator finds more in the log")
    }

    /// The refusal with a sentence on what to do.
    #[must_use]
    pub fn hint(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken => Self::new(Code::Conflict, error.to_string()),
            StoreError::Changed => {
                Self::new(Code::Changed, error.to_string()).hint("Read it again and repeat the change.")
            }
            StoreError::Unstorable => Self::invalid(error.to_string()),
            lost @ (StoreError::Lost(_) | StoreError::Unreachable { .. }) => {
                // The log has the reason, the caller the hint that it may pass.
                let _ = Self::internal(&lost);
                Self {
                    retry_after_s: Some(DATABASE_RETRY_S),
                    ..Self::new(
                        Code::Unavailable,
                        "the platform database does not answer; the operator finds more in the log",
                    )
                }
            }
            other => Self::internal(&other),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Request { what } => Self::invalid(what),
            other => Self::internal(&other),
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Invalid { suggestion, .. } => Self { suggestion, ..Self::invalid(message) },
            CallError::NotFound { .. } => Self::new(Code::NotFound, message),
            CallError::Conflict { .. } => Self::new(Code::Conflict, message),
            CallError::KeyReused { .. } => {
                Self::new(Code::KeyReused, message).hint("Take a new key for a new request.")
            }
            CallError::Quarantined { .. } => Self::new(Code::Quarantined, message),
            CallError::Damaged { .. } | CallError::Stopped { .. } => {
                tracing::error!("{message}");
                Self::new(Code::Unavailable, "the engine does not answer; the operator finds more in the log")
            }
        }
    }
}

impl From<FollowError> for Error {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::NotFound(id) => Self::not_found(format_args!("execution {id}")),
            FollowError::Read(error) => error.into(),
            FollowError::Call(error) => error.into(),
            FollowError::Damaged(_) => {
                tracing::error!("{error}");
                Self::new(Code::Quarantined, "the record of the execution is damaged")
            }
            FollowError::Version(_) | FollowError::Endless => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
