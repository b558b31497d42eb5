//! Tables as row objects: names from the first row, blanks and empty values, new names, dates.

use super::TableOptions;
use crate::outside;
use akao_contract::StepError;
use indexmap::IndexMap;
use jiff::{civil::DateTime, fmt::strtime};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Row objects out of a table. Rows without any value are left out.
pub(super) fn rows(table: Vec<Vec<Value>>, options: &TableOptions) -> Value {
    let mut table = table.into_iter().skip(options.skip_rows);
    let Some(first) = table.next() else { return Value::Array(vec![]) };
    let mut names = names(&first);
    let mut rows = Vec::new();
    for cells in table {
        while names.len() < cells.len() {
            names.push(format!("column_{}", names.len() + 1));
        }
        let mut cells: Vec<Value> = cells.into_iter().map(|cell| clean(cell, options)).collect();
        if cells.iter().all(|cell| cell.is_null() || *cell == "") {
            continue;
        }
        cells.resize(names.len(), Value::Null);
        rows.push(Value::Object(names.iter().cloned().zip(cells).collect::<Map<_, _>>()));
    }
    Value::Array(rows)
}

/// The columns' names, each of them once.
fn names(first: &[Value]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for (at, cell) in first.iter().enumerate() {
        let text = match cell {
            Value::String(text) => text.trim().to_owned(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let name = if text.is_empty() { format!("column_{}", at + 1) } else { text };
        let numbered = (2u64..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = free.unwrap_or(name);
        taken.insert(name.clone());
        names.push(name);
    }
    names
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
