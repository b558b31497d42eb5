//! What went wrong, as the user meets it: a message, its causes, and what to do now.
//!
//! ```text
//! error: the data directory /srv/akao is in use by process 4711
//!
//! hint: Use the running process, or stop it first.
//! ```

use crate::{
    exit::Exit,
    load::{LoadError, input::InputError},
};
use akao_engine::{CallError, FollowError};
use akao_journal::{CommitError, OpenError, ReadError};
use std::error::Error;

/// A command that could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For programs: `usage`, `not_found`, `conflict`, `locked`, `storage`, `damaged`, `quarantined`, `stopped`, `differs`,
    /// `package` or `internal`.
    pub(crate) kind: &'static str,
    /// A lower-case fragment.
    pub(crate) message: String,
    /// Why, outermost first; each repeats nothing of the one before.
    pub(crate) causes: Vec<String>,
    /// A sentence: what to do now.
    pub(crate) hint: Option<String>,
    /// How the program ends.
    pub(crate) exit: Exit,
}

impl Failure {
    /// A failure without causes and hint.
    pub(crate) fn new(kind: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hint: None, exit }
    }

    /// The command line or a file that it names is not valid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", Exit::Usage, message)
    }

    /// What was asked for does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new("not_found", Exit::Failure, message)
    }

    /// A file or the terminal could not be read or written.
    pub(crate) fn storage(message: impl Into<String>) -> Self {
        Self::new("storage", Exit::Failure, message)
    }

    /// A defect of the program.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", Exit::Internal, message)
    }

    /// The failure with what caused it.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// The failure with a sentence on what to do; none where it is empty, as where there is nothing to say.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// Message and causes on one line.
    pub(crate) fn full_message(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes);
        parts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// The failure as a JSON document.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"error": {"kind": self.kind, "message": self.full_message(), "suggestion": self.hint}})
    }
}

/// A workflow file or another named file that cannot be read.
impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let failure = Self::usage(error.to_string());
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// An input that cannot be used.
impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let failure = Self { hint: error.hint().map(str::to_owned), ..Self::usage(error.to_string()) };
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// Kind and exit of a journal that cannot be opened for writing.
impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let (kind, exit) = match &error {
            OpenError::Locked { .. } => ("locked", Exit::Failure),
            OpenError::Damaged(_) => ("damaged", Exit::Internal),
            OpenError::SqliteTooOld { .. } => ("internal", Exit::Internal),
            OpenError::Format { .. } | OpenError::Foreign { .. } | OpenError::Io { .. } | OpenError::Sqlite { .. } => {
                ("storage", Exit::Failure)
            }
        };
        let failure = Self::new(kind, exit, error.to_string()).hint(error.hint());
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// Kind and exit of a journal that cannot be read.
impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        match error {
            ReadError::Missing { .. } => Self::not_found(message)
                .hint("Start an execution with `akao run FILE`, or name another folder with `--data-dir`."),
            ReadError::Format { .. } => {
                Self::storage(message).hint("Use the version of Akao that wrote the file, or a later one.")
            }
            ReadError::Foreign { .. } => Self::storage(message).hint("Choose another data directory."),
            ReadError::Damaged(_) => Self::new("damaged", Exit::Internal, message)
                .hint("Keep a copy of the data directory, then follow docs/journal.md, \"Recovery\"."),
            ReadError::Io { .. } => {
                Self::storage(message).hint("Check the disk and the permissions of the data directory.")
            }
            ReadError::Request { .. } => Self::usage(message),
        }
    }
}

/// Kind and exit of a journal that refused to go on.
impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        let (kind, exit) = match &error {
            CommitError::DiskFull { .. } | CommitError::Io { .. } | CommitError::Unreadable { .. } => {
                ("storage", Exit::Failure)
            }
            CommitError::Damaged(_) => ("damaged", Exit::Internal),
            CommitError::Fenced { .. } | CommitError::Refused { .. } | CommitError::Sqlite { .. } => {
                ("internal", Exit::Internal)
            }
        };
        Self::new(kind, exit, error.to_string()).hint(error.hint())
    }
}

/// Kind and exit of a refused request.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Invalid { suggestion, .. } => Self { hint: suggestion, ..Self::usage(message) },
            CallError::NotFound { .. } => {
                Self::not_found(message).hint("List what there is with `akao executions list`.")
            }
            CallError::Conflict { .. } | CallError::KeyReused { .. } => Self::new("conflict", Exit::Failure, message),
            CallError::Quarantined { execution, .. } => Self::new("quarantined", Exit::Internal, message)
                .hint(format!("Keep it as it is and look at it with `akao executions show {execution}`.")),
            CallError::Damaged { .. } => Self::new("damaged", Exit::Internal, message)
                .hint("Keep a copy of the data directory, then follow docs/journal.md, \"Recovery\"."),
            CallError::Stopped { .. } => Self::new("stopped", Exit::Failure, message)
                .hint("Check free space and the disk of the data directory, then start again."),
        }
    }
}

/// Kind and exit of an execution that cannot be followed.
impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        let message = error.to_string();
        match error {
            FollowError::Read(error) => error.into(),
            FollowError::Call(error) => error.into(),
            FollowError::NotFound(_) => Self::not_found(message),
            FollowError::Version(problem) => {
                Self::new("conflict", Exit::Internal, "the workflow of the execution cannot be used")
                    .because(&std::io::Error::other(problem))
                    .hint("Use the version of Akao that started it.")
            }
            FollowError::Damaged(_) => {
                Self::new("damaged", Exit::Internal, message).hint("Check the data directory with `akao doctor`.")
            }
            FollowError::Endless => Self::storage(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_the_message() {
        let cause = std::io::Error::other("no space");
        let failure = Failure::storage("cannot write a.json").because(&cause).hint("Free some space.");
        assert_eq!(failure.full_message(), "cannot write a.json: no space");
        assert_eq!(
            failure.to_json().to_string(),
            r#"{"error":{"kind":"storage","message":"cannot write a.json: no space","suggestion":"Free some space."}}"#
        );
        assert_eq!(failure.hint("").hint, None, "an empty hint is none");
    }
}
