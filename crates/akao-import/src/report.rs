//! What became of each node of the source: the part of an import that people read before they trust the result.

use crate::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What became of something in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Means the same as before.
    Exact,
    /// Runs, and differs in the way that the note says.
    Approximated,
    /// Has no counterpart: a node that logs what is missing and fails stands in its place.
    Placeholder,
    /// Has another name now.
    Renamed,
    /// Is not in the result.
    Dropped,
}

impl Verdict {
    /// Every verdict, in the order in which reports count them.
    pub const ALL: [Self; 5] = [Self::Exact, Self::Approximated, Self::Placeholder, Self::Renamed, Self::Dropped];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximated => "approximated",
            Self::Placeholder => "placeholder",
            Self::Renamed => "renamed",
            Self::Dropped => "dropped",
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where in the source: `#Main/0/1` in XML, `root.children[1]`, `nodes[2]` or `stages[0].outputs[1]` in YAML.
    pub path: String,
    /// Line in the source, counted from 1; absent where the source gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The node (or the part of the header) as the source calls it.
    pub node: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What differs and why; empty for what is exact.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What became of everything in the source, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the source, as the caller gave it.
    pub source: String,
    /// The dialect that was read.
    pub dialect: Dialect,
    /// One item for each node, plus one for each thing renamed or dropped.
    pub items: Vec<Item>,
}

/// A place in the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) line: Option<u32>,
}

impl Place {
    pub(crate) fn new(path: impl Into<String>, line: Option<u32>) -> Self {
        Self { path: path.into(), line }
    }
}

/// The place of a node's own line in the report; its verdict is known once its children have been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot(usize);

impl Report {
    pub(crate) fn new(source: &str, dialect: Dialect) -> Self {
        Self { source: source.to_owned(), dialect, items: Vec::new() }
    }

    /// How many items carry `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.items.iter().filter(|item| item.verdict == verdict).count()
    }

    /// Whether the result can succeed: nothing was left as a failing placeholder.
    pub fn is_runnable(&self) -> bool {
        self.count(Verdict::Placeholder) == 0
    }

    pub(crate) fn add(&mut self, place: &Place, node: &str, verdict: Verdict, note: impl Into<String>) {
        let (path, line) = (place.path.clone(), place.line);
        self.items.push(Item { path, line, node: node.to_owned(), verdict, note: note.into() });
    }

    /// Reserves the line of a node, so that it stands before the lines of its children.
    pub(crate) fn open(&mut self, place: &Place, node: &str) -> Slot {
        self.add(place, node, Verdict::Exact, "");
        Slot(self.items.len() - 1)
    }

    /// Settles a reserved line: exact without notes, approximated with them.
    pub(crate) fn close(&mut self, slot: Slot, notes: &[String]) {
        let verdict = if notes.is_empty() { Verdict::Exact } else { Verdict::Approximated };
        let mut distinct: Vec<&str> = Vec::new();
        for note in notes {
            if !distinct.contains(&note.as_str()) {
                distinct.push(note);
            }
        }
        self.settle(slot, verdict, distinct.join("; "));
    }

    pub(crate) fn settle(&mut self, slot: Slot, verdict: Verdict, note: String) {
        if let Some(item) = self.items.get_mut(slot.0) {
            item.verdict = verdict;
            item.note = note;
        }
    }

    /// The report for people: a line of counts, then everything that is not exact.
    pub fn to_text(&self) -> String {
        let counts: Vec<String> =
            Verdict::ALL.iter().map(|verdict| format!("{} {}", self.count(*verdict), verdict.as_str())).collect();
        let mut text = format!("{} ({}): {}\n", self.source, self.dialect.title(), counts.join(", "));
        for item in self.items.iter().filter(|item| item.verdict != Verdict::Exact) {
            let line = item.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let path = if item.path.is_empty() { String::new() } else { format!("{} ", item.path) };
            let _ = writeln!(text, "  {:<12} {line}{path}{}: {}", item.verdict.as_str(), item.node, item.note);
        }
        text
    }

    /// The report for programs: `{source, dialect, counts, items}`.
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            Verdict::ALL.iter().map(|v| (v.as_str().to_owned(), self.count(*v).into())).collect();
        json!({ "source": self.source, "dialect": self.dialect, "counts": counts, "items": self.items })
    }
}
