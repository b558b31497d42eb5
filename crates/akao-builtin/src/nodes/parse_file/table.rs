//! Tables as row objects: names from the first row, blanks and empty values, new names, dates.

use super::TableOptions;
use crate::outside;
use akao_contract::{ErrorKind, StepError};
use indexmap::IndexMap;
use jiff::{civil::DateTime, fmt::strtime};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Cells that the rows of a table may have together, absent ones included: a short row still gets every column.
const CELLS_MAX: usize = 2_000_000;

/// Bytes that the rows of a table may have together, roughly counted as JSON (64 MiB). Every row repeats the names.
const ROWS_BYTES_MAX: usize = 64 << 20;

/// Row objects out of a table. Rows without any value are left out. A row is paid for before it is built: a short file
/// can ask for a thousand columns in each of a million rows.
pub(super) fn rows(
    table: impl IntoIterator<Item = Result<Vec<Value>, StepError>>,
    options: &TableOptions,
) -> Result<Value, StepError> {
    let mut table = table.into_iter();
    for _ in 0..options.skip_rows {
        if table.next().transpose()?.is_none() {
            break;
        }
    }
    let Some(first) = table.next().transpose()? else { return Ok(Value::Array(vec![])) };
    let mut names = Names::of(&first);
    let (mut rows, mut cells_left, mut bytes_left) = (Vec::new(), CELLS_MAX, ROWS_BYTES_MAX);
    for cells in table {
        let mut cells: Vec<Value> = cells?.into_iter().map(|cell| clean(cell, options)).collect();
        while names.list.len() < cells.len() {
            names.add("");
        }
        if cells.iter().all(|cell| cell.is_null() || *cell == "") {
            continue;
        }
        let texts: usize = cells.iter().filter_map(Value::as_str).map(str::len).sum();
        cells_left = cells_left.checked_sub(names.list.len()).ok_or_else(too_many_cells)?;
        bytes_left = bytes_left.checked_sub(names.bytes + texts).ok_or_else(too_long)?;
        cells.resize(names.list.len(), Value::Null);
        rows.push(Value::Object(names.list.iter().cloned().zip(cells).collect::<Map<_, _>>()));
    }
    Ok(Value::Array(rows))
}

fn too_many_cells() -> StepError {
    resource(format!("the table has more than {CELLS_MAX} cells, absent ones included"))
}

fn too_long() -> StepError {
    resource(format!(
        "the rows of the table are larger than {} MiB with the names of their columns",
        ROWS_BYTES_MAX >> 20
    ))
}

fn resource(message: String) -> StepError {
    StepError::new(ErrorKind::Resource, message).with_suggestion("Split the file, or leave out columns.")
}

/// The columns' names, each of them once.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    taken: BTreeSet<String>,
    /// The number that the next repetition of a name gets; looking for a free one from the start each time would take
    /// hours over a million equal names.
    next: BTreeMap<String, u64>,
    /// What the names cost in each row.
    bytes: usize,
}

impl Names {
    fn of(first: &[Value]) -> Self {
        let mut names = Self::default();
        for cell in first {
            match cell {
                Value::String(text) => names.add(text.trim()),
                Value::Null => names.add(""),
                other => names.add(&other.to_string()),
            }
        }
        names
    }

    fn add(&mut self, text: &str) {
        let name = if text.is_empty() { format!("column_{}", self.list.len() + 1) } else { text.to_owned() };
        let mut free = name.clone();
        while self.taken.contains(&free) {
            let next = self.next.entry(name.clone()).or_insert(2);
            free = format!("{name}_{next}");
            *next += 1;
        }
        self.bytes += free.len() + 8;
        self.taken.insert(free.clone());
        self.list.push(free);
    }
}

fn clean(cell: Value, options: &TableOptions) -> Value {
    match cell {
        Value::String(text) => {
            let text = if options.trim { text.trim().to_owned() } else { text };
            if text.is_empty() && options.empty_as_null { Value::Null } else { Value::String(text) }
        }
        other => other,
    }
}

/// Renames the keys of every row object, keeping their order.
pub(super) fn rename(data: &mut Value, mapping: &IndexMap<String, String>) {
    if mapping.is_empty() {
        return;
    }
    for row in data.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let entries = std::mem::take(row);
        row.extend(entries.into_iter().map(|(key, value)| (mapping.get(&key).cloned().unwrap_or(key), value)));
    }
}

/// Rewrites the text of date columns as ISO dates, or dates with a time when the format has hours.
pub(super) fn read_dates(data: &mut Value, columns: &[String], format: &str) -> Result<(), StepError> {
    let pattern = pattern(format);
    for (at, row) in data.as_array_mut().into_iter().flatten().enumerate() {
        for column in columns {
            let Some(Value::String(text)) = row.get_mut(column) else { continue };
            let date = parse_date(&pattern, text).map_err(|error| {
                outside::input(format!("row {}: `{text}` in `{column}` is not a date like {format}: {error}", at + 1))
            })?;
            *text = date;
        }
    }
    Ok(())
}

fn parse_date(pattern: &str, text: &str) -> Result<String, jiff::Error> {
    let parsed = strtime::parse(pattern, text)?;
    if pattern.contains("%H") {
        let time: DateTime = parsed.to_datetime()?;
        return Ok(time.to_string());
    }
    Ok(parsed.to_date()?.to_string())
}

/// The format in the words of `strptime`.
fn pattern(format: &str) -> String {
    let words = [("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S")];
    words.iter().fold(format.replace('%', "%%"), |text, (word, directive)| text.replace(word, directive))
}
