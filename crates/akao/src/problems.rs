//! How problems of workflow files are printed: one line that editors can jump to, the line of the text with a mark under
//! the place, and what to do.

use crate::{
    load::{FileProblem, Loaded},
    output::{Style, plain},
};
use akao_flow::Severity;
use std::{collections::BTreeMap, fmt::Write as _};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a source line that are shown; a longer line is cut around the place.
const EXCERPT_COLUMNS_MAX: usize = 100;

/// The problems as text, a line and its details for each. With `rich` the source is shown, in colours.
pub(crate) fn render(problems: &[FileProblem], texts: &BTreeMap<String, String>, rich: bool) -> String {
    let mut text = String::new();
    for found in problems {
        let problem = &found.problem;
        let (word, style) = match problem.severity {
            Severity::Error => ("error", Style::Bad),
            Severity::Warning => ("warning", Style::Warning),
        };
        let (line, column) = (problem.position.line, problem.position.column);
        let label = style.paint(&format!("{word}[{}]", problem.code), rich);
        let _ = writeln!(text, "{}:{line}:{column}: {label}: {}", found.file, plain(&problem.message));
        if rich && let Some(source) = texts.get(&found.file) {
            text.push_str(&excerpt(source, line, column).unwrap_or_default());
        }
        if let Some(suggestion) = &problem.suggestion {
            let _ = writeln!(text, "  {}", plain(suggestion));
        }
    }
    text
}

/// What was found in how many files, as a sentence.
pub(crate) fn summary(problems: &[FileProblem], files: usize) -> String {
    let errors = problems.iter().filter(|found| found.problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    let of = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) if files == 1 => "The workflow is valid.".to_owned(),
        (0, 0) => format!("{} are valid.", of(files, "workflow")),
        (errors, 0) => format!("{} in {}.", of(errors, "error"), of(files, "file")),
        (0, warnings) => format!("{} in {}.", of(warnings, "warning"), of(files, "file")),
        (errors, warnings) => {
            format!("{} and {} in {}.", of(errors, "error"), of(warnings, "warning"), of(files, "file"))
        }
    }
}

/// The errors of a file that was to be run, each on one line, for programs.
pub(crate) fn messages(loaded: &Loaded) -> Vec<String> {
    let errors = loaded.problems.iter().filter(|found| found.problem.severity == Severity::Error);
    let line = |found: &FileProblem| {
        let position = found.problem.position;
        format!("{}:{}:{}: {}", found.file, position.line, position.column, found.problem.message)
    };
    errors.map(line).collect()
}

/// The line of the source and a mark under the column, both counted from 1.
fn excerpt(source: &str, line: u32, column: u32) -> Option<String> {
    let shown = source.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let before = usize::try_from(column).ok()?.checked_sub(1)?;
    let start = before.saturating_sub(EXCERPT_COLUMNS_MAX / 2);
    let part: String = shown.chars().skip(start).take(EXCERPT_COLUMNS_MAX).map(one_column).collect();
    let indent: usize = part.chars().take(before - start).map(|letter| letter.width().unwrap_or(0)).sum::<usize>();
    let number = line.to_string();
    let gutter = " ".repeat(number.width());
    let cut = if start > 0 { "…" } else { "" };
    Some(format!("  {number} | {cut}{part}\n  {gutter} | {}^\n", " ".repeat(indent + cut.width())))
}

/// A tab as a blank, so that the mark stands under its letter; what could move the cursor as a replacement character.
fn one_column(letter: char) -> char {
    match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let long = format!("{}x: 1", "a".repeat(200));
        let cases = [
            ("a: 1\nbcd: 2\n", 2, 6, "  2 | bcd: 2\n    |      ^\n".to_owned()),
            ("\tä日x", 1, 4, "  1 |  ä日x\n    |     ^\n".to_owned()),
            ("a", 1, 2, "  1 | a\n    |  ^\n".to_owned()),
            (long.as_str(), 1, 201, format!("  1 | …{}x: 1\n    | {}^\n", "a".repeat(50), " ".repeat(51))),
        ];
        for (source, line, column, expected) in cases {
            assert_eq!(excerpt(source, line, column), Some(expected), "{source}");
        }
        assert_eq!(excerpt("a", 2, 1), None);
        assert_eq!(excerpt("a", 0, 0), None);
    }
}
