//! What the demo says, on standard output: plain lines, with a little colour on a terminal that wants it.

use std::io::{self, IsTerminal};

/// How the demo speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    colored: bool,
}

impl Words {
    /// Words for the present standard output.
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colored: is_watched() && wanted }
    }

    /// Opens a part.
    pub(super) fn heading(self, text: &str) {
        println!("\n{}", self.paint("1;36", &format!("== {text}")));
    }

    /// Says something.
    pub(super) fn line(self, text: &str) {
        println!("{text}");
    }

    /// Shows a command that has been run, or can be.
    pub(super) fn command(self, line: &str) {
        println!("{} {line}", self.paint("2", "$"));
    }

    /// Says whether something holds.
    pub(super) fn verdict(self, holds: bool, text: &str) {
        let sign = if holds { self.paint("32", "✓") } else { self.paint("31", "✗") };
        println!("{sign} {text}");
    }

    /// The text in bold.
    pub(super) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Whether a person is likely to watch: both streams are terminals, so the tree is drawn live.
pub(super) fn is_watched() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
