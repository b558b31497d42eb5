//! Writing the tree back in one layout.

use super::order::Role;
use super::scalar;
use super::tree::{Entry, Kind, NodeId, Remark, Tree};
use crate::Catalogue;
use std::collections::BTreeSet;

/// Longest line of a collection in brackets.
const FLOW_WIDTH_MAX: usize = 100;

pub(super) fn emit(tree: &Tree, catalogue: &Catalogue) -> String {
    let mut emitter =
        Emitter { tree, catalogue, out: String::new(), fresh: true, keeps_ends: false, written: BTreeSet::new() };
    emitter.remarks(&tree.head, 0);
    let root = &tree.nodes[tree.root];
    if let Kind::Collection { entries, .. } = &root.kind {
        let is_bare = entries.iter().any(|entry| emitter.key_text(&tree.entries[*entry]) == Some("type"));
        if tree.blank_after_head {
            emitter.blank();
            emitter.fresh = true;
        }
        emitter.collection(tree.root, if is_bare { Role::Node } else { Role::Header }, 0);
    }
    emitter.remarks(&tree.foot, 0);
    emitter.out
}

struct Emitter<'t> {
    tree: &'t Tree,
    catalogue: &'t Catalogue,
    out: String,
    /// Nothing has been written into the current block, so no blank line may stand here.
    fresh: bool,
    /// The text before keeps all its line ends; a blank line would belong to it.
    keeps_ends: bool,
    /// Anchors whose content has been written.
    written: BTreeSet<usize>,
}

impl<'t> Emitter<'t> {
    fn blank(&mut self) {
        if !self.fresh && !self.keeps_ends && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.fresh = false;
        self.keeps_ends = false;
    }

    fn remarks(&mut self, remarks: &[Remark], indent: usize) {
        for remark in remarks {
            self.remark(remark, indent);
        }
    }

    fn remark(&mut self, remark: &Remark, indent: usize) {
        if remark.blank_before {
            self.blank();
        }
        self.indent(indent);
        self.out.push_str(&remark.text);
        self.out.push('\n');
    }

    fn end_line(&mut self, trailing: Option<&str>) {
        if let Some(comment) = trailing {
            self.out.push(' ');
            self.out.push_str(comment);
        }
        self.out.push('\n');
    }

    fn key_text(&self, entry: &Entry) -> Option<&'t str> {
        match &self.tree.nodes[entry.key?].kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries in their usual order.
    fn sorted(&self, node: NodeId, role: Role) -> Vec<&'t Entry> {
        let Kind::Collection { entries, .. } = &self.tree.nodes[node].kind else { return Vec::new() };
        let mut sorted: Vec<_> = entries.iter().map(|entry| &self.tree.entries[*entry]).collect();
        sorted.sort_by_key(|entry| self.key_text(entry).map_or(0, |key| role.rank(key)));
        sorted
    }

    /// The entries of a block collection, each on its own lines.
    fn collection(&mut self, node: NodeId, role: Role, indent: usize) {
        for entry in self.sorted(node, role) {
            self.entry(entry, role, indent);
        }
    }

    fn entry(&mut self, entry: &'t Entry, role: Role, indent: usize) {
        self.remarks(&entry.leading, indent);
        match self.key_text(entry) {
            Some(key) => {
                self.start_entry(entry, indent);
                self.pair(entry, key, role, indent);
            }
            None => self.item(entry, role, indent),
        }
        self.remarks(&entry.after, indent);
    }

    fn start_entry(&mut self, entry: &Entry, indent: usize) {
        if entry.blank_before {
            self.blank();
        }
        self.indent(indent);
    }

    fn pair(&mut self, entry: &'t Entry, key: &str, role: Role, indent: usize) {
        let style = match entry.key.map(|key| &self.tree.nodes[key].kind) {
            Some(Kind::Scalar { style, .. }) => *style,
            _ => saphyr_parser::ScalarStyle::Plain,
        };
        self.out.push_str(&scalar::key(key, style));
        self.out.push(':');
        let role = role.of_child(Some(key));
        if let Some(node) = self.lead_in(entry, role, indent) {
            self.end_line(entry.trailing.as_deref());
            self.fresh = true;
            self.collection(node, role, indent + 2);
        }
    }

    /// An item. The first pair of a mapping stands on the dash's line; comments above that pair move above the dash.
    fn item(&mut self, entry: &'t Entry, role: Role, indent: usize) {
        let role = role.of_child(None);
        let first = self.first_pair(entry, role, indent);
        if first.is_some()
            && let Some(text) = &entry.trailing
        {
            self.remark(&Remark { text: text.clone(), blank_before: false }, indent);
        }
        if let Some(pair) = first {
            self.remarks(&pair.leading, indent);
        }
        self.start_entry(entry, indent);
        self.out.push('-');
        let Some(node) = self.lead_in(entry, role, indent) else { return };
        let Some(pair) = first else {
            self.end_line(entry.trailing.as_deref());
            self.fresh = true;
            return self.collection(node, role, indent + 2);
        };
        self.out.push(' ');
        for pair_entry in self.sorted(node, role) {
            if std::ptr::eq(pair_entry, pair) {
                self.pair(pair, self.key_text(pair).unwrap_or_default(), role, indent + 2);
                self.remarks(&pair.after, indent + 2);
            } else {
                self.entry(pair_entry, role, indent + 2);
            }
        }
    }

    /// The pair that follows the dash, when the item is a block mapping without an anchor.
    fn first_pair(&self, entry: &Entry, role: Role, indent: usize) -> Option<&'t Entry> {
        let node = &self.tree.nodes[entry.value];
        let Kind::Collection { mapping: true, .. } = node.kind else { return None };
        // What stands behind `- ` in brackets must fit there, not only by itself.
        let width = FLOW_WIDTH_MAX.saturating_sub(indent + 2);
        if self.tree.anchors.contains_key(&node.anchor) || self.flow_text(entry.value, role, width).is_some() {
            return None;
        }
        self.sorted(entry.value, role).first().copied()
    }

    /// Writes what stands on the line of the key or dash. Gives back the block collection that is still to be written.
    fn lead_in(&mut self, entry: &'t Entry, role: Role, indent: usize) -> Option<NodeId> {
        let mut id = entry.value;
        if let Kind::Alias(anchor) = self.tree.nodes[id].kind
            && let Some((target, name)) = self.tree.anchors.get(&anchor)
        {
            if self.written.contains(&anchor) {
                self.out.push_str(&format!(" *{name}"));
                self.end_line(entry.trailing.as_deref());
                return None;
            }
            id = *target;
        }
        let node = &self.tree.nodes[id];
        if let Some((_, name)) = self.tree.anchors.get(&node.anchor) {
            if !self.written.insert(node.anchor) {
                self.out.push_str(&format!(" *{name}"));
                self.end_line(entry.trailing.as_deref());
                return None;
            }
            self.out.push_str(&format!(" &{name}"));
        }
        match &node.kind {
            Kind::Scalar { text, style } => {
                self.scalar(text, *style, role, entry, indent);
                None
            }
            Kind::Alias(_) => None,
            Kind::Collection { .. } => {
                let column = self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1);
                match self.flow_text(id, role, FLOW_WIDTH_MAX.saturating_sub(column + 1)) {
                    Some(text) => {
                        self.out.push(' ');
                        self.out.push_str(&text);
                        self.end_line(entry.trailing.as_deref());
                        None
                    }
                    None => Some(id),
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, style: saphyr_parser::ScalarStyle, role: Role, entry: &Entry, indent: usize) {
        self.out.push(' ');
        match scalar::block(text, style, indent + 2) {
            Some((header, lines)) => {
                self.out.push_str(&header);
                self.end_line(entry.trailing.as_deref());
                for line in lines {
                    if !line.is_empty() {
                        self.indent(indent + 2);
                        self.out.push_str(&line);
                    }
                    self.out.push('\n');
                }
                self.keeps_ends = header.ends_with('+');
            }
            None => {
                self.out.push_str(&self.inline(text, style, role));
                self.end_line(entry.trailing.as_deref());
            }
        }
    }

    fn inline(&self, text: &str, style: saphyr_parser::ScalarStyle, role: Role) -> String {
        match role {
            Role::TypeName => scalar::key(self.catalogue.get(text).map_or(text, |known| known.name.as_str()), style),
            _ => scalar::inline(text, style),
        }
    }

    /// A collection in brackets, if the author wrote it so and it fits. Empty collections have no other form.
    fn flow_text(&self, node: NodeId, role: Role, width: usize) -> Option<String> {
        let Kind::Collection { mapping, flow, entries } = &self.tree.nodes[node].kind else { return None };
        if entries.is_empty() {
            return Some(if *mapping { "{}" } else { "[]" }.to_owned());
        }
        if !flow {
            return None;
        }
        let mut parts = Vec::with_capacity(entries.len());
        let mut length = 4;
        for entry in self.sorted(node, role) {
            let has_comment = !entry.leading.is_empty() || entry.trailing.is_some() || !entry.after.is_empty();
            let value = &self.tree.nodes[entry.value];
            if has_comment || self.tree.anchors.contains_key(&value.anchor) {
                return None;
            }
            let key = self.key_text(entry);
            let role = role.of_child(key);
            let text = match &value.kind {
                Kind::Scalar { text, style } => self.inline(text, *style, role),
                Kind::Alias(_) => return None,
                Kind::Collection { .. } => self.flow_text(entry.value, role, width)?,
            };
            let style = match entry.key.map(|key| &self.tree.nodes[key].kind) {
                Some(Kind::Scalar { style, .. }) => *style,
                _ => saphyr_parser::ScalarStyle::Plain,
            };
            let part = key.map_or_else(|| text.clone(), |key| format!("{}: {text}", scalar::key(key, style)));
            length += part.chars().count() + 2;
            if length > width + 2 {
                return None;
            }
            parts.push(part);
        }
        let joined = parts.join(", ");
        Some(if *mapping { format!("{{ {joined} }}") } else { format!("[{joined}]") })
    }
}
