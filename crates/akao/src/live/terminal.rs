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
        self.turns += 1;
        let height = crossterm::terminal::size().map_or(ROWS_DEFAULT, |(_, rows)| rows).max(4) - 2;
        let mut lines = tree::lines(steps, SPINNER[self.turns % SPINNER.len()], now_ms, colored);
        let all = lines.len();
        if all > usize::from(height) {
            lines.retain(|line| line.lively);
        }
        let hidden_above = lines.len().saturating_sub(usize::from(height));
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
