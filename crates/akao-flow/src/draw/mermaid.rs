//! A workflow as a Mermaid flowchart. Graphs are subgraphs with an arrow for each need.

use super::{Options, card::Card, card::Kind, card::role};
use crate::{Definition, NodeDef, place::trees, printable::cut};
use akao_contract::{Address, NodeStatus};
use std::{collections::BTreeMap, fmt::Write as _};

/// Columns of the longest label line.
const LABEL_COLUMNS_MAX: usize = 48;

/// The flowchart's text, ready for a fenced `mermaid` block.
pub fn mermaid(definition: &Definition, options: &Options) -> String {
    let mut chart = Chart { statuses: options.status_by_place(), count: 0, text: String::from("flowchart TD\n") };
    for (name, root) in trees(definition) {
        match name {
            None => _ = chart.node(root, &Address::root(), 1, true),
            Some(name) => {
                let at = chart.next();
                chart.line(1, &format!("subgraph t{at}[\"tree {}\"]", escape(name)));
                chart.node(root, &Address::root(), 2, false);
                chart.line(1, "end");
            }
        }
    }
    for (class, style) in [
        ("composite", "fill:#eef2ff,stroke:#6366f1,color:#1e1b4b"),
        ("decorator", "fill:#faf5ff,stroke:#a855f7,color:#3b0764"),
        ("waiting", "fill:#fffbeb,stroke:#f59e0b,color:#451a03"),
        ("leaf", "fill:#f8fafc,stroke:#64748b,color:#0f172a"),
        ("package", "fill:#ecfeff,stroke:#0891b2,color:#083344"),
        ("success", "stroke:#16a34a,stroke-width:3px"),
        ("failure", "stroke:#dc2626,stroke-width:3px"),
        ("running", "stroke:#2563eb,stroke-width:3px"),
        ("skipped", "stroke-dasharray:4 4"),
        ("cancelled", "stroke:#d97706,stroke-dasharray:4 4"),
    ] {
        chart.line(1, &format!("classDef {class} {style}"));
    }
    chart.text
}

struct Chart {
    statuses: BTreeMap<Address, NodeStatus>,
    count: usize,
    text: String,
}

impl Chart {
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", depth * 2);
    }

    /// Writes the node and what is below it; returns its number.
    fn node(&mut self, node: &NodeDef, address: &Address, depth: usize, is_run: bool) -> usize {
        let at = self.next();
        let card = Card::of(node);
        let (open, close) = match card.kind {
            Kind::Composite => ("([\"", "\"])"),
            Kind::Decorator => ("{{\"", "\"}}"),
            Kind::Waiting => ("[/\"", "\"/]"),
            _ => ("[\"", "\"]"),
        };
        let status = self.statuses.get(address).filter(|_| is_run).map(|status| format!(":::{}", status.as_str()));
        self.line(depth, &format!("n{at}{open}{}{close}:::{}", label(&card), card.kind.name()));
        if let Some(status) = status {
            self.line(depth, &format!("n{at}{status}"));
        }
        if node.node_type == "Graph" && !node.children.is_empty() {
            self.graph(node, at, address, depth, is_run);
        } else {
            for (index, child) in node.children.iter().enumerate() {
                let to = self.node(child, &child_address(address, index), depth, is_run);
                let arrow = match role(node, index) {
                    Some(part) => format!("-- \"{}\" -->", escape(&part)),
                    None => "-->".to_owned(),
                };
                self.line(depth, &format!("n{at} {arrow} n{to}"));
            }
        }
        at
    }

    fn graph(&mut self, node: &NodeDef, at: usize, address: &Address, depth: usize, is_run: bool) {
        self.line(depth, &format!("subgraph g{at}[\" \"]"));
        self.line(depth + 1, "direction LR");
        let mut numbers = BTreeMap::new();
        let mut children = Vec::new();
        for (index, child) in node.children.iter().enumerate() {
            let number = self.node(child, &child_address(address, index), depth + 1, is_run);
            if let Some(id) = &child.id {
                numbers.entry(id.as_str()).or_insert(number);
            }
            children.push((number, child));
        }
        for (to, child) in children {
            for from in child.needs.iter().filter_map(|id| numbers.get(id.as_str())) {
                self.line(depth + 1, &format!("n{from} ==> n{to}"));
            }
        }
        self.line(depth, "end");
        self.line(depth, &format!("n{at} --- g{at}"));
    }
}

fn child_address(address: &Address, index: usize) -> Address {
    address.child(u32::try_from(index).unwrap_or(u32::MAX))
}

fn label(card: &Card) -> String {
    let mut lines = vec![format!("<b>{}</b>", escape(&card.title))];
    lines.extend(card.subtitle.as_deref().map(escape));
    if !card.badges.is_empty() {
        lines.push(format!("<i>{}</i>", escape(&card.badges.join(", "))));
    }
    if !card.summary.is_empty() {
        lines.push(format!("<small>{}</small>", escape(&card.summary)));
    }
    lines.join("<br/>")
}

/// Everything that Mermaid, its Markdown or HTML could read as more than text becomes a numeric entity.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in cut(&crate::printable::printable(text), LABEL_COLUMNS_MAX).chars() {
        match c {
            c if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '_' | '/' | '-' | '…' | '→') => {
                escaped.push(c)
            }
            c => _ = write!(escaped, "#{};", u32::from(c)),
        }
    }
    escaped
}
