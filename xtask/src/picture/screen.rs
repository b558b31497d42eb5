//! A terminal's screen without a terminal: text, colours, and the few ways of moving that the program uses.
//!
//! It is endlessly high and does not scroll. A line that is too wide is cut, as with the line wrap switched off; where
//! the wrap is on, it goes on in the next line.

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Bold.
    pub(super) strong: bool,
    /// Of little weight.
    pub(super) dim: bool,
    /// The colour's number, 31 to 37; none is the usual one.
    pub(super) color: Option<u8>,
}

/// A line of cells.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    cells: Vec<(char, Look)>,
}

impl Line {
    /// The text.
    pub(super) fn text(&self) -> String {
        self.cells.iter().map(|(character, _)| character).collect()
    }

    /// Pieces that look the same, each with the column at which it begins.
    pub(super) fn pieces(&self) -> Vec<(usize, String, Look)> {
        let mut pieces: Vec<(usize, String, Look)> = Vec::new();
        for (column, (character, look)) in self.cells.iter().enumerate() {
            match pieces.last_mut() {
                Some((_, text, last)) if last == look => text.push(*character),
                _ => pieces.push((column, character.to_string(), *look)),
            }
        }
        pieces
    }

    fn put(&mut self, column: usize, character: char, look: Look) {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, (' ', Look::default()));
        }
        self.cells[column] = (character, look);
    }
}

/// The screen.
pub(super) struct Screen {
    columns: usize,
    lines: Vec<Line>,
    row: usize,
    column: usize,
    look: Look,
    wraps: bool,
}

impl Screen {
    /// An empty screen.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, lines: vec![Line::default()], row: 0, column: 0, look: Look::default(), wraps: true }
    }

    /// Takes in what a program writes.
    pub(super) fn take(&mut self, written: &str) {
        let mut rest = written.chars();
        while let Some(character) = rest.next() {
            match character {
                '\n' => self.move_to(self.row + 1, self.column),
                '\r' => self.column = 0,
                '\u{1b}' => {
                    let sequence = control_sequence(&mut rest);
                    self.obey(&sequence);
                }
                control if control.is_control() => {}
                character => self.write(character),
            }
        }
    }

    /// What stands on the screen.
    pub(super) fn lines(self) -> Vec<Line> {
        self.lines
    }

    fn write(&mut self, character: char) {
        if self.column == self.columns {
            match self.wraps {
                true => self.move_to(self.row + 1, 0),
                false => self.column -= 1,
            }
        }
        self.lines[self.row].put(self.column, character, self.look);
        self.column += 1;
    }

    fn move_to(&mut self, row: usize, column: usize) {
        (self.row, self.column) = (row, column);
        if self.lines.len() <= row {
            self.lines.resize(row + 1, Line::default());
        }
    }

    /// Obeys a control sequence: its parameters and its final letter.
    fn obey(&mut self, sequence: &str) {
        let (parameters, letter) = sequence.split_at(sequence.len().saturating_sub(1));
        let number = |usual: usize| parameters.parse().unwrap_or(usual);
        match letter {
            "A" => self.row = self.row.saturating_sub(number(1)),
            "G" => self.column = number(1).saturating_sub(1),
            "J" => {
                self.lines.truncate(self.row + 1);
                self.lines[self.row].cells.truncate(self.column);
            }
            "K" => self.lines[self.row].cells.truncate(self.column),
            "h" if parameters == "?7" => self.wraps = true,
            "l" if parameters == "?7" => self.wraps = false,
            "m" => parameters.split(';').for_each(|code| self.paint(code.parse().unwrap_or(0))),
            _ => {}
        }
    }

    fn paint(&mut self, code: u8) {
        match code {
            0 => self.look = Look::default(),
            1 => self.look.strong = true,
            2 => self.look.dim = true,
            22 => (self.look.strong, self.look.dim) = (false, false),
            31..=37 => self.look.color = Some(code),
            39 => self.look.color = None,
            _ => {}
        }
    }
}

/// The parameters and the final letter of the control sequence whose escape has been taken; empty for anything else.
fn control_sequence(rest: &mut std::str::Chars<'_>) -> String {
    let mut sequence = String::new();
    if rest.as_str().starts_with('[') {
        rest.next();
        for character in rest {
            sequence.push(character);
            if ('@'..='~').contains(&character) {
                break;
            }
        }
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(written: &str) -> Vec<String> {
        let mut screen = Screen::new(10);
        screen.take(written);
        screen.lines().iter().map(Line::text).collect()
    }

    #[test]
    fn what_is_drawn_again_replaces_what_stood_there() {
        let cases: &[(&str, &[&str])] = &[
            ("one\r\ntwo\r\n", &["one", "two", ""]),
            ("old\r\nold\r\n\u{1b}[2A\u{1b}[1G\u{1b}[Jnew\r\n", &["new", ""]),
            ("0123456789ab", &["0123456789", "ab"]),
            ("\u{1b}[?7l0123456789ab\u{1b}[?7h", &["012345678b"]),
            ("ab\rc\u{1b}[K", &["c"]),
            ("a\u{1b}[?25lb\u{7}", &["ab"]),
            ("a\u{1b}", &["a"]),
        ];
        for (written, expected) in cases {
            assert_eq!(texts(written), *expected, "{written:?}");
        }
    }

    #[test]
    fn a_line_falls_into_pieces_that_look_the_same() {
        let mut screen = Screen::new(20);
        screen.take("a\u{1b}[1;36mbc\u{1b}[0md");
        let bold = Look { strong: true, dim: false, color: Some(36) };
        let expected = [(0, "a".to_owned(), Look::default()), (1, "bc".into(), bold), (3, "d".into(), Look::default())];
        assert_eq!(screen.lines()[0].pieces(), expected);
    }
}
