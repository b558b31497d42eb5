//! A workflow as an indented tree for the terminal. Children of a graph show what they need.

use super::{Options, card::Card, card::role};
use crate::{
    Definition, NodeDef,
    place::trees,
    printable::{columns, cut, printable},
};
use akao_contract::{Address, NodeStatus};
use std::collections::BTreeMap;

/// Fewest columns a line is cut to, however narrow the terminal is.
const WIDTH_MIN: usize = 20;

/// The workflow's trees, one node a line, each line within `options.width` columns.
pub fn terminal(definition: &Definition, options: &Options) -> String {
    let mut page =
        Page { options, statuses: options.status_by_place(), width: options.width.max(WIDTH_MIN), text: String::new() };
    let title = definition.name.as_ref().map(|name| format!(" - {name}")).unwrap_or_default();
    page.spans(&[("1", printable(&format!("{} {}", definition.id, definition.version))), ("", printable(&title))]);
    for (name, root) in trees(definition) {
        if let Some(name) = name {
            page.text.push('\n');
            page.spans(&[("1", format!("tree {}", printable(name)))]);
        }
        page.node(root, None, &Address::root(), "", "", name.is_none());
    }
    page.text
}

struct Page<'o> {
    options: &'o Options,
    statuses: BTreeMap<Address, NodeStatus>,
    width: usize,
    text: String,
}

impl Page<'_> {
    /// One node and what is below it. `first` stands before its own line, `rest` before its children's.
    fn node(&mut self, node: &NodeDef, part: Option<String>, address: &Address, first: &str, rest: &str, is_run: bool) {
        let card = Card::of(node);
        let mut spans = vec![("2", first.to_owned())];
        if let Some(status) = self.statuses.get(address).filter(|_| is_run) {
            spans.push((status_color(*status), format!("{} ", self.sign(*status))));
        }
        if let Some(part) = part {
            spans.push(("35", format!("{part}: ")));
        }
        spans.push(("1", card.title));
        if let Some(subtitle) = card.subtitle {
            spans.push(("36", format!(" {subtitle}")));
        }
        if !node.needs.is_empty() {
            let arrow = if self.options.unicode { "←" } else { "<-" };
            spans.push(("33", format!(" {arrow} {}", printable(&node.needs.join(", ")))));
        }
        if !card.badges.is_empty() {
            spans.push(("33", format!(" ({})", card.badges.join(", "))));
        }
        if !card.summary.is_empty() {
            let summary = if self.options.unicode { card.summary } else { card.summary.replace('→', "->") };
            spans.push(("2", format!("  {summary}")));
        }
        self.spans(&spans);
        let (fork, last, through) =
            if self.options.unicode { ("├─ ", "└─ ", "│  ") } else { ("|- ", "`- ", "|  ") };
        for (index, child) in node.children.iter().enumerate() {
            let ends = index + 1 == node.children.len();
            let first = format!("{rest}{}", if ends { last } else { fork });
            let below = format!("{rest}{}", if ends { "   " } else { through });
            let address = address.child(u32::try_from(index).unwrap_or(u32::MAX));
            self.node(child, role(node, index), &address, &first, &below, is_run);
        }
    }

    /// One line of coloured pieces, cut at the width.
    fn spans(&mut self, spans: &[(&str, String)]) {
        let mut left = self.width;
        for (color, text) in spans {
            let shown = if self.options.unicode { cut(text, left) } else { cut(text, left).replace('…', "~") };
            if self.options.color && !color.is_empty() && !shown.is_empty() {
                self.text.push_str(&format!("\u{1b}[{color}m{shown}\u{1b}[0m"));
            } else {
                self.text.push_str(&shown);
            }
            let was_cut = columns(text) > left;
            left = left.saturating_sub(columns(&shown));
            if was_cut || left == 0 {
                break;
            }
        }
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.text.push('\n');
    }

    fn sign(&self, status: NodeStatus) -> &'static str {
        let signs = match status {
            NodeStatus::Running => ("●", "*"),
            NodeStatus::Success => ("✓", "+"),
            NodeStatus::Failure => ("✗", "x"),
            NodeStatus::Skipped => ("○", "o"),
            NodeStatus::Cancelled => ("■", "#"),
        };
        if self.options.unicode { signs.0 } else { signs.1 }
    }
}

fn status_color(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Running => "34",
        NodeStatus::Success => "32",
        NodeStatus::Failure => "31",
        NodeStatus::Skipped => "2",
        NodeStatus::Cancelled => "33",
    }
}
