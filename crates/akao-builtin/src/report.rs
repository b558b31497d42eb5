//! Turns nested data into a document that people read: headings, facts, tables and lists. How a document is written
//! down is in the modules below; this one only decides what becomes what.
//!
//! - An object: its plain values become a table of facts, everything else a section of its own.
//! - An object of flat objects, such as results per group, becomes a table with the keys in front.
//! - A list of objects becomes a table, as long as the objects share a bounded set of keys.
//! - A list of plain values becomes a list of points; any other list a section for each element.

mod html;
mod markdown;
mod text;

pub(crate) use html::write as html;
pub(crate) use markdown::write as markdown;
pub(crate) use text::write as text;

use crate::text::display;
use indexmap::IndexSet;
use serde_json::{Map, Value};

/// Most columns of a table; objects with more keys together become sections.
const COLUMNS_MAX: usize = 24;

/// A document: its title and what follows.
pub(crate) struct Document<'a> {
    title: &'a str,
    blocks: Vec<Block>,
}

/// A part of a document.
enum Block {
    /// A heading, from level 1 below the title.
    Heading(usize, String),
    /// A paragraph.
    Paragraph(Cell),
    /// Names with their values.
    Facts(Vec<(String, Cell)>),
    /// Rows under named columns.
    Table { columns: Vec<String>, rows: Vec<Vec<Cell>> },
    /// Points.
    Points(Vec<Cell>),
}

/// A value small enough to stand in one place.
struct Cell {
    text: String,
    kind: CellKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    /// Text of the data.
    Text,
    /// A number, set to the right.
    Number,
    /// A list or an object inside a cell, as JSON.
    Code,
    /// Nothing: null, an absent key, an empty list.
    Nothing,
}

impl<'a> Document<'a> {
    /// The document of a value. The value's depth has been checked.
    pub(crate) fn of(title: &'a str, data: &Value) -> Self {
        let mut document = Self { title, blocks: vec![] };
        document.add(data, 1);
        document
    }

    fn add(&mut self, value: &Value, level: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => self.object(map, level),
            Value::Array(items) if !items.is_empty() => self.list(items, level),
            plain => self.blocks.push(Block::Paragraph(cell(plain))),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, level: usize) {
        if let Some(table) = keyed_table(map) {
            self.blocks.push(table);
            return;
        }
        let facts: Vec<_> =
            map.iter().filter(|(_, value)| is_plain(value)).map(|(key, value)| (key.clone(), cell(value))).collect();
        if !facts.is_empty() {
            self.blocks.push(Block::Facts(facts));
        }
        for (key, value) in map.iter().filter(|(_, value)| !is_plain(value)) {
            self.blocks.push(Block::Heading(level, key.clone()));
            self.add(value, level + 1);
        }
    }

    fn list(&mut self, items: &[Value], level: usize) {
        if items.iter().all(is_plain) {
            self.blocks.push(Block::Points(items.iter().map(cell).collect()));
            return;
        }
        if let Some(columns) = columns(items) {
            let rows = items.iter().map(|item| row(&columns, item)).collect();
            self.blocks.push(Block::Table { columns: columns.into_iter().collect(), rows });
            return;
        }
        for (index, item) in items.iter().enumerate() {
            self.blocks.push(Block::Heading(level, (index + 1).to_string()));
            self.add(item, level + 1);
        }
    }
}

fn row(columns: &IndexSet<String>, item: &Value) -> Vec<Cell> {
    columns.iter().map(|column| item.get(column.as_str()).map_or_else(nothing, cell)).collect()
}

/// A table of an object's entries, when there are several and each is an object of plain values.
fn keyed_table(map: &Map<String, Value>) -> Option<Block> {
    let flat = |value: &Value| value.as_object().is_some_and(|entry| !entry.is_empty() && entry.values().all(is_plain));
    if map.len() < 2 || !map.values().all(flat) {
        return None;
    }
    let columns = columns(map.values())?;
    let keyed = |(key, entry): (&String, &Value)| {
        let key = Cell { text: key.clone(), kind: CellKind::Text };
        std::iter::once(key).chain(row(&columns, entry)).collect()
    };
    let rows = map.iter().map(keyed).collect();
    Some(Block::Table { columns: std::iter::once(String::new()).chain(columns).collect(), rows })
}

/// The keys of objects in the order of their first appearance, when a table can hold them.
fn columns<'v>(items: impl IntoIterator<Item = &'v Value>) -> Option<IndexSet<String>> {
    let mut columns = IndexSet::new();
    for item in items {
        for key in item.as_object()?.keys() {
            if !columns.contains(key) {
                columns.insert(key.clone());
            }
        }
        if columns.len() > COLUMNS_MAX {
            return None;
        }
    }
    (!columns.is_empty()).then_some(columns)
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    }
}

fn cell(value: &Value) -> Cell {
    let kind = match value {
        Value::Null => return nothing(),
        plain if is_plain(plain) && !matches!(plain, Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            return nothing();
        }
        Value::Number(_) => CellKind::Number,
        Value::Array(_) | Value::Object(_) => CellKind::Code,
        _ => CellKind::Text,
    };
    Cell { text: display(value), kind }
}

fn nothing() -> Cell {
    Cell { text: String::new(), kind: CellKind::Nothing }
}

/// Whether a column holds numbers, so that it is set to the right.
fn is_numeric(rows: &[Vec<Cell>], column: usize) -> bool {
    let mut cells =
        rows.iter().filter_map(|row| row.get(column)).filter(|cell| cell.kind != CellKind::Nothing).peekable();
    cells.peek().is_some() && cells.all(|cell| cell.kind == CellKind::Number)
}
