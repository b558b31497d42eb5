//! Spreadsheets as tables. A small file can claim a billion cells or unpack to gigabytes, so both are bounded here, and a
//! library that panics on a broken file is caught.

use crate::outside;
use akao_contract::{ErrorKind, StepError};
use calamine::{Data, Reader, Xls, Xlsx};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Cells with a value that one sheet may have.
const CELLS_MAX: usize = 2_000_000;

/// Bytes of text that the cells of one sheet may have together (64 MiB). Cells share their texts in the file, so that a
/// small one can repeat a long text two million times.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Columns and rows of a table, empty ones included; the format itself has no more.
const COLUMNS_MAX: u32 = 16_384;
const ROWS_MAX: u32 = 1_048_576;

/// Bytes that an `xlsx` archive may unpack to (256 MiB).
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

/// Cells by row and column.
type Cells = BTreeMap<u32, BTreeMap<u32, Value>>;

/// The rows of a sheet, from its first used row and column on.
pub(super) fn read(
    format: &str,
    bytes: Vec<u8>,
    sheet: Option<&str>,
) -> Result<impl Iterator<Item = Vec<Value>>, StepError> {
    let read = || match format {
        "xls" => xls(bytes, sheet),
        _ => xlsx(bytes, sheet),
    };
    let cells =
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(broken(format, "its structure is damaged")))?;
    table(cells)
}

fn broken(format: &str, error: impl std::fmt::Display) -> StepError {
    outside::input(format!("this is not {format}: {error}"))
}

fn resource(message: String) -> StepError {
    StepError::new(ErrorKind::Resource, message)
}

/// The sheet that is asked for, or the first one.
fn sheet_name(names: &[String], wanted: Option<&str>) -> Result<String, StepError> {
    let found = match wanted {
        Some(wanted) => names.iter().find(|name| *name == wanted),
        None => names.first(),
    };
    found.cloned().ok_or_else(|| {
        let message = format!("there is no sheet `{}`; the sheets are {}", wanted.unwrap_or("1"), names.join(", "));
        StepError::new(ErrorKind::NotFound, message)
    })
}

fn xlsx(bytes: Vec<u8>, sheet: Option<&str>) -> Result<Cells, StepError> {
    check_unpacked(&bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken("xlsx", error))?;
    let name = sheet_name(&book.sheet_names(), sheet)?;
    // Cell by cell: a range would allocate the whole rectangle that two far corners span.
    let mut reader = book.worksheet_cells_reader(&name).map_err(|error| broken("xlsx", error))?;
    let (mut cells, mut count, mut text_left) = (Cells::new(), 0, TEXT_BYTES_MAX);
    while let Some(cell) = reader.next_cell().map_err(|error| broken("xlsx", error))? {
        let (row, column) = cell.get_position();
        let value = value(&Data::from(cell.get_value().clone()));
        if !value.is_null() {
            count += 1;
            let length = value.as_str().map_or(0, str::len);
            text_left = text_left.checked_sub(length).ok_or_else(|| {
                resource(format!("the sheet `{name}` has more than {TEXT_BYTES_MAX} bytes of text in its cells"))
            })?;
            cells.entry(row).or_default().insert(column, value);
        }
        if count > CELLS_MAX {
            return Err(resource(format!("the sheet `{name}` has more than {CELLS_MAX} cells")));
        }
    }
    Ok(cells)
}

/// The format ends at 65536 rows of 256 columns, so the library's rectangle is bounded.
fn xls(bytes: Vec<u8>, sheet: Option<&str>) -> Result<Cells, StepError> {
    let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| broken("xls", error))?;
    let name = sheet_name(&book.sheet_names(), sheet)?;
    let range = book.worksheet_range(&name).map_err(|error| broken("xls", error))?;
    let (top, left) = range.start().unwrap_or((0, 0));
    let mut cells = Cells::new();
    for (row, column, data) in range.used_cells() {
        let at = (top.saturating_add(row as u32), left.saturating_add(column as u32));
        cells.entry(at.0).or_default().insert(at.1, value(data));
    }
    Ok(cells)
}

/// Unpacks every entry once without keeping it: what an archive says of its sizes is not to be believed.
fn check_unpacked(bytes: &[u8]) -> Result<(), StepError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken("xlsx", error))?;
    let mut left = UNPACKED_BYTES_MAX;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|error| broken("xlsx", error))?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink());
        left = left
            .checked_sub(unpacked.map_err(|error| broken("xlsx", error))?)
            .ok_or_else(|| resource(format!("the spreadsheet unpacks to more than {UNPACKED_BYTES_MAX} bytes")))?;
    }
    Ok(())
}

fn value(data: &Data) -> Value {
    match data {
        Data::Empty => Value::Null,
        Data::Int(number) => (*number).into(),
        Data::Float(number) => number_value(*number),
        Data::Bool(flag) => (*flag).into(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.as_str().into(),
        Data::Error(error) => error.to_string().into(),
        Data::DateTime(date) if date.is_duration() => number_value(date.as_f64()),
        Data::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            let text = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second) {
                (0, 0, 0) => text.into(),
                _ => format!("{text}T{hour:02}:{minute:02}:{second:02}").into(),
            }
        }
    }
}

/// Spreadsheets keep every number as a float; a whole one that is exact becomes an integer again.
fn number_value(number: f64) -> Value {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT_MAX {
        return (number as i64).into();
    }
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A dense table from the first used row and column on, made row by row: the rows between two far cells cost nothing.
fn table(mut cells: Cells) -> Result<impl Iterator<Item = Vec<Value>>, StepError> {
    let rows = cells.keys().next().copied().zip(cells.keys().next_back().copied());
    let left = cells.values().filter_map(|row| row.keys().next()).min().copied().unwrap_or(0);
    let right = cells.values().filter_map(|row| row.keys().next_back()).max().copied().unwrap_or(0);
    if right - left >= COLUMNS_MAX {
        return Err(resource(format!("the sheet spans more than {COLUMNS_MAX} columns")));
    }
    if rows.is_some_and(|(top, bottom)| bottom - top >= ROWS_MAX) {
        return Err(resource(format!("the sheet spans more than {ROWS_MAX} rows")));
    }
    let rows = rows.into_iter().flat_map(|(top, bottom)| top..=bottom);
    // An empty row is a row without cells; the reader of rows knows the width.
    Ok(rows.map(move |row| match cells.remove(&row) {
        Some(mut row) => (left..=right).map(|column| row.remove(&column).unwrap_or_default()).collect(),
        None => Vec::new(),
    }))
}
