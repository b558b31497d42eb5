//! Canonical names: one meaning has one spelling before it is hashed, compared or stored.

use crate::{Catalogue, Definition, NodeDef};

/// Replaces aliases of node types (`Fallback`) by the names that the catalogue lists them under (`Selector`), in every
/// tree. Names that the catalogue does not know stay as they are.
pub fn canonicalise(definition: &mut Definition, catalogue: &Catalogue) {
    canonicalise_node(&mut definition.root, catalogue);
    for root in definition.trees.values_mut() {
        canonicalise_node(root, catalogue);
    }
}

fn canonicalise_node(node: &mut NodeDef, catalogue: &Catalogue) {
    if let Some(node_type) = catalogue.get(&node.node_type) {
        node.node_type.clone_from(&node_type.name);
    }
    for child in &mut node.children {
        canonicalise_node(child, catalogue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control_types, read};

    #[test]
    fn aliases_become_names_in_every_tree() {
        let text = "akao: 1\nid: a\nversion: 1.0.0\ntrees:\n  t: { type: Fallback, children: [{ type: Sequence }] }\n\
                    root: { type: Fallback, children: [{ type: Nowhere }, { type: SequenceWithMemory }] }\n";
        let mut definition = read(text).expect("a workflow").definition;
        canonicalise(&mut definition, &Catalogue::from(control_types()));
        assert_eq!(definition.root.node_type, "Selector");
        assert_eq!(definition.root.children[0].node_type, "Nowhere");
        assert_eq!(definition.root.children[1].node_type, "MemorySequence");
        assert_eq!(definition.trees["t"].node_type, "Selector");
    }
}
