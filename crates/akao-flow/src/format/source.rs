//! A text by character index, as the YAML parser counts.

/// The characters of a text and where its lines start.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) chars: Vec<char>,
    starts: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut starts = vec![0];
        starts.extend(chars.iter().enumerate().filter(|(_, c)| **c == '\n').map(|(at, _)| at + 1));
        Self { text, chars, starts }
    }

    /// Zero-based line of a character.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Zero-based column of a character.
    pub(super) fn column(&self, at: usize) -> usize {
        at - self.starts[self.line(at)]
    }

    pub(super) fn lines(&self) -> usize {
        self.starts.len()
    }

    /// First character of a line and the one behind its last.
    pub(super) fn line_range(&self, line: usize) -> (usize, usize) {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).map_or(self.chars.len(), |next| next - 1);
        (start, end)
    }

    /// Whether nothing stands before a character on its line.
    pub(super) fn opens_line(&self, at: usize) -> bool {
        self.chars[self.starts[self.line(at)]..at].iter().all(|c| c.is_whitespace())
    }

    /// Whether the line before holds nothing.
    pub(super) fn is_blank_before(&self, line: usize) -> bool {
        line.checked_sub(1).is_some_and(|before| {
            let (start, end) = self.line_range(before);
            self.chars[start..end].iter().all(|c| c.is_whitespace())
        })
    }
}
