//! Places in source files, and what is wrong there.

use akao_node::{Value, json};
use oxc_diagnostics::{OxcDiagnostic, Severity};

/// Problems beyond these are not told: the first ones are what somebody corrects.
pub(crate) const PROBLEMS_MAX: usize = 50;
/// Longer messages are cut.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// Where something stands: both from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte of a text.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let end = (0..=offset.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

/// Something that keeps a bundle from being made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) place: Option<Place>,
    pub(crate) suggestion: Option<String>,
}

impl Problem {
    pub(crate) fn at(file: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let place = Some(Place::of(text, offset));
        Self { message: clipped(message.into()), file: file.to_owned(), place, suggestion: None }
    }

    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { message: clipped(message.into()), file: file.to_owned(), place: None, suggestion: None }
    }

    #[must_use]
    pub(crate) fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(suggestion.into()), ..self }
    }

    /// What the compiler's own crates found; a warning of theirs keeps nobody from anything.
    pub(crate) fn of_diagnostic(file: &str, text: &str, diagnostic: &OxcDiagnostic) -> Option<Self> {
        if diagnostic.severity != Severity::Error {
            return None;
        }
        let offset = diagnostic.labels.first().map_or(0, oxc_diagnostics::LabeledSpan::offset);
        let problem = Self::at(file, text, offset as usize, diagnostic.message.to_string());
        Some(Self { suggestion: diagnostic.help.as_ref().map(|help| clipped(help.to_string())), ..problem })
    }

    pub(crate) fn to_json(&self) -> Value {
        let (line, column) = self.place.map(|place| (place.line, place.column)).unzip();
        json!({
            "message": self.message, "file": self.file, "line": line, "column": column, "suggestion": self.suggestion,
        })
    }
}

fn clipped(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}
