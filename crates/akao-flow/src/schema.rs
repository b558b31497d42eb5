//! The JSON Schema (2020-12) of workflow files, for editors: completion, hover texts and first checks while typing.
//!
//! It knows the node types it is given and the forms that other type names have. What only a whole file shows (unique
//! ids, cycles, unknown names in expressions) stays with validation.

mod header;
mod node;
mod props;

#[cfg(test)]
mod tests;

use akao_contract::NodeType;
use serde_json::{Map, Value, json};

/// The dialect that the schema is written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of workflow files whose nodes are of the given types, of packages, of folders or of capabilities. A tenant's
/// own node types are known when they are in the list; without a version, other names are refused as typing mistakes.
pub fn workflow_schema(node_types: &[NodeType]) -> Value {
    let mut sorted: Vec<_> = node_types.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut definitions = Map::new();
    definitions.insert("workflow".to_owned(), header::workflow());
    definitions.insert("input".to_owned(), header::input());
    definitions.insert("duration".to_owned(), header::duration());
    definitions.insert("retry".to_owned(), node::retry());
    definitions.insert("node".to_owned(), node::node(&sorted));
    for node_type in sorted {
        definitions.insert(props::definition_name(&node_type.name), props::props(node_type));
    }
    json!({
        "$schema": DIALECT,
        "title": "Akao workflow",
        "description": "A workflow file: a header with a root, or a bare tree that starts with `type`.",
        "type": "object",
        "if": { "required": ["type"] },
        "then": { "$ref": "#/$defs/node" },
        "else": { "$ref": "#/$defs/workflow" },
        "$defs": definitions,
    })
}
