//! YAML sources as nodes with positions, and the small questions that all YAML dialects ask of them.

use crate::ImportError;
use crate::report::Place;
use akao_yaml::{Budget, Node};

/// Reads YAML text.
pub(crate) fn load(name: &str, text: &str) -> Result<Node, ImportError> {
    let budget = Budget { text_bytes_max: crate::SOURCE_BYTES_MAX, ..Budget::default() };
    akao_yaml::load(text, &budget)
        .map_err(|error| ImportError::Yaml { name: name.to_owned(), message: error.to_string() })
}

/// The place of a node.
pub(crate) fn place(path: impl Into<String>, node: &Node) -> Place {
    Place::new(path, Some(node.position.line))
}

/// An error about a node of the document.
pub(crate) fn wrong(path: &str, node: &Node, message: impl Into<String>) -> ImportError {
    ImportError::Structure { path: path.to_owned(), line: Some(node.position.line), message: message.into() }
}

/// The text under `key`, if it is a text.
pub(crate) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::as_str)
}

/// The list under `key`; an absent one is empty.
pub(crate) fn list<'a>(node: &'a Node, key: &str, path: &str) -> Result<&'a [Node], ImportError> {
    match node.get(key) {
        None => Ok(&[]),
        Some(found) if matches!(found.value, akao_yaml::Value::Null) => Ok(&[]),
        Some(found) => found.items().ok_or_else(|| {
            wrong(&format!("{path}.{key}"), found, format!("a list is expected, not {}", found.kind_name()))
        }),
    }
}

/// The texts of the list under `key`; one text alone counts as a list of one.
pub(crate) fn texts(node: &Node, key: &str) -> Vec<String> {
    match node.get(key) {
        None => Vec::new(),
        Some(found) => match (found.as_str(), found.items()) {
            (Some(text), _) => vec![text.to_owned()],
            (_, Some(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        },
    }
}

/// A non-negative whole number under `key`.
pub(crate) fn whole_number(node: &Node, key: &str) -> Option<u64> {
    match &node.get(key)?.value {
        akao_yaml::Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// `true` or `false` under `key`.
pub(crate) fn boolean(node: &Node, key: &str) -> Option<bool> {
    match &node.get(key)?.value {
        akao_yaml::Value::Bool(value) => Some(*value),
        _ => None,
    }
}
