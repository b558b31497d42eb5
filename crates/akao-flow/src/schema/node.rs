//! One node: the keys that every node may carry, the names that `type` may have, and what each type adds.

use super::props::definition_name;
use akao_contract::{ErrorKind, NodeType};
use serde_json::{Map, Value, json};

const ERROR_KINDS: [ErrorKind; 10] = [
    ErrorKind::Input,
    ErrorKind::Permission,
    ErrorKind::NotFound,
    ErrorKind::Connection,
    ErrorKind::Timeout,
    ErrorKind::Resource,
    ErrorKind::Cancelled,
    ErrorKind::Protocol,
    ErrorKind::User,
    ErrorKind::Internal,
];

pub(super) fn node(node_types: &[&NodeType]) -> Value {
    json!({
        "title": "Node",
        "type": "object",
        "description": "One use of a node type.",
        "required": ["type"],
        "additionalProperties": false,
        "properties": {
            "id": {
                "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
                "description": "The node's id, unique in its tree. Expressions read its results as `${steps.id.outputs.name}`.",
            },
            "type": type_names(node_types),
            "name": { "type": "string", "description": "Name for people." },
            "if": {
                "type": ["boolean", "string"],
                "description": "Condition: a boolean, a bare expression or one whole `${…}`. When it is false the node is skipped.",
            },
            "needs": {
                "type": "array", "items": { "type": "string" }, "uniqueItems": true,
                "description": "Inside a `Graph`: ids of the siblings that must have ended first.",
            },
            "case": { "description": "Inside a `Switch`: the value that selects this child." },
            "default": { "type": "boolean", "description": "Inside a `Switch`: this child is taken when no case matches." },
            "props": { "type": "object", "description": "The node type's own settings. Texts may hold templates such as `${input.name}`." },
            "retry": { "$ref": "#/$defs/retry" },
            "timeout": { "$ref": "#/$defs/duration", "description": "Bound on each attempt, such as `30s`." },
            "on_failure": {
                "enum": ["stop", "continue"],
                "description": "`stop`: a failure counts. `continue`: it is recorded and the parent goes on as if the node had succeeded.",
            },
            "pin": { "description": "Recorded outputs that are used instead of running the node, while designing." },
            "run_on": {
                "type": "array", "items": { "type": "string" },
                "description": "Labels of the runners that may run it.",
            },
            "children": {
                "type": "array", "items": { "$ref": "#/$defs/node" },
                "description": "Children in order.",
            },
        },
        "allOf": node_types.iter().map(|node_type| type_rule(node_type)).collect::<Vec<_>>(),
    })
}

pub(super) fn retry() -> Value {
    let kinds: Vec<_> = ERROR_KINDS.iter().map(crate::hash::to_value).collect();
    json!({
        "type": "object",
        "description": "Attempts of this step and the waits between them.",
        "required": ["attempts"],
        "additionalProperties": false,
        "properties": {
            "attempts": { "type": "integer", "minimum": 1, "description": "Attempts in all; the first one counts." },
            "delay": { "$ref": "#/$defs/duration", "default": "1s", "description": "Wait before the second attempt. Default `1s`." },
            "factor": { "type": "number", "minimum": 1, "default": 2, "description": "Each further wait is this many times the one before. Default 2." },
            "max_delay": { "$ref": "#/$defs/duration", "default": "60s", "description": "Longest wait. Default `60s`." },
            "on": {
                "type": "array", "items": { "enum": kinds }, "uniqueItems": true,
                "description": "Error kinds that are tried again. Default: those whose error says it can be retried.",
            },
        },
    })
}

/// Each known name is a branch of its own, because editors show a branch's description beside the completion.
fn type_names(node_types: &[&NodeType]) -> Value {
    let mut branches = Vec::new();
    for node_type in node_types {
        let name = &node_type.name;
        branches.push(json!({ "const": name, "title": name, "description": node_type.summary }));
        branches.extend(node_type.aliases.iter().map(|alias| {
            json!({ "const": alias, "title": alias, "description": format!("Another name of {name}. {}", node_type.summary) })
        }));
    }
    let range = "(@[^@\\s]+)?";
    for (pattern, description) in [
        (
            format!("^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*){{2,}}{range}$"),
            "A package's node type, such as `com.example.enrich@^1.2`.",
        ),
        ("^[a-z0-9][a-z0-9_-]*\\.[a-z0-9][a-z0-9_-]*$".to_owned(), "A capability, such as `command.execute`."),
        (
            "^[A-Za-z_][A-Za-z0-9_-]*@[^@\\s]+$".to_owned(),
            "One of your own node types with its version, such as `SendSlackMessage@1.0.0`.",
        ),
        ("^\\.\\.?/".to_owned(), "A node folder relative to this file, such as `./nodes/enrich`."),
    ] {
        branches.push(json!({ "type": "string", "pattern": pattern, "description": description }));
    }
    json!({ "description": "What the node does: a node type's name.", "type": "string", "anyOf": branches })
}

/// What a node of this type may hold, on the condition that it is one.
fn type_rule(node_type: &NodeType) -> Value {
    let mut names = vec![node_type.name.clone()];
    names.extend(node_type.aliases.iter().cloned());
    let reference = format!("#/$defs/{}", definition_name(&node_type.name));
    let mut properties = Map::new();
    properties.insert("props".to_owned(), json!({ "$ref": reference }));
    properties.insert("children".to_owned(), children(node_type));
    let mut required = Vec::new();
    if node_type.props.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty()) {
        required.push("props");
    }
    if node_type.children_min > 0 {
        required.push("children");
    }
    json!({
        "if": { "properties": { "type": { "enum": names } }, "required": ["type"] },
        "then": { "properties": properties, "required": required },
    })
}

fn children(node_type: &NodeType) -> Value {
    let (min, max) = (node_type.children_min, node_type.children_max);
    let name = &node_type.name;
    let description = match (min, max) {
        (_, Some(0)) => format!("{name} has no children."),
        (1, Some(1)) => format!("{name} has exactly one child."),
        (min, Some(max)) if min == max => format!("{name} has exactly {max} children."),
        (min, Some(max)) => format!("{name} has {min} to {max} children, in order."),
        (0, None) => "Children in order.".to_owned(),
        (min, None) => format!("{name} has at least {min} children, in order."),
    };
    let mut schema = json!({ "minItems": min, "description": description });
    if let Some(max) = max {
        schema["maxItems"] = max.into();
    }
    schema
}
