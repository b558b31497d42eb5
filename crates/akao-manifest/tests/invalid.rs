//! Two hundred realistic mistakes and what is said about each.
//!
//! Beside each `invalid/NAME.yaml` stands `NAME.txt` with every problem that is found. `UPDATE_EXPECT=1` writes the files
//! anew; whoever does that reads the difference.

use akao_document::{Problem, Severity};
use akao_manifest::check;
use std::fmt::Write as _;
use std::{fs, path::Path, path::PathBuf};

const FILES_MIN: usize = 200;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
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

#[test]
fn every_mistake_is_said_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let files = files();
    assert!(files.len() >= FILES_MIN, "only {} files", files.len());
    let mut differing = Vec::new();
    for file in &files {
        let (manifest, problems) = check(&fs::read_to_string(file).unwrap());
        assert!(!problems.is_empty(), "{} has no problem", file.display());
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(manifest.is_none(), errors, "{}", file.display());
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

#[test]
fn messages_are_fragments_and_suggestions_are_sentences() {
    for path in files() {
        for problem in check(&fs::read_to_string(&path).unwrap()).1 {
            let name = path.display();
            assert!(!problem.message.ends_with('.'), "{name}: {}", problem.message);
            let suggestion =
                problem.suggestion.unwrap_or_else(|| panic!("{name}: no suggestion for {}", problem.message));
            assert!(suggestion.ends_with(['.', '?']), "{name}: {suggestion}");
            assert!(suggestion.starts_with(|c: char| c.is_uppercase() || c == '`'), "{name}: {suggestion}");
        }
    }
}
