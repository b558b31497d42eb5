//! A difference as text for a terminal.

use super::{Change, Difference, NodeChange, NodeDifference, NodeRef, lines::Line, lines::line_difference};
use crate::printable::{cut, printable};
use serde_json::Value;
use std::fmt::Write as _;

/// Columns that one value may take.
const VALUE_COLUMNS_MAX: usize = 72;

/// Unchanged lines shown around changed ones in a text.
const CONTEXT_LINES: usize = 2;

/// What the colours mean; the signs say the same.
#[derive(Clone, Copy)]
enum Tone {
    Added,
    Removed,
    Changed,
    Moved,
    Faint,
    Strong,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Added => "32",
            Self::Removed => "31",
            Self::Changed => "33",
            Self::Moved => "36",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

pub(super) fn render(difference: &Difference, color: bool) -> String {
    let mut page = Page { text: String::new(), color };
    page.title(difference);
    if !difference.header.is_empty() {
        page.line(0, &page.paint(Tone::Strong, "workflow"));
        for change in &difference.header {
            page.change(change);
        }
        page.text.push('\n');
    }
    for (names, sign, tone) in
        [(&difference.trees_added, '+', Tone::Added), (&difference.trees_removed, '-', Tone::Removed)]
    {
        for name in names {
            page.line(0, &page.paint(tone, &format!("{sign} tree {}", printable(name))));
            page.text.push('\n');
        }
    }
    for node in &difference.nodes {
        page.node(node);
    }
    let length = page.text.trim_end().len();
    page.text.truncate(length);
    page.text.push('\n');
    page.text
}

struct Page {
    text: String,
    color: bool,
}

impl Page {
    fn paint(&self, tone: Tone, text: &str) -> String {
        match self.color {
            true => format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()),
            false => text.to_owned(),
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn title(&mut self, difference: &Difference) {
        let (before, after) = (&difference.before, &difference.after);
        let named = |id: &str, version: &str| printable(&format!("{id} {version}"));
        let title = match before.id == after.id {
            true if before.version == after.version => named(&before.id, &before.version),
            true => format!("{} → {}", named(&before.id, &before.version), printable(&after.version)),
            false => format!("{} → {}", named(&before.id, &before.version), named(&after.id, &after.version)),
        };
        if difference.is_empty() {
            return self.line(0, &format!("{title}: no difference"));
        }
        let summary = difference.summary();
        let counts: Vec<_> = [
            (summary.added, "added"),
            (summary.removed, "removed"),
            (summary.moved, "moved"),
            (summary.changed, "changed"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
        let counts =
            if counts.is_empty() { "no node differs".to_owned() } else { format!("nodes: {}", counts.join(", ")) };
        self.line(0, &format!("{} ({counts})", self.paint(Tone::Strong, &title)));
        self.text.push('\n');
    }

    fn node(&mut self, node: &NodeDifference) {
        let (sign, tone) = match node.change {
            NodeChange::Added => ('+', Tone::Added),
            NodeChange::Removed => ('-', Tone::Removed),
            NodeChange::Changed if node.moved => ('>', Tone::Moved),
            NodeChange::Changed => ('~', Tone::Changed),
        };
        let Some(shown) = node.after.as_ref().or(node.before.as_ref()) else { return };
        let place = match (&node.before, &node.after) {
            (Some(before), Some(after)) if before.place != after.place => {
                format!("{} → {}", printable(&before.place.to_string()), printable(&after.place.to_string()))
            }
            _ => printable(&shown.place.to_string()),
        };
        let mut what = String::new();
        if node.moved {
            what.push_str("  moved");
        }
        self.line(0, &format!("{} {}{what}", self.paint(tone, &format!("{sign} {place}")), label(shown)));
        if let (Some(before), Some(after)) = (&node.before, &node.after) {
            self.identity(node, before, after);
        }
        for change in &node.changes {
            self.change(change);
        }
        self.text.push('\n');
    }

    fn identity(&mut self, node: &NodeDifference, before: &NodeRef, after: &NodeRef) {
        let pair = |path: &str, before: Option<&str>, after: Option<&str>| Change {
            path: path.to_owned(),
            before: before.map(Value::from),
            after: after.map(Value::from),
        };
        if node.renamed {
            self.change(&pair("/id", before.id.as_deref(), after.id.as_deref()));
        }
        if node.retyped {
            self.change(&pair("/type", Some(&before.node_type), Some(&after.node_type)));
        }
    }

    fn change(&mut self, change: &Change) {
        let path = dotted(&change.path);
        match (&change.before, &change.after) {
            (Some(Value::String(before)), Some(Value::String(after)))
                if before.contains('\n') || after.contains('\n') =>
            {
                self.line(4, &format!("{} {path}:", self.paint(Tone::Changed, "~")));
                self.lines(before, after);
            }
            (Some(before), Some(after)) => {
                let (before, after) = (brief(before), brief(after));
                self.line(4, &format!("{} {path}: {before} → {after}", self.paint(Tone::Changed, "~")));
            }
            (None, Some(after)) => {
                self.line(4, &format!("{} {path}: {}", self.paint(Tone::Added, "+"), brief(after)));
            }
            (Some(before), None) => {
                self.line(4, &format!("{} {path}: {}", self.paint(Tone::Removed, "-"), brief(before)));
            }
            (None, None) => {}
        }
    }

    fn lines(&mut self, before: &str, after: &str) {
        let lines = line_difference(before, after);
        let changed = |at: usize| !matches!(lines.get(at), None | Some(Line::Same(_)));
        let mut hidden = false;
        for (at, line) in lines.iter().enumerate() {
            let near = (at.saturating_sub(CONTEXT_LINES)..=at + CONTEXT_LINES).any(changed);
            if !near {
                hidden = true;
                continue;
            }
            if std::mem::take(&mut hidden) {
                self.line(8, &self.paint(Tone::Faint, "…"));
            }
            let shown = match line {
                Line::Same(line) => format!("  {}", printable(line)),
                Line::Removed(line) => self.paint(Tone::Removed, &format!("- {}", printable(line))),
                Line::Added(line) => self.paint(Tone::Added, &format!("+ {}", printable(line))),
            };
            self.line(8, shown.trim_end());
        }
        if lines.iter().all(|line| matches!(line, Line::Same(_))) {
            self.line(8, &self.paint(Tone::Faint, "only the last line end differs"));
        }
    }
}

/// `fetch (HttpRequest)`, or the type alone.
fn label(node: &NodeRef) -> String {
    match &node.id {
        Some(id) => format!("{} ({})", printable(id), printable(&node.node_type)),
        None => printable(&node.node_type),
    }
}

/// A JSON pointer as people write paths: `props.items[0].url`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() && !path.is_empty() {
            true => _ = write!(path, "[{part}]"),
            false if path.is_empty() => path.push_str(&part),
            false => _ = write!(path, ".{part}"),
        }
    }
    printable(&path)
}

fn brief(value: &Value) -> String {
    cut(&printable(&value.to_string()), VALUE_COLUMNS_MAX)
}
