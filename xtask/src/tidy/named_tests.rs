//! docs/security.md names tests for its controls: each stands in the code.

use super::Finding;
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/security.md";

/// Tests that are named, with their lines, and functions that there are.
#[derive(Default)]
pub(super) struct NamedTests {
    named: Vec<(usize, String)>,
    functions: BTreeSet<String>,
}

impl NamedTests {
    /// Takes in a file, if it names tests or has functions of the crates.
    pub(super) fn take(&mut self, path: &str, text: &str) {
        if path == DOCUMENT {
            for (at, line) in text.lines().enumerate() {
                let quoted = line.split('`').skip(1).step_by(2).filter(|word| is_test(word));
                self.named.extend(quoted.map(|word| (at + 1, word.to_owned())));
            }
        } else if path.starts_with("crates/") && path.ends_with(".rs") {
            let names =
                text.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
            self.functions.extend(names.filter_map(|rest| Some(rest.split_once("()")?.0.to_owned())));
        }
    }

    /// A finding for each name that is no function.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let gone = self.named.iter().filter(|(_, name)| !self.functions.contains(name));
        let finding = |(line, name): &(usize, String)| {
            let message = format!("there is no test `{name}`");
            Finding::new(DOCUMENT, Some(*line), message, "Name the test that holds the control now.")
        };
        gone.map(finding).collect()
    }
}

/// Whether a word in code is the name of a test, which is a sentence.
fn is_test(word: &str) -> bool {
    word.matches('_').count() >= 2 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_named_and_not_there_is_found() {
        let mut tests = NamedTests::default();
        tests.take(DOCUMENT, "`this_one_is_there`, `cargo deny`\n`that_one_is_gone`");
        tests.take("crates/a/tests/b.rs", "#[test]\nfn this_one_is_there() {\n");
        tests.take("docs/other.md", "`nobody_asks_for_this`");
        let found: Vec<_> = tests.findings().into_iter().map(|finding| (finding.line, finding.message)).collect();
        assert_eq!(found, [(Some(2), "there is no test `that_one_is_gone`".to_owned())]);
    }
}
