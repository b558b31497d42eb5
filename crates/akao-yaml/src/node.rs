//! The tree that a text is read into: values that know where they stand.

use serde_json::{Map, Number};
use std::fmt;

/// A place in a text, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How a string was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'` or `"`.
    Quoted,
    /// A block after `|` or `>`.
    Block,
    /// Without quotes or in quotes, and going on in further lines.
    Folded,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first character; for a string in quotes the quote.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// A value of YAML's core schema, as far as JSON has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// A text and how it was written.
    String(String, Style),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text; no key occurs twice.
    Mapping(Vec<Entry>),
}

/// The key of a mapping and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key as it was written, without quotes.
    pub text: String,
    /// Its first character.
    pub position: Position,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The plain value, without places. Recursion is bounded by the budget's depth.
    pub fn into_value(self) -> serde_json::Value {
        match self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(bool) => serde_json::Value::Bool(bool),
            Value::Number(number) => serde_json::Value::Number(number),
            Value::String(text, _) => serde_json::Value::String(text),
            Value::Sequence(items) => serde_json::Value::Array(items.into_iter().map(Self::into_value).collect()),
            Value::Mapping(entries) => serde_json::Value::Object(into_map(entries)),
        }
    }

    /// A copy of the plain value.
    pub fn to_value(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(bool) => serde_json::Value::Bool(*bool),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text, _) => serde_json::Value::String(text.clone()),
            Value::Sequence(items) => serde_json::Value::Array(items.iter().map(Self::to_value).collect()),
            Value::Mapping(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for Entry { key, node } in entries {
                    map.insert(key.text.clone(), node.to_value());
                }
                serde_json::Value::Object(map)
            }
        }
    }

    /// The value under a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key.text == key).map(|entry| &entry.node)
    }

    /// The entries, if this is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text, _) => Some(text),
            _ => None,
        }
    }

    /// What a reader would call the value: `a mapping`, `a list`, `text`, `a number`, `true or false`, `nothing`.
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(..) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

fn into_map(entries: Vec<Entry>) -> Map<String, serde_json::Value> {
    let mut map = Map::with_capacity(entries.len());
    for Entry { key, node } in entries {
        map.insert(key.text, node.into_value());
    }
    map
}
