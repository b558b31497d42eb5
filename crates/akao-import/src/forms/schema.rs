//! Inputs of the older forms as JSON Schema properties.

use crate::document::{boolean, text};
use akao_flow::InputSchema;
use akao_yaml::Node;
use serde_json::{Map, Value, json};

/// Words for types, and what JSON Schema calls them.
const TYPES: [(&str, &str); 14] = [
    ("string", "string"),
    ("str", "string"),
    ("path", "string"),
    ("file", "string"),
    ("directory", "string"),
    ("integer", "integer"),
    ("int", "integer"),
    ("number", "number"),
    ("float", "number"),
    ("boolean", "boolean"),
    ("bool", "boolean"),
    ("array", "array"),
    ("list", "array"),
    ("object", "object"),
];

/// The property of a type word; an unknown word allows anything.
pub(super) fn of_word(word: &str) -> Map<String, Value> {
    let found = TYPES.iter().find(|(name, _)| *name == word);
    found.map(|(_, json_type)| Map::from_iter([("type".to_owned(), json!(json_type))])).unwrap_or_default()
}

/// The graph form: `input_schema` gives type words, `default_parameters` gives values.
pub(super) fn of_graph(document: &Node) -> InputSchema {
    let mut schema = InputSchema::default();
    for entry in document.get("input_schema").and_then(Node::entries).unwrap_or_default() {
        schema.0.insert(entry.key.text.clone(), of_word(entry.node.as_str().unwrap_or_default()));
    }
    for entry in document.get("default_parameters").and_then(Node::entries).unwrap_or_default() {
        let value = entry.node.to_value();
        let property = schema.0.entry(entry.key.text.clone()).or_insert_with(|| of_value(&value));
        property.insert("default".to_owned(), value);
    }
    schema
}

/// One entry of the stage form's `inputs`.
pub(super) fn of_stage_input(input: &Node) -> Map<String, Value> {
    let mut property = of_word(text(input, "type").unwrap_or_default());
    if let Some(description) = text(input, "description") {
        property.insert("description".to_owned(), json!(description));
    }
    if let Some(values) = input.get("enum") {
        property.insert("enum".to_owned(), values.to_value());
    }
    match input.get("items") {
        Some(items) if items.items().is_some() => {
            property.insert("items".to_owned(), json!({ "enum": items.to_value() }));
        }
        Some(items) => {
            property.insert("items".to_owned(), Value::Object(of_word(items.as_str().unwrap_or_default())));
        }
        None => {}
    }
    if let Some(default) = input.get("default") {
        property.insert("default".to_owned(), default.to_value());
    }
    if boolean(input, "required") == Some(true) {
        property.insert("required".to_owned(), json!(true));
    }
    property
}

fn of_value(value: &Value) -> Map<String, Value> {
    of_word(match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null => "",
    })
}
