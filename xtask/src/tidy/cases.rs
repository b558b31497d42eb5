//! The catalogue of escapes and abuses has no case without a test: every number that is claimed stands in the name of a
//! test (`case_63`, `case_70_71`, `case_1_to_3_…`), in its comment (`Cases 98 to 101`), or in the self-test's table.

use super::Finding;
use std::collections::BTreeSet;

/// The table of the self-test.
const TABLE: &str = "crates/akao-sandbox/src/selftest/cases.rs";

/// Cases that are claimed.
fn claimed() -> impl Iterator<Item = u32> {
    1..=112
}

/// Cases that are named so far.
#[derive(Default)]
pub(super) struct Cases {
    named: BTreeSet<u32>,
    /// A tree without the table has no sandbox to test.
    has_table: bool,
}

impl Cases {
    /// Takes in a file, if it is one that names cases.
    pub(super) fn take(&mut self, path: &str, text: &str) {
        let is_test = path.starts_with("crates/") && path.contains("/tests/") && path.ends_with(".rs");
        if path == TABLE {
            self.has_table = true;
            for call in ["case(", "same("] {
                self.named.extend(text.match_indices(call).filter_map(|(at, _)| number(&text[at + call.len()..])));
            }
        } else if is_test {
            for mark in ["case_", "case ", "cases ", "Case ", "Cases "] {
                text.match_indices(mark).for_each(|(at, _)| self.read(&text[at + mark.len()..]));
            }
        }
    }

    /// Numbers at the start of a text, with `and`, `to`, commas or lines between them.
    fn read(&mut self, text: &str) {
        let is_word = |letter: char| letter.is_ascii_alphanumeric();
        let mut last: Option<u32> = None;
        let mut is_range = false;
        for word in text.split(|letter| !is_word(letter)).filter(|word| !word.is_empty()) {
            match (word, word.parse::<u32>(), last) {
                (_, Ok(number), Some(from)) if is_range => self.named.extend(from..=number),
                (_, Ok(number), _) => drop(self.named.insert(number)),
                ("to", ..) => {}
                ("and", ..) => continue,
                _ => return,
            }
            (is_range, last) = (word == "to", word.parse().ok().or(last));
        }
    }

    /// A finding for each case that nothing names.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let missing = claimed().filter(|number| self.has_table && !self.named.contains(number));
        let finding = |number: u32| {
            let message = format!("no test names case {number} of the catalogue of escapes and abuses");
            Finding::new(TABLE, None, message, "Add a test whose name or comment says the number.")
        };
        missing.map(finding).collect()
    }
}

/// The number at the start of a text.
fn number(text: &str) -> Option<u32> {
    text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_names_comments_and_the_table() {
        let mut cases = Cases::default();
        cases.take(TABLE, "    case(2, \"x\", &[]),\n    same(90, \"y\"),\n");
        cases.take(
            "crates/a/tests/one.rs",
            "fn case_63() {}\nfn case_70_71() {}\nfn case_1_to_3_a_file_9() {}\nfn case_6_and_7_of_4() {}\n// Cases 98 to 101, and 103.\n",
        );
        cases.take("crates/a/src/lib.rs", "// Case 50 is not a test here.\n");
        let expected: BTreeSet<u32> = [1, 2, 3, 6, 7, 63, 70, 71, 90, 98, 99, 100, 101, 103].into();
        assert_eq!(cases.named, expected);
        let found = cases.findings();
        assert_eq!(found.len(), 112 - expected.len(), "{found:?}");
        assert!(found[0].message.contains("case 4 "), "{}", found[0].message);
    }
}
