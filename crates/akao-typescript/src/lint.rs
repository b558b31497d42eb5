//! What is most likely not meant, in the files of whoever writes a node: what a good linter tells as an error, and a few things as
//! warnings. The rules have the names that ESLint gives them, and the comments by which somebody says that it is meant all the same
//! are ESLint's as well.

mod allowed;
mod comparisons;
mod finally;
mod linter;
mod slips;
mod test_files;
#[cfg(test)]
mod tests;
mod twice;
mod ways;

use crate::place::Place;
use akao_node::{Value, json};
use allowed::Allowed;
use linter::Linter;
use oxc_ast::ast::Program;
use oxc_ast_visit::Visit;
use test_files::Seen;

/// Lints beyond these are not told: the first ones are what somebody corrects.
const LINTS_MAX: usize = 200;

/// One thing that is most likely not meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lint {
    rule: &'static str,
    /// Whether no node should be deployed like that.
    is_error: bool,
    message: String,
    hint: &'static str,
    file: String,
    place: Place,
}

impl Lint {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "rule": self.rule, "error": self.is_error, "message": self.message, "suggestion": self.hint,
            "file": self.file, "line": self.place.line, "column": self.place.column,
        })
    }
}

/// What is most likely not meant in a file.
pub(crate) fn lint(path: &str, text: &str, program: &Program<'_>) -> Vec<Lint> {
    let seen = test_files::is_test(path).then(Seen::nothing);
    let mut linter = Linter { path, text, program, seen, found: Vec::new() };
    linter.visit_program(program);
    let mut found = linter.found;
    if found.is_empty() {
        return found;
    }
    let allowed = Allowed::of(text, program);
    found.retain(|lint| !allowed.allows(lint));
    found.sort_by_key(|lint| (lint.place.line, lint.place.column));
    found.truncate(LINTS_MAX);
    found
}
