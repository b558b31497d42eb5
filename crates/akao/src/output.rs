//! Where words go: data to standard output, everything else to standard error; colours that can be switched off and
//! never carry a meaning alone.

use crate::failure::Failure;
use clap::ValueEnum;
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use unicode_width::UnicodeWidthStr;

/// Whether writing to standard output has met a closed pipe.
static READER_LEFT: AtomicBool = AtomicBool::new(false);

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the variable `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Something went well.
    Good,
    /// Something went wrong.
    Bad,
    /// Something wants attention.
    Warning,
    /// Something goes on.
    Active,
    /// Something of little weight.
    Dim,
    /// A heading.
    Strong,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warning => "33",
            Self::Active => "36",
            Self::Dim => "2",
            Self::Strong => "1",
        }
    }

    /// The text in this style, when `colored`.
    pub(crate) fn paint(self, text: &str, colored: bool) -> String {
        if colored { format!("\u{1b}[{}m{text}\u{1b}[0m", self.code()) } else { text.to_owned() }
    }
}

/// The two streams and how to write to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether standard output is one JSON document.
    pub(crate) json: bool,
    /// Whether words beside the data are left out.
    pub(crate) quiet: bool,
    /// How much is told beside the data; 0 is usual.
    pub(crate) verbose: u8,
    /// Whether standard output is coloured.
    pub(crate) color_out: bool,
    /// Whether standard error is coloured.
    pub(crate) color_err: bool,
}

impl Output {
    /// Output as the options and the environment want it.
    pub(crate) fn new(color: ColorChoice, json: bool, quiet: bool, verbose: u8) -> Self {
        let colored = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let (color_out, color_err) = (colored(io::stdout().is_terminal()), colored(io::stderr().is_terminal()));
        Self { json, quiet, verbose, color_out, color_err }
    }

    /// Writes text to standard output as it is. A reader that went away is no failure.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                READER_LEFT.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(Failure::storage("cannot write to standard output").because(&error)),
            Ok(()) => Ok(()),
        }
    }

    /// Whether nobody reads standard output any more, so that what only prints may end.
    pub(crate) fn reader_left(&self) -> bool {
        READER_LEFT.load(Ordering::Relaxed)
    }

    /// Writes one line to standard output.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Writes a JSON document as one line to standard output.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(document)
            .map_err(|error| Failure::internal("the answer cannot be written as JSON").because(&error))?;
        self.line(&text)
    }

    /// Writes a JSON value for people: over several lines.
    pub(crate) fn pretty(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.line(&format!("{value:#}"))
    }

    /// Writes a line to standard error, unless that is to be quiet.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            self.always(line);
        }
    }

    /// Writes whole lines to standard error, unless that is to be quiet.
    pub(crate) fn note_text(&self, lines: &str) {
        if !lines.is_empty() {
            self.note(lines.trim_end());
        }
    }

    /// Writes the lines of problems to standard error, also when that is to be quiet: they are why nothing was done.
    pub(crate) fn problems(&self, lines: &str) {
        if !lines.is_empty() {
            self.always(lines.trim_end());
        }
    }

    /// Writes a line to standard error.
    pub(crate) fn always(&self, line: &str) {
        // Nowhere is left to say that standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Shows where long work stands, on a terminal only; an empty text takes it away.
    pub(crate) fn progress(&self, text: &str) {
        if !self.json && !self.quiet && io::stderr().is_terminal() {
            // What cannot be shown is of no use to anybody.
            let _ = write!(io::stderr(), "\r\x1b[2K{}", plain(text));
        }
    }

    /// Text for standard output in a style.
    pub(crate) fn out(&self, style: Style, text: &str) -> String {
        style.paint(text, self.color_out)
    }

    /// Text for standard error in a style.
    pub(crate) fn err(&self, style: Style, text: &str) -> String {
        style.paint(text, self.color_err)
    }

    /// Presents a failure: words to standard error, or a document to standard output.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            // The program is about to end with the failure's code, whether or not this can be written.
            let _ = self.document(&failure.to_json());
            return;
        }
        self.failure_words(failure);
    }

    /// Presents a failure in words, on standard error.
    pub(crate) fn failure_words(&self, failure: &Failure) {
        self.always(&format!("{} {}", self.err(Style::Bad, "error:"), indented(&failure.message)));
        for cause in &failure.causes {
            self.always(&format!("  caused by: {}", indented(cause)));
        }
        if let Some(hint) = &failure.hint {
            self.always(&format!("\n{} {}", self.err(Style::Active, "hint:"), indented(hint)));
        }
    }
}

/// A count with its word: `1 step`, `2 steps`.
pub(crate) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Waits until the reader of a pipe on standard output has gone away, which a writer notices only when it writes; for ever
/// when standard output is something else.
pub(crate) async fn reader_gone() {
    use tokio::io::{Interest, unix::AsyncFd};
    #[expect(deprecated, reason = "its successor is unsafe: it wants a descriptor that stays open, as this one does")]
    let watched = AsyncFd::with_interest(io::stdout(), Interest::ERROR);
    // A plain file cannot be watched and has no reader.
    match watched {
        Ok(stdout) if stdout.ready(Interest::ERROR).await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

/// Rows in columns, two blanks apart, the last one as long as it wants. Widths are those of the terminal. A cell is one line,
/// whatever it holds: what comes from elsewhere must not look like a row of ours.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    let mut text = line(&mut header.iter().copied());
    for row in &rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// The text without what could move the cursor or recolour the terminal: values and messages come from anywhere.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| akao_contract::steers_terminal(c) && c != '\n' && c != '\t';
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for what stands on one line, such as a name in a plan: it must not look like a line of ours.
pub(crate) fn plain_line(text: &str) -> String {
    text.chars().map(|c| if akao_contract::steers_terminal(c) { '\u{fffd}' } else { c }).collect()
}

/// A word of a command as people copy it into a shell: in quotes where the shell would read it as something else.
pub(crate) fn shell_word(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@%+=^".contains(c);
    match !text.is_empty() && text.chars().all(is_bare) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A text of several lines within something of ours: each further line is moved in, and none is empty, so that what a package
/// or a repository says cannot begin a line as we do.
fn indented(text: &str) -> String {
    let text = plain(text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| format!("{all}\n    {line}"))
}

/// A cell on one line. The style in which its beginning stands is kept.
fn cell(text: &str) -> String {
    let painted = || {
        let (code, rest) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
        let (inner, after) = rest.split_once("\u{1b}[0m").filter(|_| code.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(format!("\u{1b}[{code}m{}\u{1b}[0m{}", plain_line(inner), plain_line(after)))
    };
    painted().unwrap_or_else(|| plain_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            vec![vec!["1".to_owned(), "日本".to_owned(), "x".to_owned()], vec!["12".into(), "a".into(), "".into()]];
        assert_eq!(table(&["N", "NAME", "LAST"], &rows), "N   NAME  LAST\n1   日本  x\n12  a\n");
    }

    #[test]
    fn a_cell_cannot_look_like_a_row() {
        let bad = Style::Bad.paint("killed\nb  ok", true) + " x\ny";
        let rows = vec![vec!["a\n2026  b".to_owned(), bad, "\u{202e}c".to_owned()]];
        let text = table(&["ONE", "TWO", "THREE"], &rows);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("\u{1b}[31mkilled\u{fffd}b  ok\u{1b}[0m x\u{fffd}y") && !text.contains('\u{202e}'),
            "{text}"
        );
    }

    #[test]
    fn a_word_of_a_command_is_read_by_a_shell_as_it_is() {
        for (text, word) in [
            ("com.example.none@^1.0", "com.example.none@^1.0"),
            ("com.example.none@>=1.0, <2", "'com.example.none@>=1.0, <2'"),
            ("it's", r"'it'\''s'"),
            ("", "\'\'"),
        ] {
            assert_eq!(shell_word(text), word);
            let said = std::process::Command::new("/bin/sh").args(["-c", &format!("printf %s {word}")]).output();
            assert_eq!(String::from_utf8_lossy(&said.unwrap().stdout), text);
        }
    }

    #[test]
    fn what_others_say_begins_no_line_of_an_error() {
        assert_eq!(indented("a\n\nhint: run it\r\n  b"), "a\n    hint: run it\u{fffd}\n      b");
        assert_eq!(indented(""), "");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\r\nc"), "a\u{fffd}[31mb\u{fffd}\nc");
        assert_eq!(plain("a\u{202e}b"), "a\u{fffd}b", "the order of reading is not changed");
        assert_eq!(plain_line("a\nsignature holds"), "a\u{fffd}signature holds");
    }
}
