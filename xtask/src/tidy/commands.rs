//! Commands that texts name exist: `akao list-nodes` in a message, a hint or a document is held against the reference of
//! the command line, which is made by the program itself.

use super::Finding;
use std::{collections::BTreeMap, fs, io, path::Path};

/// Where the program's commands are listed.
const REFERENCE: &str = "docs/cli-reference.md";

/// Commands for the program itself, which the reference leaves out.
const HIDDEN: [&str; 2] = ["owner", "docs"];

/// Where a text names a command.
const MARK: &str = "`akao ";

/// The commands of the program, by their words, and whether a word may follow.
pub(super) struct Commands(BTreeMap<String, bool>);

impl Commands {
    /// Reads the reference below `root`.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::read_to_string(root.join(REFERENCE))?))
    }

    fn of(reference: &str) -> Self {
        let mut commands: BTreeMap<String, bool> = HIDDEN.map(|name| (name.to_owned(), true)).into();
        let headings = reference.lines().filter_map(|line| line.strip_prefix("## `akao ")?.strip_suffix('`'));
        for name in headings {
            let usage = format!("akao {name} [OPTIONS]");
            let takes_no_word = reference.lines().any(|line| line == usage);
            commands.insert(name.to_owned(), !takes_no_word);
        }
        Self(commands)
    }

    /// Findings in the file `path`.
    pub(super) fn findings(&self, path: &str, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        // The tests of this very check name commands that do not exist.
        if path.starts_with("xtask/src/tidy") {
            return findings;
        }
        for (at, line) in text.lines().enumerate() {
            for (start, _) in line.match_indices(MARK) {
                if let Some(named) = self.unknown(&line[start + MARK.len()..]) {
                    let message = format!("names the command `akao {named}`, which the program does not have");
                    let help = "Name a command of docs/cli-reference.md, or say what can be done today.";
                    findings.push(Finding::new(path, Some(at + 1), message, help));
                }
            }
        }
        findings
    }

    /// The command that a text begins with, if the program does not have it. What is no plain word (an option, a file, a
    /// placeholder) belongs to the command before it.
    fn unknown(&self, text: &str) -> Option<String> {
        let quoted = text.split(['`', '\n']).next().unwrap_or_default();
        let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let mut words =
            quoted.split(' ').take_while(|word| !word.is_empty() && !word.starts_with('-') && is_plain(word));
        let first = words.next()?;
        let Some(may_follow) = self.0.get(first) else { return Some(first.to_owned()) };
        let named = format!("{first} {}", words.next()?);
        let has_subcommands = self.0.keys().any(|name| name.starts_with(&format!("{first} ")));
        let is_known = if has_subcommands { self.0.contains_key(&named) } else { *may_follow };
        (!is_known).then_some(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_held_against_the_reference() {
        let commands = Commands::of(concat!(
            "## `akao run`\n\nakao run [OPTIONS] <FILE>\n## `akao doctor`\n\nakao doctor [OPTIONS]\n",
            "## `akao tasks`\n\nakao tasks [OPTIONS] <COMMAND>\n## `akao tasks list`\n\nakao tasks list [OPTIONS]\n",
        ));
        let cases = [
            ("Run it with `akao run FILE --set a=b`, `akao tasks list` or `akao doctor --json`.", None),
            ("`akao run hello.yaml` and `akao run hello` name files", None),
            ("`akao owner` is hidden, `akao` is the program", None),
            ("see `akao node run`", Some("`akao node`")),
            ("see `akao doctor sandbox`", Some("`akao doctor sandbox`")),
            ("see `akao tasks lst`", Some("`akao tasks lst`")),
        ];
        for (text, expected) in cases {
            let found = commands.findings("a.md", text);
            assert_eq!(found.len(), usize::from(expected.is_some()), "{text}");
            if let Some(expected) = expected {
                assert!(found[0].message.contains(expected), "{}", found[0].message);
            }
        }
    }
}
