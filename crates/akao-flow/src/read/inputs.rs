//! `inputs:` of a workflow: property names with JSON Schema, or a list of such properties that carry their `name`.

use super::path::Path;
use super::reader::Reader;
use crate::suggest::{self, shown};
use crate::{InputSchema, ProblemCode};
use akao_contract::is_name;
use akao_yaml::{Entry, Node, Value};
use indexmap::IndexMap;
use serde_json::Map;

type Property = Map<String, serde_json::Value>;

const EXAMPLE: &str = "inputs: { customer: { type: string, required: true } }";

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

/// The JSON Schema keywords that an input may carry, besides annotations that begin with `x-`.
const KEYWORDS: [&str; 26] = [
    "type",
    "required",
    "default",
    "enum",
    "const",
    "title",
    "description",
    "examples",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "additionalProperties",
    "oneOf",
    "anyOf",
    "allOf",
];

pub(crate) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> InputSchema {
    let mut schema = InputSchema::default();
    match &node.value {
        Value::Null => {}
        Value::Mapping(entries) => read_mapping(reader, node, entries, at, &mut schema.0),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                read_item(reader, item, &at.index(index), &mut schema.0);
            }
        }
        _ => reader.wrong_kind(node, at, "inputs", "a mapping", EXAMPLE),
    }
    schema
}

fn read_mapping(
    reader: &mut Reader,
    node: &Node,
    entries: &[Entry],
    at: &Path<'_>,
    inputs: &mut IndexMap<String, Property>,
) {
    let is_whole_schema = node.get("type").and_then(Node::as_str) == Some("object") && node.get("properties").is_some();
    if is_whole_schema {
        let suggestion = Some(format!("Write the properties themselves, each with its own `required`: `{EXAMPLE}`."));
        let message = "`inputs` takes properties, not a whole object schema";
        reader.problem(ProblemCode::InvalidInput, node.position, at, message, suggestion);
        return;
    }
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        check_name(reader, &key.text, key.position, &path);
        if let Some(property) = property(reader, &key.text, node, &path, &[]) {
            inputs.insert(key.text.clone(), property);
        }
    }
}

fn read_item(reader: &mut Reader, node: &Node, at: &Path<'_>, inputs: &mut IndexMap<String, Property>) {
    let Some(name_node) = node.get("name") else {
        let message = "an input of the list has no `name`";
        let name = node.as_str().filter(|text| is_name(text)).unwrap_or("customer");
        let suggestion = Some(format!("Write for example `- {{ name: {name}, type: string }}`."));
        reader.problem(ProblemCode::InvalidInput, node.position, at, message, suggestion);
        return;
    };
    let path = at.key("name");
    let Some(name) = reader.text(name_node, &path, "name") else { return };
    check_name(reader, &name, name_node.position, &path);
    if inputs.contains_key(&name) {
        let message = format!("the input `{}` is declared twice", shown(&name));
        let suggestion = Some("Keep one of the two.".to_owned());
        reader.problem(ProblemCode::InvalidInput, name_node.position, &path, message, suggestion);
    }
    if let Some(property) = property(reader, &name, node, at, &["name"]) {
        inputs.insert(name, property);
    }
}

fn check_name(reader: &mut Reader, name: &str, position: akao_yaml::Position, path: &Path<'_>) {
    if is_name(name) {
        return;
    }
    let message = format!("`{}` is not a name that expressions can use", shown(name));
    let suggestion = Some(crate::validate::names::mended(name));
    reader.problem(ProblemCode::InvalidName, position, path, message, suggestion);
}

fn property(reader: &mut Reader, name: &str, node: &Node, at: &Path<'_>, besides: &[&str]) -> Option<Property> {
    let Some(entries) = node.entries() else {
        let message = format!("the input `{}` must be a mapping, not {}", shown(name), super::reader::kind_of(node));
        let written = node.as_str().filter(|text| TYPES.contains(text)).unwrap_or("string");
        let suggestion = Some(format!("Write `{}: {{ type: {written} }}`.", shown(name)));
        reader.problem(ProblemCode::InvalidInput, node.position, at, message, suggestion);
        return None;
    };
    let mut property = Property::with_capacity(entries.len());
    for Entry { key, node } in entries.iter().filter(|entry| !besides.contains(&entry.key.text.as_str())) {
        check_keyword(reader, &key.text, key.position, node, &at.key(&key.text));
        if matches!(key.text.as_str(), "items" | "properties" | "additionalProperties" | "oneOf" | "anyOf" | "allOf") {
            check_references(reader, node, &at.key(&key.text));
        }
        property.insert(key.text.clone(), node.to_value());
    }
    check_default(reader, name, node, &property, at);
    Some(property)
}

fn check_keyword(reader: &mut Reader, keyword: &str, key_position: akao_yaml::Position, node: &Node, path: &Path<'_>) {
    match (keyword, &node.value) {
        ("type", Value::String(text, _)) if TYPES.contains(&text.as_str()) => {}
        ("type", Value::String(text, _)) => {
            let message = format!("`{}` is not a type of an input", shown(text));
            let suggestion = type_hint(text).or_else(|| suggest::sentence(text, "types", TYPES));
            reader.problem(ProblemCode::InvalidInput, node.position, path, message, suggestion);
        }
        ("type", Value::Sequence(items))
            if items.iter().all(|item| item.as_str().is_some_and(|t| TYPES.contains(&t))) => {}
        ("type", _) => reader.wrong_kind(node, path, "type", "the name of a type", "type: string"),
        ("required", Value::Bool(_)) => {}
        ("required", Value::Sequence(_)) => {
            let message = "`required` of an input must be true or false, not a list";
            let suggestion = Some("Write `required: true` inside each input that must be given.".to_owned());
            reader.problem(ProblemCode::InvalidInput, node.position, path, message, suggestion);
        }
        ("required", _) => reader.wrong_kind(node, path, "required", "true or false", "required: true"),
        ("enum" | "oneOf" | "anyOf" | "allOf" | "examples", Value::Sequence(_)) => {}
        ("enum" | "oneOf" | "anyOf" | "allOf" | "examples", _) => {
            reader.wrong_kind(node, path, keyword, "a list", &format!("{keyword}: [a, b]"));
        }
        (
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength"
            | "minItems" | "maxItems",
            value,
        ) => {
            if !matches!(value, Value::Number(_)) {
                reader.wrong_kind(node, path, keyword, "a number", &format!("{keyword}: 1"));
            }
        }
        ("properties", Value::Mapping(_)) | ("items", Value::Mapping(_)) => {}
        ("properties" | "items", _) => {
            reader.wrong_kind(node, path, keyword, "a mapping", &format!("{keyword}: {{ … }}"))
        }
        (known, _) if KEYWORDS.contains(&known) || known.starts_with("x-") => {}
        (unknown, _) => {
            let message = format!("`{}` is not a key of an input", shown(unknown));
            let suggestion = match unknown {
                "optional" => Some("An input is optional unless it says `required: true`.".to_owned()),
                unknown => suggest::nearest(unknown, KEYWORDS).map(|near| format!("Did you mean `{near}`?")),
            };
            reader.problem(ProblemCode::UnknownKey, key_position, path, message, suggestion);
        }
    }
}

/// A schema of an input stands alone: references could lead it in circles. Recursion is bounded by the budget's depth.
fn check_references(reader: &mut Reader, node: &Node, path: &Path<'_>) {
    for (at, item) in node.items().unwrap_or_default().iter().enumerate() {
        check_references(reader, item, &path.index(at));
    }
    for Entry { key, node } in node.entries().unwrap_or_default() {
        let path = path.key(&key.text);
        if matches!(key.text.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") && node.as_str().is_some() {
            let message = format!("`{}` is not supported in an input", key.text);
            let suggestion = Some("Write the schema out where it is needed.".to_owned());
            reader.problem(ProblemCode::InvalidInput, key.position, &path, message, suggestion);
        }
        check_references(reader, node, &path);
    }
}

fn type_hint(text: &str) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "str" | "text" | "date" | "datetime" | "uuid" | "url" | "email" => "string",
        "int" | "long" => "integer",
        "float" | "double" | "decimal" => "number",
        "bool" => "boolean",
        "dict" | "map" | "json" => "object",
        "list" | "tuple" => "array",
        _ => return None,
    };
    Some(format!("Did you mean `{meant}`?"))
}

fn check_default(reader: &mut Reader, name: &str, node: &Node, property: &Property, at: &Path<'_>) {
    let Some(default_node) = node.get("default") else { return };
    let mut schema = property.clone();
    schema.shift_remove("required");
    let schema = serde_json::Value::Object(schema);
    for problem in crate::validate::props::check_value(&schema, &default_node.to_value(), name) {
        let (position, path) = (default_node.position, at.key("default"));
        let message = format!("the default does not fit: {}", problem.message);
        reader.problem(ProblemCode::InvalidInput, position, &path, message, problem.suggestion);
    }
}
