//! The tree in a terminal, drawn again in place while the execution goes on.

use super::{steps::Steps, tree};
use crossterm::{
    cursor::{Hide, MoveToColumn, MoveUp, Show},
    queue,
    terminal::{Clear, ClearType, DisableLineWrap, EnableLineWrap},
};
use std::{
    io::{self, Write},
    time::Duration,
};

/// Between two drawings.
pub(crate) const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// What turns while something runs.
const SPINNER: [&str; 8] = ["⣾", "⣽", "⣻", "⢿", "⡿", "⣟", "⣯", "⣷"];

/// Lines of the tree that are left standing at the end, whatever the terminal's height: they may scroll.
const LINES_LEFT_MAX: usize = 100;

/// Height that is assumed when the terminal does not tell.
const ROWS_DEFAULT: u16 = 24;

/// A drawing on standard error.
#[derive(Default)]
pub(crate) struct Drawing {
    rows: u16,
    turns: usize,
}

impl Drawing {
    /// Draws the tree in place of the last drawing; what does not fit is counted.
    pub(crate) fn draw(&mut self, steps: &Steps, now_ms: i64, colored: bool) -> io::Result<()> {
        let height = crossterm::terminal::size().map_or(ROWS_DEFAULT, |(_, rows)| rows).max(4) - 2;
        self.draw_lines(steps, now_ms, colored, usize::from(height))
    }

    /// Draws the tree for the last time, in full where it is not very long.
    pub(crate) fn leave(&mut self, steps: &Steps, now_ms: i64, colored: bool) -> io::Result<()> {
        self.draw_lines(steps, now_ms, colored, LINES_LEFT_MAX)
    }

    fn draw_lines(&mut self, steps: &Steps, now_ms: i64, colored: bool, height: usize) -> io::Result<()> {
        self.turns += 1;
        let mut lines = tree::lines(steps, SPINNER[self.turns % SPINNER.len()], now_ms, colored);
        let all = lines.len();
        if all > height {
            lines.retain(|line| line.lively);
        }
        let hidden_above = lines.len().saturating_sub(height);
        let shown: Vec<String> = lines.drain(hidden_above..).map(|line| line.text).collect();
        let hidden = all - shown.len();
        let mut out = io::stderr().lock();
        self.back(&mut out)?;
        queue!(out, Hide, DisableLineWrap)?;
        if hidden > 0 {
            writeln!(out, "({hidden} more)")?;
        }
        for line in &shown {
            writeln!(out, "{line}")?;
        }
        queue!(out, EnableLineWrap, Show)?;
        self.rows = u16::try_from(shown.len() + usize::from(hidden > 0)).unwrap_or(u16::MAX);
        out.flush()
    }

    /// Removes the drawing, so that other words can be written.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        let mut out = io::stderr().lock();
        self.back(&mut out)?;
        out.flush()
    }

    fn back(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.rows > 0 {
            queue!(out, MoveUp(self.rows), MoveToColumn(0), Clear(ClearType::FromCursorDown))?;
        }
        self.rows = 0;
        Ok(())
    }
}
