//! One look over the whole document before anything is converted: ids, and the keys that its nodes write.

use super::tables;
use akao_yaml::Node;
use std::collections::BTreeSet;

/// Every `id` of the document.
pub(super) fn ids(document: &Node) -> Vec<&str> {
    let mut ids = Vec::new();
    for_each_node(document, &mut |node| ids.extend(node.get("id").and_then(Node::as_str)));
    ids
}

/// Every blackboard key that some node writes.
pub(super) fn written(document: &Node) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for_each_node(document, &mut |node| {
        let node_type = node.get("type").and_then(Node::as_str).unwrap_or_default();
        let entries = node.get("props").and_then(Node::entries).unwrap_or_default();
        for entry in entries {
            let Some(text) = entry.node.as_str() else { continue };
            if entry.key.text == "textContent" {
                keys.extend(assigned(text));
            } else if tables::is_written_key(node_type, &entry.key.text) {
                keys.insert(text.split('.').next().unwrap_or(text).to_owned());
            }
        }
    });
    keys
}

/// The names that a script assigns to.
fn assigned(script: &str) -> impl Iterator<Item = String> + '_ {
    script.split(['\n', ';']).filter_map(|statement| {
        let (name, value) = statement.split_once('=')?;
        let name = name.trim().trim_start_matches("$bb.");
        (akao_contract::is_name(name) && !value.starts_with('=')).then(|| name.to_owned())
    })
}

fn for_each_node<'a>(document: &'a Node, visit: &mut dyn FnMut(&'a Node)) {
    let mut open = vec![document];
    while let Some(node) = open.pop() {
        visit(node);
        if let Some(root) = node.get("root") {
            open.push(root);
        }
        if let Some(trees) = node.get("trees").and_then(Node::entries) {
            open.extend(trees.iter().map(|entry| &entry.node));
        }
        open.extend(node.get("children").and_then(Node::items).unwrap_or_default());
    }
}
