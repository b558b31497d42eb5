//! What is wrong with a document, where, and what to do about it.

use crate::{Code, codes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Errors, and warnings, of one file that are told. Nobody reads more, and a file can hold a hundred thousand.
pub const PROBLEMS_MAX: usize = 100;

/// Longest message, suggestion or path of a problem, in bytes; what they quote may be a megabyte long.
const TEXT_BYTES_MAX: usize = 500;

fn cut(text: String) -> String {
    akao_contract::shortened(text, TEXT_BYTES_MAX)
}

/// A place in a text, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl From<akao_yaml::Position> for Position {
    fn from(position: akao_yaml::Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// It can be used; somebody should look.
    Warning,
}

/// One problem of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// A stable code such as `unknown-prop`.
    pub code: String,
    /// A lower-case fragment: what is wrong.
    pub message: String,
    /// Where in the text.
    pub position: Position,
    /// Where in the document, such as `root.children[1].props.url`.
    pub path: String,
    /// A sentence: what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.position.line, self.position.column, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "\n  {suggestion}"),
            None => Ok(()),
        }
    }
}

/// The problems of a file while they are found. Beyond the bound they are only counted.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// Where the first error stands that is not told.
    untold: Option<Position>,
}

impl Problems {
    /// Adds a problem, while there is room for one.
    pub fn add(
        &mut self,
        code: impl Into<Code>,
        position: Position,
        path: &dyn fmt::Display,
        message: String,
        suggestion: Option<String>,
    ) {
        let Code { name, severity } = code.into();
        let count = if severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
        *count += 1;
        if *count > PROBLEMS_MAX {
            if severity == Severity::Error {
                self.untold.get_or_insert(position);
            }
            return;
        }
        self.list.push(Problem {
            severity,
            code: name.to_owned(),
            message: cut(message),
            position,
            path: cut(path.to_string()),
            suggestion: suggestion.map(cut),
        });
    }

    /// Errors that were found, told or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether an error was found that is not told, so that looking for more is in vain.
    pub fn is_full(&self) -> bool {
        self.untold.is_some()
    }

    /// The problems so far, to be told better by who knows more.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Problem> {
        self.list.iter_mut()
    }

    /// The problems in the order of the text. That there are more is a problem of its own.
    pub fn into_vec(mut self) -> Vec<Problem> {
        if let Some(position) = self.untold {
            let Code { name, severity } = codes::TOO_MANY_PROBLEMS;
            self.list.push(Problem {
                severity,
                code: name.to_owned(),
                message: format!("there are more than {PROBLEMS_MAX} errors; the others are not listed"),
                position,
                path: String::new(),
                suggestion: Some("Mend these first; often one mistake was made in many places.".to_owned()),
            });
        }
        self.list.sort_by_key(|problem| problem.position);
        self.list
    }
}
