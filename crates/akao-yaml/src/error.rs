//! Why a text is not YAML that Akao reads.

use crate::Position;

/// What sort of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text breaks YAML's rules.
    Syntax,
    /// A `{{ … }}` or `${…}` stands where YAML reads its braces as a mapping.
    UnquotedTemplate,
    /// One mapping has the same key twice.
    DuplicateKey,
    /// YAML has it, JSON does not: tags, merge keys, keys that are not scalars, several documents, `.inf`.
    Unsupported,
    /// More than the [`Budget`](crate::Budget) allows.
    Budget,
    /// Not UTF-8, or control characters.
    Encoding,
}

/// One problem of a text. Reading ends at the first, since what follows it cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct Error {
    /// What sort of thing is wrong.
    pub kind: ErrorKind,
    /// Where.
    pub position: Position,
    /// A lower-case fragment: what is wrong.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, position: Position, message: impl Into<String>) -> Self {
        Self { kind, position, message: message.into(), suggestion: None }
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}
