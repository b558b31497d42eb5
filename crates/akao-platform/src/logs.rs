//! The lines that the steps of an execution wrote, found by words and level. They are read from its history each time, so that
//! they need no second place where they are kept.

use crate::{Actor, Cursor, Error, Page, PageRequest, Platform};
use akao_contract::{Address, LogLevel};
use akao_flow::Note;

/// Longest text that is searched for, in bytes.
const SEARCH_BYTES_MAX: usize = 200;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogList {
    /// At least this level.
    pub level: Option<LogLevel>,
    /// With this text in them; upper and lower case are equal.
    pub search: Option<String>,
    /// Of the step with this address.
    pub step: Option<String>,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Its place in the execution's events: the same as in the stream of events.
    pub place: Cursor,
    /// When its step told it durably, in Unix milliseconds.
    pub at_ms: i64,
    /// The step.
    pub step: Address,
    /// The level.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}

impl Platform {
    /// A page of the lines of an execution, in the order in which they became durable. Blocks.
    ///
    /// # Errors
    /// There is no such execution, or the page or the search cannot be meant.
    pub fn logs(&self, actor: &Actor, id: &str, list: &LogList, page: &PageRequest) -> Result<Page<LogEntry>, Error> {
        if list.search.as_ref().is_some_and(|text| text.len() > SEARCH_BYTES_MAX) {
            return Err(Error::invalid(format!("`search` is longer than {SEARCH_BYTES_MAX} bytes")));
        }
        let after: Option<Cursor> = page.after().map(str::parse).transpose().map_err(|_| crate::page::bad_cursor())?;
        let search = list.search.as_ref().map(|text| text.to_lowercase());
        let wanted = |entry: &LogEntry| {
            after.is_none_or(|after| entry.place > after)
                && list.level.is_none_or(|level| entry.level >= level)
                && list.step.as_ref().is_none_or(|step| entry.step.to_string() == *step)
                && search.as_ref().is_none_or(|text| entry.message.to_lowercase().contains(text))
        };
        let more = usize::try_from(page.one_more()).unwrap_or(usize::MAX);
        let mut follower = self.follower(self.execution(actor, id)?.id)?;
        follower.catch_up()?;
        let found = follower.take_ready().into_iter().flat_map(|told| {
            let (seq, at_ms) = (told.seq, told.at);
            let placed = (1..).zip(told.notes).filter_map(move |(place, note)| match note {
                Note::Log { address, line } => Some(LogEntry {
                    place: Cursor::of_note(seq, place),
                    at_ms,
                    step: address,
                    level: line.level,
                    message: line.message,
                }),
                _ => None,
            });
            placed.collect::<Vec<_>>()
        });
        Ok(page.page(found.filter(wanted).take(more).collect(), |entry| entry.place.to_string()))
    }
}
