//! Where the parts of a definition stand in its text.

use crate::Position;
use akao_document::{OwnedStep, Path, Step, parse_path};
use akao_yaml::{Entry, Node, Value};
use std::collections::BTreeMap;

/// The places of everything in a document, looked up by path.
///
/// The tree that the text was read into is kept as it is; a place is found by walking down, so that a file without
/// problems pays nothing for the possibility of asking.
#[derive(Debug, Clone)]
pub struct Positions {
    document: Node,
    bare: bool,
    /// Where the keys of large mappings at the top stand (`trees`, `inputs`, `outputs`), which are looked up one by one.
    index: BTreeMap<String, BTreeMap<String, usize>>,
}

/// Entries of a mapping that are looked through without an index.
const UNINDEXED_ENTRIES_MAX: usize = 32;

/// Where a key and its value stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The key; for an item of a list and for the document the same as `value`.
    pub key: Position,
    /// The value; for a text in quotes the quote.
    pub value: Position,
}

impl Positions {
    pub(crate) fn new(document: Node, bare: bool) -> Self {
        let mut index = BTreeMap::new();
        for entry in document.entries().unwrap_or_default() {
            let below = entry.node.entries().unwrap_or_default();
            if below.len() > UNINDEXED_ENTRIES_MAX {
                let places = (0..).zip(below).map(|(at, entry)| (entry.key.text.clone(), at)).collect();
                index.insert(entry.key.text.clone(), places);
            }
        }
        Self { document, bare, index }
    }

    fn entry<'n>(&self, entries: &'n [Entry], above: Option<&Step<'_>>, key: &str) -> Option<&'n Entry> {
        match above {
            Some(Step::Key(top)) if self.index.contains_key(*top) => entries.get(*self.index[*top].get(key)?),
            _ => entries.iter().find(|entry| entry.key.text == key),
        }
    }

    /// The place of a path such as `root.children[1].props.url`. In a bare tree `root` is the document.
    pub fn find(&self, path: &str) -> Option<Location> {
        let steps = parse_path(path)?;
        let steps: Vec<Step<'_>> = steps.iter().map(OwnedStep::as_step).collect();
        let (place, _, found) = self.walk(&steps);
        found.then_some(place)
    }

    /// The place of a path, or of the nearest thing above it that exists.
    pub(crate) fn nearest(&self, path: &Path<'_>) -> Location {
        self.walk(&path.steps()).0
    }

    /// The place of a character within a text, if the text is written on one line.
    pub(crate) fn within(&self, path: &Path<'_>, characters: usize) -> Position {
        let (place, node, _) = self.walk(&path.steps());
        let quote = match &node.value {
            Value::String(_, akao_yaml::Style::Plain) => 0,
            Value::String(text, akao_yaml::Style::Quoted) if !text.contains('\n') => 1,
            _ => return place.value,
        };
        let offset = u32::try_from(characters).unwrap_or(0) + quote;
        Position { line: place.value.line, column: place.value.column.saturating_add(offset) }
    }

    /// What stands at a path (`a list`, `a mapping`, …); none when nothing does.
    pub(crate) fn kind(&self, path: &Path<'_>) -> Option<&'static str> {
        let (_, node, found) = self.walk(&path.steps());
        found.then(|| node.kind_name())
    }

    fn walk(&self, steps: &[Step<'_>]) -> (Location, &Node, bool) {
        let mut node = &self.document;
        let mut place = both(node.position);
        let steps = match steps {
            [Step::Key("root"), below @ ..] if self.bare => below,
            steps => steps,
        };
        for (at, step) in steps.iter().enumerate() {
            match (step, &node.value) {
                (Step::Key(key), Value::Mapping(entries)) => {
                    let above = if at == 1 && !self.bare { steps.first() } else { None };
                    let Some(entry) = self.entry(entries, above, key) else {
                        return (place, node, false);
                    };
                    node = &entry.node;
                    place = Location { key: entry.key.position.into(), value: node.position.into() };
                }
                (Step::Index(index), Value::Sequence(items)) if *index < items.len() => {
                    node = &items[*index];
                    place = both(node.position);
                }
                _ => return (place, node, false),
            }
        }
        (place, node, true)
    }
}

fn both(position: akao_yaml::Position) -> Location {
    Location { key: position.into(), value: position.into() }
}
