//! The semantic difference of two versions of a workflow: which nodes came, went, moved or changed, and how.
//!
//! Text is not compared; definitions are. Nodes are matched by id, then by what they do and where they stand, so a moved
//! node is never reported as removed and added. An address that shifts only because a sibling came or went is not a move.
//! A difference is empty exactly when both definitions have the same content hash.

mod change;
mod flat;
mod lines;
mod matching;
mod text;

#[cfg(test)]
mod tests;

use crate::{Definition, Place, content_hash, hash::to_value};
use akao_contract::Digest;
pub use change::Change;
use flat::{Flat, FlatNode};
use matching::Matching;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What differs between two definitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The version that is compared from.
    pub before: Version,
    /// The version that is compared to.
    pub after: Version,
    /// What differs outside the trees: inputs, outputs, settings, name, version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<Change>,
    /// Names of trees that only the later version has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trees_added: Vec<String>,
    /// Names of trees that only the earlier version has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trees_removed: Vec<String>,
    /// Nodes that differ, in the order of the later version; a removed node follows what it stood behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeDifference>,
}

/// One of the two compared versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The workflow's id.
    pub id: String,
    /// Its semantic version.
    pub version: String,
    /// The content hash without a lock.
    pub hash: Digest,
}

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// Only the later version has it.
    Added,
    /// Only the earlier version has it.
    Removed,
    /// Both have it; it moved, was renamed or its fields differ.
    Changed,
}

/// One node that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeDifference {
    /// What happened.
    pub change: NodeChange,
    /// The node in the earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<NodeRef>,
    /// The node in the later version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<NodeRef>,
    /// It has another parent or another order among its siblings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// Its id differs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renamed: bool,
    /// Its type differs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retyped: bool,
    /// Other fields, as JSON pointers within the node (`/props/url`, `/retry/attempts`). For a node that came or went
    /// these are all of its fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A node as one version has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRef {
    /// Where it stands.
    pub place: Place,
    /// The author's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub node_type: String,
}

/// How many nodes differ in which way. A node that moved and changed counts in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Nodes only in the later version.
    pub added: usize,
    /// Nodes only in the earlier version.
    pub removed: usize,
    /// Nodes with another parent or order.
    pub moved: usize,
    /// Nodes whose id, type or fields differ.
    pub changed: usize,
}

impl Difference {
    /// Whether both definitions mean the same.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty() && self.trees_added.is_empty() && self.trees_removed.is_empty() && self.nodes.is_empty()
    }

    /// The counts of [`Difference::nodes`].
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for node in &self.nodes {
            match node.change {
                NodeChange::Added => summary.added += 1,
                NodeChange::Removed => summary.removed += 1,
                NodeChange::Changed => {
                    summary.moved += usize::from(node.moved);
                    summary.changed += usize::from(node.renamed || node.retyped || !node.changes.is_empty());
                }
            }
        }
        summary
    }

    /// The difference for a terminal, grouped by node. With `color` the signs and paths carry ANSI colours; the text says
    /// the same without them.
    pub fn to_text(&self, color: bool) -> String {
        text::render(self, color)
    }
}

/// Compares two definitions. The time is about n log n in the number of nodes.
pub fn diff(before: &Definition, after: &Definition) -> Difference {
    let (old, new) = (Flat::of(before), Flat::of(after));
    let matching = Matching::of(&old, &new);
    let tree_names = |from: &Definition, other: &Definition| {
        from.trees.keys().filter(|name| !other.trees.contains_key(*name)).cloned().collect()
    };
    Difference {
        before: version_of(before),
        after: version_of(after),
        header: change::changes(&header_of(before), &header_of(after)),
        trees_added: tree_names(after, before),
        trees_removed: tree_names(before, after),
        nodes: node_differences(&old, &new, &matching),
    }
}

fn version_of(definition: &Definition) -> Version {
    Version { id: definition.id.clone(), version: definition.version.clone(), hash: content_hash(definition, None) }
}

/// Everything of a definition but its trees.
fn header_of(definition: &Definition) -> serde_json::Value {
    to_value(&Definition {
        akao: definition.akao,
        id: definition.id.clone(),
        version: definition.version.clone(),
        name: definition.name.clone(),
        description: definition.description.clone(),
        inputs: definition.inputs.clone(),
        outputs: definition.outputs.clone(),
        settings: definition.settings.clone(),
        trees: indexmap::IndexMap::new(),
        root: crate::NodeDef::default(),
    })
}

fn node_differences(old: &Flat, new: &Flat, matching: &Matching) -> Vec<NodeDifference> {
    let moved = matching.moved(old, new);
    let mut removed_behind = removed_by_anchor(old, matching);
    let mut nodes = removed_behind.remove(&None).unwrap_or_default();
    for (at, node) in new.nodes.iter().enumerate() {
        match matching.before_of(at) {
            Some(from) => nodes.extend(compare(&old.nodes[from], node, moved[at])),
            None => nodes.push(one_sided(NodeChange::Added, node)),
        }
        nodes.extend(removed_behind.remove(&Some(at)).unwrap_or_default());
    }
    nodes
}

/// Removed nodes by the later version's node that they stood behind.
fn removed_by_anchor(old: &Flat, matching: &Matching) -> BTreeMap<Option<usize>, Vec<NodeDifference>> {
    let mut removed = BTreeMap::<_, Vec<_>>::new();
    let mut anchor = None;
    for (at, node) in old.nodes.iter().enumerate() {
        match matching.after_of(at) {
            Some(to) => anchor = Some(to),
            None => removed.entry(anchor).or_default().push(one_sided(NodeChange::Removed, node)),
        }
    }
    removed
}

fn one_sided(change: NodeChange, node: &FlatNode) -> NodeDifference {
    let (reference, fields) = (Some(node.reference()), node.fields_without_type());
    let empty = serde_json::Value::Object(serde_json::Map::new());
    let (before, after, changes) = match change {
        NodeChange::Removed => (reference, None, change::shallow_changes(&fields, &empty)),
        _ => (None, reference, change::shallow_changes(&empty, &fields)),
    };
    NodeDifference { change, before, after, moved: false, renamed: false, retyped: false, changes }
}

fn compare(old: &FlatNode, new: &FlatNode, moved: bool) -> Option<NodeDifference> {
    let renamed = old.node.id != new.node.id;
    let retyped = old.node.node_type != new.node.node_type;
    let changes = match old.own == new.own {
        true => Vec::new(),
        false => change::changes(&old.fields_without_type(), &new.fields_without_type()),
    };
    (moved || renamed || retyped || !changes.is_empty()).then(|| NodeDifference {
        change: NodeChange::Changed,
        before: Some(old.reference()),
        after: Some(new.reference()),
        moved,
        renamed,
        retyped,
        changes,
    })
}
