//! Lines for people out of the bytes that a process writes: bounded, valid UTF-8, without anything that steers a terminal.
//!
//! A pure machine. Escape sequences (CSI, OSC, DCS and their like) and control characters are left out, also when they are
//! cut into pieces; so are the marks that turn the direction of text. Invalid UTF-8 becomes U+FFFD. A line that is too long
//! is cut with a mark. What one run writes beyond its budget is dropped and counted, with one note.

use akao_contract::steers_terminal;

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineLimits {
    /// Longest line; the rest is cut off.
    pub line_bytes_max: usize,
    /// What is kept of one run, in bytes.
    pub run_bytes_max: usize,
    /// Lines that are kept of one run.
    pub run_lines_max: usize,
}

impl Default for LineLimits {
    fn default() -> Self {
        Self { line_bytes_max: 8 * 1024, run_bytes_max: 256 * 1024, run_lines_max: 2_000 }
    }
}

/// Where in an escape sequence the last byte stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of any.
    Text,
    /// After ESC.
    Escape,
    /// After ESC and a byte that announces one more.
    Charset,
    /// In a control sequence, which ends with a byte from `@` to `~`.
    Control,
    /// In a string that ends with BEL or ESC `\`.
    Text7,
    /// In such a string, after ESC.
    Text7Escape,
}

/// What one run may still write.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: LineLimits,
    bytes: usize,
    lines: usize,
    /// What did not fit.
    dropped_bytes: u64,
}

impl Budget {
    pub(crate) fn new(limits: LineLimits) -> Self {
        Self { limits, bytes: 0, lines: 0, dropped_bytes: 0 }
    }

    /// A new run begins.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Whether nothing more is kept.
    pub(crate) fn is_spent(&self) -> bool {
        self.dropped_bytes > 0
    }

    /// Counts what is thrown away unseen.
    pub(crate) fn drop_bytes(&mut self, count: usize) {
        self.dropped_bytes += count as u64;
    }

    /// Longest line.
    pub(crate) fn line_bytes_max(&self) -> usize {
        self.limits.line_bytes_max
    }

    /// Takes a line, or says for the first one that does not fit that nothing follows.
    pub(crate) fn take(&mut self, line: String) -> Option<String> {
        if self.is_spent() {
            self.drop_bytes(line.len());
            return None;
        }
        self.bytes += line.len();
        self.lines += 1;
        if self.bytes <= self.limits.run_bytes_max && self.lines <= self.limits.run_lines_max {
            return Some(line);
        }
        self.drop_bytes(line.len().max(1));
        let (bytes, lines) = (self.limits.run_bytes_max, self.limits.run_lines_max);
        Some(format!("[what follows is not kept: the node wrote more than {bytes} bytes or {lines} lines in one run]"))
    }
}

/// Splits one stream into lines.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    line: Vec<u8>,
    is_cut: bool,
    place: Place,
}

impl LineSplitter {
    pub(crate) fn new() -> Self {
        Self { line: Vec::new(), is_cut: false, place: Place::Text }
    }

    /// Takes bytes and gives the lines that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], budget: &mut Budget, mut emit: impl FnMut(String)) {
        for byte in bytes {
            if budget.is_spent() {
                budget.drop_bytes(bytes.len());
                self.line = Vec::new();
                return;
            }
            match (self.place, byte) {
                (Place::Text, b'\n' | b'\r') => self.end_line(budget, &mut emit),
                (Place::Text, 0x1b) => self.place = Place::Escape,
                (Place::Text, b'\t' | 0x20..=0x7e | 0x80..) => self.push(*byte, budget.limits.line_bytes_max),
                (Place::Text, _) => {}
                (_, b'\n') => {
                    // No sequence spans lines; one that was not ended hides nothing more.
                    self.place = Place::Text;
                    self.end_line(budget, &mut emit);
                }
                (place, byte) => self.place = next_place(place, *byte),
            }
        }
    }

    /// The stream or the run has ended; an unfinished line is a line.
    pub(crate) fn finish(&mut self, budget: &mut Budget, mut emit: impl FnMut(String)) {
        self.place = Place::Text;
        self.end_line(budget, &mut emit);
    }

    fn push(&mut self, byte: u8, bytes_max: usize) {
        match self.line.len() < bytes_max {
            true => self.line.push(byte),
            false => self.is_cut = true,
        }
    }

    fn end_line(&mut self, budget: &mut Budget, emit: &mut impl FnMut(String)) {
        let bytes = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_cut);
        // A character that the cut divided is left out whole.
        let whole = if is_cut { &bytes[..last_boundary(&bytes)] } else { &bytes[..] };
        let text = String::from_utf8_lossy(whole);
        let mut line: String = text.chars().filter(|c| is_plain(*c)).collect();
        line.truncate(line.trim_end().len());
        if is_cut {
            line.push('…');
        }
        if !line.is_empty()
            && let Some(line) = budget.take(line)
        {
            emit(line);
        }
    }
}

/// A text that a node sent, without anything that steers a terminal. Its lines stay lines.
pub(crate) fn plain_text(text: String) -> String {
    if text.chars().all(|c| is_plain(c) || c == '\n') {
        return text;
    }
    let limits = LineLimits { line_bytes_max: usize::MAX, run_bytes_max: usize::MAX, run_lines_max: usize::MAX };
    let (mut splitter, mut budget, mut lines) = (LineSplitter::new(), Budget::new(limits), Vec::new());
    splitter.feed(text.as_bytes(), &mut budget, |line| lines.push(line));
    splitter.finish(&mut budget, |line| lines.push(line));
    lines.join("\n")
}

fn next_place(place: Place, byte: u8) -> Place {
    match (place, byte) {
        (Place::Escape, b'[') => Place::Control,
        (Place::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Place::Text7,
        (Place::Escape, b' '..=b'/') => Place::Charset,
        (Place::Control, 0x20..=0x3f) => Place::Control,
        (Place::Text7 | Place::Text7Escape, 0x1b) => Place::Text7Escape,
        (Place::Text7Escape, b'\\') | (Place::Text7, 0x07) => Place::Text,
        (Place::Text7 | Place::Text7Escape, _) => Place::Text7,
        (_, 0x1b) => Place::Escape,
        _ => Place::Text,
    }
}

/// Whether a character neither steers a terminal nor turns the direction of what follows.
fn is_plain(c: char) -> bool {
    c == '\t' || !steers_terminal(c)
}

/// Where the last whole character of bytes ends, as far as they are UTF-8.
fn last_boundary(bytes: &[u8]) -> usize {
    let tail = bytes.iter().rev().take(3).position(|byte| byte & 0xc0 == 0xc0);
    match tail.and_then(|back| bytes.len().checked_sub(back + 1)) {
        Some(start) if std::str::from_utf8(&bytes[start..]).is_err() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]], limits: LineLimits) -> Vec<String> {
        let (mut splitter, mut budget, mut lines) = (LineSplitter::new(), Budget::new(limits), Vec::new());
        for piece in pieces {
            splitter.feed(piece, &mut budget, |line| lines.push(line));
        }
        splitter.finish(&mut budget, |line| lines.push(line));
        lines
    }

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"one\ntwo\r\nthree", &["one", "two", "three"]),
            (b"\n\n \n", &[]),
            (b"10%\r20%\rdone\n", &["10%", "20%", "done"]),
            (b"\x1b[31mred\x1b[0m\n", &["red"]),
            (b"\x1b]0;title\x07text\n", &["text"]),
            (b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\\n", &["link"]),
            (b"\x1bP1$r\x1b\\dcs\n", &["dcs"]),
            (b"\x1b(Bascii\x1b7saved\n", &["asciisaved"]),
            (b"\x1b]0;never ended\nnext\n", &["next"]),
            (b"\x1b[3\x1b[1mtwice\n", &["twice"]),
            (b"a\x00b\x07c\x08d\x7fe\tf\n", &["abcde\tf"]),
            ("c1 \u{9b}31m and \u{85}x\n".as_bytes(), &["c1 31m and x"]),
            ("\u{202e}txt.exe\u{2066}\n".as_bytes(), &["txt.exe"]),
            (b"bad \xff\xfe utf\xc3\n", &["bad \u{fffd}\u{fffd} utf\u{fffd}"]),
            ("grüße".as_bytes(), &["grüße"]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(lines_of(&[bytes], LineLimits::default()), *expected, "{:?}", String::from_utf8_lossy(bytes));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(lines_of(&single, LineLimits::default()), *expected, "in pieces");
        }
    }

    #[test]
    fn a_text_keeps_its_lines() {
        assert_eq!(plain_text("a\nb\n".to_owned()), "a\nb\n");
        assert_eq!(plain_text("a\u{1b}[2J\nb\u{202e}".to_owned()), "a\nb");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let limits = LineLimits { line_bytes_max: 5, ..LineLimits::default() };
        assert_eq!(lines_of(&[b"12345\n123456789\nok\n"], limits), ["12345", "12345…", "ok"]);
        assert_eq!(lines_of(&["1234\u{20ac}\n".as_bytes()], limits), ["1234…"]);
        assert_eq!(lines_of(&["12\u{20ac}3\n".as_bytes()], limits), ["12\u{20ac}…"]);
    }

    #[test]
    fn a_flood_ends_with_one_note() {
        let limits = LineLimits { run_bytes_max: 10, run_lines_max: 100, ..LineLimits::default() };
        let lines = lines_of(&[b"12345\n12345\n12345\n12345\n", &[b'x'; 100_000]], limits);
        assert_eq!(&lines[..2], ["12345", "12345"]);
        assert!(lines[2].starts_with("[what follows is not kept"), "{lines:?}");
        assert_eq!(lines.len(), 3);
        let limits = LineLimits { run_lines_max: 2, ..LineLimits::default() };
        assert_eq!(lines_of(&[b"1\n2\n3\n4\n"], limits).len(), 3);
    }

    #[test]
    fn a_new_run_has_a_new_budget() {
        let limits = LineLimits { run_lines_max: 1, ..LineLimits::default() };
        let (mut splitter, mut budget, mut lines) = (LineSplitter::new(), Budget::new(limits), Vec::new());
        splitter.feed(b"1\n2\n3\n", &mut budget, |line| lines.push(line));
        assert!(budget.is_spent());
        budget.reset();
        splitter.feed(b"4\n", &mut budget, |line| lines.push(line));
        assert_eq!(lines.last().map(String::as_str), Some("4"));
    }
}
