//! A catalogue for tests of validation: the control nodes and a dozen leaves with schemas like those of the real ones.

use akao_contract::{Category, Effects, NodeType, Reads};
use akao_flow::{Catalogue, control_types};
use serde_json::{Value, json};

/// The catalogue.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::from(control_types().into_iter().chain(leaves()).collect::<Vec<_>>())
}

fn node_type(
    name: &str,
    category: Category,
    children: (u32, Option<u32>),
    properties: Value,
    required: &[&str],
) -> NodeType {
    NodeType {
        name: name.into(),
        aliases: if name == "Selector" { vec!["Fallback".into()] } else { vec![] },
        version: "1.0.0".into(),
        category,
        summary: format!("{name}."),
        description: String::new(),
        props: json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        }),
        outputs: json!({"type": "object"}),
        main_output: None,
        errors: vec![],
        effects: Effects::None,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: children.0,
        children_max: children.1,
        examples: vec![],
    }
}

fn leaves() -> Vec<NodeType> {
    let leaf =
        |name, properties, required: &[&str]| node_type(name, Category::Data, (0, Some(0)), properties, required);
    let key = json!({"type": "string", "x-akao-writes": true, "examples": ["result"]});
    let text = json!({"type": "string"});
    vec![
        leaf("SuccessNode", json!({}), &[]),
        leaf("FailureNode", json!({}), &[]),
        leaf("PrintAction", json!({"message": text, "outputKey": key}), &[]),
        leaf(
            "LogMessage",
            json!({"message": text, "level": {"type": "string", "enum": ["info", "warn", "error", "debug"]}}),
            &["message"],
        ),
        leaf("SetVariable", json!({"key": key, "value": {}}), &["key", "value"]),
        leaf("CounterAction", json!({"counterKey": key, "increment": {"type": "number"}}), &[]),
        leaf(
            "CheckCondition",
            json!({"key": text, "operator": {"type": "string", "enum": ["==", "!=", ">", "<", ">=", "<="]}, "value": {}}),
            &["key", "value"],
        ),
        leaf(
            "ArrayFilter",
            json!({
                "input": text, "outputKey": key, "logic": {"type": "string", "enum": ["and", "or"]},
                "conditions": {"type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["field", "operator"], "additionalProperties": false,
                    "properties": {
                        "field": text, "value": {},
                        "operator": {"type": "string", "enum": ["eq", "ne", "gt", "lt", "in", "between"]},
                    },
                }},
            }),
            &["input", "conditions"],
        ),
        leaf(
            "RegexExtract",
            json!({
                "input": text, "pattern": {"type": "string", "x-akao-literal": true, "examples": ["[0-9]+"]},
                "flags": {"type": "string", "pattern": "^[gims]*$"}, "outputKey": key,
            }),
            &["input", "pattern"],
        ),
        leaf(
            "HttpRequest",
            json!({
                "url": {"type": "string", "minLength": 1, "examples": ["https://api.example.com"]},
                "method": {"type": "string", "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"], "default": "GET"},
                "headers": {"type": "object", "additionalProperties": text}, "body": {},
                "responseType": {"type": "string", "enum": ["json", "text", "binary"]},
                "timeout": {"x-akao-duration": "ms", "exclusiveMinimum": 0, "maximum": 3_600_000}, "outputKey": key,
            }),
            &["url"],
        ),
        leaf(
            "PythonInterpreter",
            json!({
                "script": {"type": "string", "x-akao-literal": true, "minLength": 1, "examples": ["result = 1"]},
                "timeout": {"x-akao-duration": "s"}, "outputKey": key,
                "packages": {"type": "array", "items": text, "maxItems": 50},
            }),
            &["script"],
        ),
        leaf(
            "Email",
            json!({
                "to": {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}, "subject": text,
                "body": text, "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            }),
            &["to", "subject"],
        ),
    ]
}
