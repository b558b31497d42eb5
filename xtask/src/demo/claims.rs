//! The claims of the demo, each printed with its verdict.

use super::{Error, words::Words};
use crate::Chore;

/// Counts what holds.
pub(super) struct Claims {
    /// How the verdicts are said.
    pub(super) words: Words,
    all: usize,
    failed: usize,
}

impl Claims {
    /// No claims yet.
    pub(super) fn new(words: Words) -> Self {
        Self { words, all: 0, failed: 0 }
    }

    /// Says `text`, and whether it holds; where it does not, what was found instead.
    pub(super) fn check(&mut self, text: &str, problem: Option<String>) {
        self.all += 1;
        self.words.verdict(problem.is_none(), text);
        if let Some(problem) = problem {
            self.failed += 1;
            self.words.line(&format!("  found: {problem}"));
        }
    }

    /// Says that two values are equal, or how they differ.
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, text: &str, found: &T, expected: &T) {
        let problem = (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
        self.check(text, problem);
    }

    /// Fails when a claim does.
    pub(super) fn end(self) -> Chore {
        match self.failed {
            0 => {
                self.words.line(&format!("\nAll {} claims of this demo were checked and hold.", self.all));
                Ok(())
            }
            failed => Err(Error::Claims { failed, all: self.all }.into()),
        }
    }
}
