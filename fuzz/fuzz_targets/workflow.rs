//! Any text as a workflow file: checking ends in problems that lie inside the text, what is valid can be lowered, drawn
//! and compared with itself, and what can be read can be formatted: once, into a file that means the same.

#![no_main]

use akao_flow::{Problem, Severity, check, content_hash, diff, draw, format_workflow, lower, read};
use akao_fuzz::{assert_inside, catalogue};
use libfuzzer_sys::fuzz_target;

/// Longest text of a problem, with what marks it as cut.
const TEXT_BYTES_MAX: usize = 512;

/// Errors and warnings of one file, and the one that says that there are more.
const PROBLEMS_MAX: usize = 201;

fuzz_target!(|text: &str| {
    let (parsed, problems) = check(text, catalogue());
    assert_problems(text, &problems);
    if let Some(parsed) = &parsed {
        let definition = &parsed.definition;
        assert!(problems.iter().all(|problem| problem.severity == Severity::Warning));
        lower(definition, catalogue()).expect("what is valid can be lowered");
        let options = draw::Options::default();
        let _ = (draw::mermaid(definition, &options), draw::svg(definition, &options));
        let _ = draw::terminal(definition, &options);
        let stored = serde_json::to_value(definition).expect("a definition is JSON");
        let again: akao_flow::Definition = serde_json::from_value(stored).expect("a stored definition is read");
        assert_eq!(&again, definition);
        assert!(diff::diff(definition, &again).is_empty());
    } else {
        assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
    }
    assert_formatted(text);
});

fn assert_problems(text: &str, problems: &[Problem]) {
    assert!(problems.len() <= PROBLEMS_MAX, "{} problems", problems.len());
    for problem in problems {
        assert_inside(text, problem.position.line, problem.position.column, &problem.message);
        assert!(problem.message.len() <= TEXT_BYTES_MAX && problem.path.len() <= TEXT_BYTES_MAX, "{problem}");
    }
}

fn assert_formatted(text: &str) {
    let Ok(parsed) = read(text) else {
        assert!(format_workflow(text, catalogue()).is_err());
        return;
    };
    let formatted = match format_workflow(text, catalogue()) {
        Ok(formatted) => formatted,
        Err(problems) => panic!("{problems:?}"),
    };
    let again = read(&formatted).expect("the formatter reads what it wrote");
    let hash = |mut definition: akao_flow::Definition| {
        akao_flow::canonicalise(&mut definition, catalogue());
        content_hash(&definition, None)
    };
    assert_eq!(hash(parsed.definition), hash(again.definition), "{formatted}");
    let twice = format_workflow(&formatted, catalogue()).expect("what was formatted can be formatted");
    assert_eq!(formatted, twice);
}
