//! A definition's nodes as a list in depth-first order, with fingerprints that make matching cheap.

use super::NodeRef;
use crate::{Definition, NodeDef, Place, canonical_json, hash::to_value, place::trees};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// All nodes of a definition; a parent stands before its children.
pub(super) struct Flat<'d> {
    pub(super) nodes: Vec<FlatNode<'d>>,
    /// Indexes of the roots, by tree name.
    pub(super) roots: Vec<usize>,
}

pub(super) struct FlatNode<'d> {
    pub(super) node: &'d NodeDef,
    pub(super) place: Place,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    /// Fingerprint of the type and all fields but the id and the children.
    pub(super) own: u128,
    /// Fingerprint of the whole subtree without ids.
    pub(super) subtree: u128,
    /// Fingerprints of the props, sorted by key.
    pub(super) props: Vec<(&'d str, u64)>,
}

impl<'d> Flat<'d> {
    pub(super) fn of(definition: &'d Definition) -> Self {
        let mut flat = Self { nodes: Vec::new(), roots: Vec::new() };
        for (name, root) in trees(definition) {
            let at = flat.add(root, Place::root(name), None);
            flat.roots.push(at);
        }
        flat
    }

    fn add(&mut self, node: &'d NodeDef, place: Place, parent: Option<usize>) -> usize {
        let at = self.nodes.len();
        let own = xxh3_128(&canonical_json(&to_value(&without_id_and_children(node))));
        let mut props: Vec<_> =
            node.props.iter().map(|(key, value)| (key.as_str(), xxh3_64(&canonical_json(value)))).collect();
        props.sort_unstable();
        self.nodes.push(FlatNode { node, place, parent, children: Vec::new(), own, subtree: own, props });
        let mut fingerprint = own.to_le_bytes().to_vec();
        let mut children = Vec::with_capacity(node.children.len());
        for (index, child) in node.children.iter().enumerate() {
            let child = self.add(child, self.nodes[at].place.child(index), Some(at));
            fingerprint.extend_from_slice(&self.nodes[child].subtree.to_le_bytes());
            children.push(child);
        }
        self.nodes[at].subtree = xxh3_128(&fingerprint);
        self.nodes[at].children = children;
        at
    }
}

impl FlatNode<'_> {
    pub(super) fn reference(&self) -> NodeRef {
        NodeRef { place: self.place.clone(), id: self.node.id.clone(), node_type: self.node.node_type.clone() }
    }

    /// All fields but `id`, `type` and `children`.
    pub(super) fn fields_without_type(&self) -> Value {
        let mut fields = to_value(&without_id_and_children(self.node));
        if let Some(fields) = fields.as_object_mut() {
            fields.shift_remove("type");
        }
        fields
    }

    /// Whether nothing but the type tells this node from others.
    pub(super) fn is_plain(&self) -> bool {
        self.props.is_empty() && self.children.is_empty()
    }
}

/// Every field is named, so that a new one cannot be forgotten here.
fn without_id_and_children(node: &NodeDef) -> NodeDef {
    NodeDef {
        id: None,
        node_type: node.node_type.clone(),
        name: node.name.clone(),
        props: node.props.clone(),
        needs: node.needs.clone(),
        condition: node.condition.clone(),
        retry: node.retry.clone(),
        timeout: node.timeout.clone(),
        on_failure: node.on_failure,
        pin: node.pin.clone(),
        run_on: node.run_on.clone(),
        case: node.case.clone(),
        default: node.default,
        children: Vec::new(),
    }
}
