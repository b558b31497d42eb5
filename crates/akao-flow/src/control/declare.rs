//! Declarations of control nodes. The text comes from the header of the node's own file, so that what is documented and
//! what is written above the code are the same words.

use akao_contract::{Category, Effects, Example, NodeType, Reads};
use serde_json::{Value, json};

/// Declares a control node.
///
/// `source` is the node's file; its header begins with a line of the form `` //! `Name`: summary. ``.
pub(super) fn declare(
    source: &str,
    category: Category,
    properties: Value,
    children: (u32, Option<u32>),
    example: &str,
    outputs: Value,
) -> NodeType {
    let header: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let blank = header.iter().position(|line| line.is_empty()).unwrap_or(header.len());
    let first = header[..blank].join(" ");
    let (name, summary) = first.split_once(": ").unwrap_or((&first, ""));
    let mut letters = summary.chars();
    let summary = letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default();
    NodeType {
        name: name.trim_matches('`').to_owned(),
        aliases: vec![],
        version: "1.0.0".into(),
        category,
        summary,
        description: header[blank..].join("\n").trim().to_owned(),
        props: json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        outputs: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        main_output: None,
        errors: vec![],
        effects: Effects::None,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: children.0,
        children_max: children.1,
        examples: vec![Example::new(example, Value::Null, outputs)],
    }
}

/// A node type with outputs of its own, the first of which `outputKey` stores.
pub(super) fn with_outputs(mut node_type: NodeType, outputs: Value) -> NodeType {
    node_type.main_output = outputs.as_object().and_then(|map| map.keys().next().cloned());
    node_type.outputs = json!({ "type": "object", "properties": outputs, "additionalProperties": false });
    node_type
}

/// A prop that is a duration where a bare number means milliseconds.
pub(super) fn duration(description: &str) -> Value {
    json!({
        "type": ["string", "number"], "x-akao-duration": "ms", "minimum": 0,
        "description": format!("{description} A number is milliseconds; a text has a unit, such as `30s`."),
    })
}

/// The prop that names the blackboard key for a node's main output.
pub(super) fn output_key() -> Value {
    json!({ "type": "string", "x-akao-writes": true, "description": "Blackboard key that the main output is stored under." })
}
