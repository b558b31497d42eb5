//! What changes in the nodes of a package, and whether workflows that use them notice.
//!
//! An input breaks when something that was accepted no longer is; an output when something that was answered no longer is.
//! Schemas are compared as they stand: one that is different, other than in words for people, is taken to break.

use super::Change;
use akao_contract::manifest::{Manifest, NodeDeclaration};
use akao_contract::{Properties, Property};
use serde_json::Value;

/// Keys of a schema that are words for people.
const WORDS: [&str; 4] = ["description", "title", "examples", "$comment"];

pub(super) fn changes(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let mut changes = Vec::new();
    for node in &old.nodes {
        let id = node.id.to_string();
        match new.node(&node.id) {
            None => changes.push(Change::NodeRemoved { node: id }),
            Some(other) => changes.extend(of_node(node, other)),
        }
    }
    let added = new.nodes.iter().filter(|node| old.node(&node.id).is_none());
    changes.extend(added.map(|node| Change::NodeAdded { node: node.id.to_string() }));
    changes
}

fn of_node(old: &NodeDeclaration, new: &NodeDeclaration) -> Vec<Change> {
    let node = old.id.to_string();
    let mut changes = Vec::new();
    let mut change = |part: String, how: &str, breaks: bool| {
        changes.push(Change::Node { node: node.clone(), part, how: how.to_owned(), breaks });
    };
    for (kind, old, new, is_input) in
        [("input", &old.inputs, &new.inputs, true), ("output", &old.outputs, &new.outputs, false)]
    {
        for (name, how, breaks) in properties(old, new, is_input) {
            change(format!("{kind} `{name}`"), how, breaks);
        }
    }
    if old.main_output != new.main_output {
        change("main output".to_owned(), "is another", true);
    }
    if old.idempotent != new.idempotent {
        let how = if new.idempotent { "are harmless now" } else { "are no longer harmless" };
        change("repeated steps".to_owned(), how, !new.idempotent);
    }
    if old.effects != new.effects {
        change("what it may change outside".to_owned(), "is declared otherwise", true);
    }
    if old.batch && !new.batch {
        change("many inputs in one call".to_owned(), "are no longer taken", true);
    }
    changes
}

fn properties(old: &Properties, new: &Properties, is_input: bool) -> Vec<(String, &'static str, bool)> {
    let mut changes = Vec::new();
    for (name, property) in &old.0 {
        let Some(other) = new.0.get(name) else {
            changes.push((name.clone(), "is gone", true));
            continue;
        };
        match (is_required(property), is_required(other)) {
            (false, true) if is_input => changes.push((name.clone(), "is required now", true)),
            (true, false) if is_input => changes.push((name.clone(), "is no longer required", false)),
            (true, false) => changes.push((name.clone(), "may be missing now", true)),
            (false, true) => changes.push((name.clone(), "is always there now", false)),
            _ => {}
        }
        if shape(property) != shape(other) {
            changes.push((name.clone(), "has another schema", true));
        }
    }
    for (name, property) in new.0.iter().filter(|(name, _)| !old.0.contains_key(*name)) {
        let required = is_input && is_required(property);
        changes.push((name.clone(), if required { "is new and required" } else { "is new" }, required));
    }
    changes
}

fn is_required(property: &Property) -> bool {
    property.get("required") == Some(&Value::Bool(true))
}

/// A schema without words for people and without `required`, which is compared by itself. The order of keys means nothing.
fn shape(property: &Property) -> Value {
    let kept = property.iter().filter(|(key, _)| key.as_str() != "required" && !WORDS.contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}
