//! What can go wrong with an expression: before anything runs ([`CompileError`]) and while it is evaluated ([`EvalError`]).

use thiserror::Error;

/// Longest message or suggestion, in bytes; a name or a number that it quotes may be as long as a source.
const TEXT_BYTES_MAX: usize = 500;

fn cut(text: String) -> String {
    akao_contract::shortened(text, TEXT_BYTES_MAX)
}

/// An expression or a template that is not well formed.
///
/// `Display` prints the message alone; `suggestion` is a sentence for the reader, to be shown separately.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// Where it is: a byte offset into the source string (for a template, into the string at `pointer`).
    pub offset: usize,
    /// JSON pointer of the string inside the compiled value; empty for the value itself.
    pub pointer: String,
    /// What to write instead, as a sentence.
    pub suggestion: Option<String>,
}

impl CompileError {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { message: cut(message.into()), offset, pointer: String::new(), suggestion: None }
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(cut(suggestion.into()));
        self
    }

    /// Moves the error's offset from a piece of text to the whole text that contains the piece at `start`.
    pub(crate) fn shifted(mut self, start: usize) -> Self {
        self.offset += start;
        self
    }

    pub(crate) fn at(mut self, pointer: &str) -> Self {
        self.pointer = pointer.to_owned();
        self
    }
}

/// An expression that could not be evaluated over a scope.
///
/// `Display` prints the message alone; `suggestion` is a sentence for the reader, to be shown separately.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// What to write instead, as a sentence.
    pub suggestion: Option<String>,
    /// JSON pointer of the string inside the rendered template; empty for the value itself.
    pub pointer: String,
}

impl EvalError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: cut(message.into()), suggestion: None, pointer: String::new() }
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(cut(suggestion.into()));
        self
    }

    pub(crate) fn at(mut self, pointer: &str) -> Self {
        self.pointer = pointer.to_owned();
        self
    }
}
