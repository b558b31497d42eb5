//! Tables of realistic mistakes, for the tests of the readers that include this file.
//!
//! Beside each `tests/invalid/NAME.yaml` of a crate stands `NAME.txt` with every problem that is found. `UPDATE_EXPECT=1`
//! writes the files anew; whoever does that reads the difference.

use akao_document::{Problem, Severity};
use std::{fmt::Write as _, fs, path::Path, path::PathBuf};

/// A table has at least so many.
const FILES_MIN: usize = 200;

/// The files of a crate's table, sorted.
fn files(of_crate: &str) -> Vec<PathBuf> {
    let folder = Path::new(of_crate).join("tests/invalid");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= FILES_MIN, "only {} files", files.len());
    files
}

fn rendered(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        let at = if problem.path.is_empty() { String::new() } else { format!(" at {}", problem.path) };
        let position = problem.position;
        let _ = writeln!(text, "{}:{} {severity} {}{at}", position.line, position.column, problem.code);
        let _ = writeln!(text, "  {}", problem.message);
        if let Some(suggestion) = &problem.suggestion {
            let _ = writeln!(text, "  {suggestion}");
        }
    }
    text
}

/// Every file has the problems that stand beside it; `check` says whether there is a result and what is wrong.
pub(crate) fn are_said_as_expected(of_crate: &str, check: impl Fn(&str) -> (bool, Vec<Problem>)) {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differing = Vec::new();
    for file in files(of_crate) {
        let (sound, problems) = check(&fs::read_to_string(&file).unwrap());
        assert!(!problems.is_empty(), "{} has no problem", file.display());
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(sound, !errors, "{}", file.display());
        let (actual, expected_file) = (rendered(&problems), file.with_extension("txt"));
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if update {
            fs::write(&expected_file, &actual).unwrap();
        } else if actual != expected {
            differing.push(format!("{}\n--- expected\n{expected}--- actual\n{actual}", file.display()));
        }
    }
    assert!(differing.is_empty(), "{}\n(UPDATE_EXPECT=1 writes them anew)", differing.join("\n"));
}

/// Messages are fragments, and each has a suggestion that is a sentence.
pub(crate) fn are_said_well(of_crate: &str, check: impl Fn(&str) -> (bool, Vec<Problem>)) {
    for file in files(of_crate) {
        for problem in check(&fs::read_to_string(&file).unwrap()).1 {
            let name = file.display();
            assert!(!problem.message.ends_with('.'), "{name}: {}", problem.message);
            let suggestion =
                problem.suggestion.unwrap_or_else(|| panic!("{name}: no suggestion for {}", problem.message));
            assert!(suggestion.ends_with(['.', '?']), "{name}: {suggestion}");
            assert!(suggestion.starts_with(|c: char| c.is_uppercase() || c == '`'), "{name}: {suggestion}");
        }
    }
}
