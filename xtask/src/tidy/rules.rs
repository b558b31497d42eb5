//! Words that must not stand in certain places, as tables: what, where, why, and what to do instead.

use super::{
    Finding,
    layers::PURE_CRATES,
    source::{SourceFile, is_word},
};

/// Crates with blocks of `unsafe`, each with the reason. A crate is added together with its first block.
pub(super) const UNSAFE_CRATES: &[(&str, &str)] = &[
    ("akao-probe", "tries system calls by number, which is what a sandbox must withstand"),
    ("akao-spawner", "clones processes, sets attributes of mounts, installs filters: nothing safe wraps these calls"),
    ("akao-web", "exports without mangled names, and bytes that JavaScript fills, in one file"),
    ("sdk", "the Rust SDK adopts the descriptor that a node inherits, in one block"),
];

/// Crates that read flags, environment and terminal, and pass the values down.
/// The SDK for Rust is a node's outermost part.
const OUTERMOST_CRATES: [&str; 7] =
    ["akao", "akao-bench", "akao-conformance", "akao-probe", "akao-spawner", "sdk", "xtask"];

/// A word that program code must not hold.
struct CodeRule {
    words: &'static [&'static str],
    applies: fn(&SourceFile) -> bool,
    message: &'static str,
    help: &'static str,
}

const CODE_RULES: &[CodeRule] = &[
    CodeRule {
        words: &["unsafe"],
        applies: |file| UNSAFE_CRATES.iter().all(|(name, _)| *name != file.crate_name()),
        message: "uses `unsafe` outside the crates that may",
        help: "Use a safe crate, or add the crate to UNSAFE_CRATES in xtask/src/tidy/rules.rs with the reason.",
    },
    CodeRule {
        words: &[
            "env::args",
            "env::current_dir",
            "env::home_dir",
            "env::set_var",
            "env::temp_dir",
            "env::var",
            "env::var_os",
            "env::vars",
        ],
        // `--secret NAME=env:VAR` is the operator's word to read that variable when a step starts.
        applies: |file| {
            let may = ["build.rs", "src/main.rs", "akao-host/src/secrets.rs"];
            !is_outermost(file) && !may.iter().any(|end| file.path.ends_with(end))
        },
        message: "library code asks the environment",
        help: "Let the program read it and pass the value down.",
    },
    CodeRule {
        words: &["print!", "println!", "eprint!", "eprintln!", "io::stdin", "io::stdout", "io::stderr", "IsTerminal"],
        applies: |file| !is_outermost(file) && !file.path.ends_with("build.rs"),
        message: "library code uses the terminal",
        help: "Return the text or an event and let the program print it; report faults through `tracing`.",
    },
    CodeRule {
        words: &["std::fs", "fs::", "File::", "TcpStream", "TcpListener", "UdpSocket", "UnixStream"],
        applies: is_pure,
        message: "a pure crate uses files or the network",
        help: "Ask for it with a command and take the answer as an event.",
    },
    CodeRule {
        words: &["Instant", "SystemTime", "thread::", "std::thread", "process::", "async", "Mutex", "RwLock"],
        applies: is_pure,
        message: "a pure crate uses a clock, a thread, a process or async code",
        help: "Time arrives with events, and the driver owns threads; keep this crate a function of its inputs.",
    },
    CodeRule {
        words: &["dbg!", "todo!", "unimplemented!"],
        applies: |_| true,
        message: "unfinished code",
        help: "Finish it, or return an error that says what is not supported.",
    },
];

/// Text that must not stand in any file of the project.
struct TextRule {
    pieces: &'static [&'static str],
    whole_word: bool,
    message: &'static str,
    help: &'static str,
}

const TEXT_RULES: &[TextRule] = &[
    TextRule {
        pieces: &["TODO", "FIXME", "XXX"],
        whole_word: true,
        message: "holds a note to oneself",
        help: "Do it now, or describe it in an issue.",
    },
    TextRule {
        // `/root/` alone also begins a pointer into a workflow file, so only hidden folders of that home count.
        pieces: &["/root/.", "/home/", "/Users/", "/work/", "/var/folders/"],
        whole_word: false,
        message: "holds a path of one machine",
        help: "Use a path relative to the project, or a placeholder such as DIR.",
    },
];

/// This file names what it forbids.
const SELF: &str = "xtask/src/tidy/rules.rs";

fn is_outermost(file: &SourceFile) -> bool {
    OUTERMOST_CRATES.contains(&file.crate_name())
}

fn is_pure(file: &SourceFile) -> bool {
    PURE_CRATES.contains(&file.crate_name())
}

/// Findings in one Rust file: its header and the words in its code outside tests.
pub(super) fn source_findings(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") && !file.path.contains("/fixtures/") {
        let help = "Say in `//!` lines at the top what the file is for, and what it leaves to others.";
        findings.push(Finding::new(&file.path, Some(1), "does not open with its purpose", help));
    }
    for rule in CODE_RULES.iter().filter(|rule| (rule.applies)(file)) {
        for (number, line) in file.program_lines() {
            if let Some(word) = rule.words.iter().find(|word| holds_word(line, word)) {
                let message = format!("{} (`{}`)", rule.message, word.trim_end_matches(':'));
                findings.push(Finding::new(&file.path, Some(number), message, rule.help));
            }
        }
    }
    findings
}

/// Findings in the text of any file, comments and strings included.
pub(super) fn text_findings(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in TEXT_RULES.iter().filter(|_| path != SELF) {
        let holds = |line: &str, piece: &str| match rule.whole_word {
            true => holds_word(line, piece),
            false => holds_path(line, piece),
        };
        for (index, line) in text.lines().enumerate() {
            if let Some(piece) = rule.pieces.iter().find(|piece| holds(line, piece)) {
                let message = format!("{} (`{piece}`)", rule.message);
                findings.push(Finding::new(path, Some(index + 1), message, rule.help));
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` without a letter, digit or underscore around it; a word that ends in punctuation is
/// free on that side.
fn holds_word(line: &str, word: &str) -> bool {
    let ends_open = !word.ends_with(is_word);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + word.len()..].chars().next().is_some_and(is_word);
        !before && (ends_open || !after)
    })
}

/// Whether `line` holds an absolute path that starts with `piece`: one that is not the middle of a longer path.
fn holds_path(line: &str, piece: &str) -> bool {
    let continues = |c: char| is_word(c) || "./-*}>)".contains(c);
    line.match_indices(piece).any(|(at, _)| !line[..at].chars().next_back().is_some_and(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<(usize, String)> {
        let found = source_findings(&SourceFile::new(path, text));
        found.into_iter().map(|finding| (finding.line.unwrap_or_default(), finding.message)).collect()
    }

    #[test]
    fn each_word_is_found_where_it_is_forbidden_and_nowhere_else() {
        let flow = "crates/akao-flow/src/machine.rs";
        let engine = "crates/akao-engine/src/queue.rs";
        let cases: &[(&str, &str, Option<&str>)] = &[
            (engine, "unsafe { a() }", Some("uses `unsafe`")),
            (engine, "// unsafe is a word here", None),
            (engine, "a(\"unsafe\")", None),
            (engine, "unsafe_code()", None),
            (engine, "std::env::var(\"A\")", Some("asks the environment (`env::var`)")),
            (engine, "use std::env::var_os;", Some("asks the environment (`env::var_os`)")),
            (engine, "env!(\"CARGO_PKG_VERSION\")", None),
            (engine, "println!(\"a\")", Some("uses the terminal")),
            (engine, "use std::time::Instant;", None),
            (engine, "let x = dbg!(y);", Some("unfinished code (`dbg!`)")),
            (engine, "#[cfg(test)]\nmod tests { fn a() { println!(\"a\"); } }", None),
            (flow, "use std::time::Instant;", Some("a pure crate uses a clock")),
            (flow, "std::fs::read(path)", Some("a pure crate uses files")),
            (flow, "use std::{fs, io};\nfs::read(path)", Some("a pure crate uses files")),
            (flow, "async fn a() {}", Some("a pure crate uses a clock")),
            (flow, "let instantly = asynchronous;", None),
            ("crates/akao/src/main.rs", "std::env::args(); println!(\"a\");", None),
            ("crates/akao-sandbox/build.rs", "std::env::var(\"OUT_DIR\"); println!(\"cargo:a\");", None),
            ("crates/akao-engine/tests/runs.rs", "std::env::var(\"A\");", None),
        ];
        for (path, code, expected) in cases {
            let found = messages(path, &format!("//! Header.\n{code}\n"));
            match expected {
                None => assert_eq!(found, [], "{path}: {code}"),
                Some(part) => assert!(found.iter().any(|(_, m)| m.contains(part)), "{path}: {code}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        let message = "does not open with its purpose".to_owned();
        assert_eq!(messages("crates/a/src/lib.rs", "use std::fmt;\n"), [(1, message.clone())]);
        assert_eq!(messages("crates/a/tests/b.rs", "#[test]\nfn a() {}\n"), [(1, message)]);
        assert_eq!(messages("crates/a/tests/fixtures/b.rs", "fn a() {}\n"), []);
    }

    #[test]
    fn notes_to_oneself_and_machine_paths_are_found_in_any_text() {
        let cases = [
            ("a TODO: later", Some("a note to oneself (`TODO`)")),
            ("TODOS are listed", None),
            ("see /home/anna/src", Some("a path of one machine (`/home/`)")),
            ("https://example.com/home/page", None),
            ("cp /root/.cargo/config", Some("a path of one machine (`/root/.`)")),
            ("a problem at /root/children/0", None),
            ("the sandbox's /workspace/in", None),
            ("crates/work/src", None),
        ];
        for (text, expected) in cases {
            let found = text_findings("docs/a.md", &format!("first line\n{text}\n"));
            match expected {
                None => assert_eq!(found, [], "{text}"),
                Some(part) => {
                    assert!(found.len() == 1 && found[0].message.contains(part), "{text}: {found:?}");
                    assert_eq!(found[0].line, Some(2));
                }
            }
        }
    }
}
