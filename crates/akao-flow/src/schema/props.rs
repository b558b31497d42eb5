//! The props of a node type as an editor wants them: a template may stand wherever a typed value may.

use akao_contract::{NodeType, annotation};
use serde_json::{Map, Value, json};

/// A text that is exactly one expression, which keeps the value's type.
const WHOLE_TEMPLATE: &str = r"^\s*(\$\{[\s\S]*\}|\{\{[\s\S]*\}\})\s*$";

/// A text that holds an expression somewhere.
const SOME_TEMPLATE: &str = r"\$\{[\s\S]*\}|\{\{[\s\S]*\}\}";

/// Keywords that a text with a template in it may break before it is rendered.
const TEXT_RULES: [&str; 6] = ["enum", "const", "pattern", "format", "minLength", "maxLength"];

/// The name under `$defs`.
pub(super) fn definition_name(node_type: &str) -> String {
    format!("props.{}", node_type.replace(['/', '~', '%', '#'], "_"))
}

/// The props schema with templates allowed and its local references pointing into the whole schema.
pub(super) fn props(node_type: &NodeType) -> Value {
    let mut schema = match &node_type.props {
        Value::Object(_) => node_type.props.clone(),
        _ => json!({ "type": "object" }),
    };
    relocate(&mut schema, &format!("#/$defs/{}", definition_name(&node_type.name)));
    let Value::Object(mut schema) = inside(schema) else { return json!(true) };
    schema.shift_remove("$schema");
    schema.shift_remove("$id");
    schema.entry("type").or_insert_with(|| "object".into());
    schema.entry("additionalProperties").or_insert(Value::Bool(false));
    schema.entry("description").or_insert_with(|| format!("Props of {}. {}", node_type.name, node_type.summary).into());
    Value::Object(schema)
}

/// Makes `#/…` references of an embedded schema absolute within the one that embeds it.
fn relocate(schema: &mut Value, home: &str) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if key == "$ref" && text.starts_with('#') => {
                        *text = format!("{home}{}", &text[1..]);
                    }
                    _ => relocate(value, home),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relocate(item, home)),
        _ => {}
    }
}

/// The schema of a value of which each part may be a template.
fn templated(schema: Value) -> Value {
    if schema.get(annotation::LITERAL) == Some(&Value::Bool(true)) {
        return schema;
    }
    let accepts_any_text = accepts_any_text(&schema);
    let is_text = schema.get("type") == Some(&"string".into());
    let Value::Object(mut typed) = inside(schema) else { return json!(true) };
    if accepts_any_text {
        return Value::Object(typed);
    }
    let mut outer = Map::new();
    for key in ["title", "description", "default", "examples", "deprecated"] {
        if let Some(value) = typed.shift_remove(key) {
            outer.insert(key.to_owned(), value);
        }
    }
    let (pattern, hint) = match is_text {
        true => (SOME_TEMPLATE, "A text with templates such as `${input.name}`."),
        false => (WHOLE_TEMPLATE, "One expression such as `${input.name}`; the value keeps its type."),
    };
    outer.insert(
        "anyOf".to_owned(),
        json!([Value::Object(typed), { "type": "string", "pattern": pattern, "description": hint }]),
    );
    Value::Object(outer)
}

/// Whether a text with a template in it fits the schema as it is.
fn accepts_any_text(schema: &Value) -> bool {
    let Some(entries) = schema.as_object() else { return schema.as_bool() == Some(true) };
    let narrows = |keys: &[&str]| keys.iter().any(|key| entries.contains_key(*key));
    if narrows(&TEXT_RULES) || narrows(&["$ref", "not", "if", "allOf"]) {
        return false;
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = entries.get(key) {
            return branches.iter().any(accepts_any_text);
        }
    }
    match entries.get("type") {
        None => true,
        Some(Value::Array(names)) => names.contains(&"string".into()),
        Some(name) => name == "string",
    }
}

/// The schema with templates allowed in the parts of its values, not in the value itself.
fn inside(mut schema: Value) -> Value {
    let Some(entries) = schema.as_object_mut() else { return schema };
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(parts)) = entries.get_mut(key) {
            parts.values_mut().for_each(|part| *part = templated(part.take()));
        }
    }
    for key in ["items", "additionalProperties", "contains"] {
        if let Some(part) = entries.get_mut(key).filter(|part| part.is_object()) {
            *part = templated(part.take());
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        if let Some(Value::Array(parts)) = entries.get_mut(key) {
            let allow = if key == "prefixItems" { templated } else { inside };
            parts.iter_mut().for_each(|part| *part = allow(part.take()));
        }
    }
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(parts)) = entries.get_mut(key) {
            parts.values_mut().for_each(|part| *part = templated(part.take()));
        }
    }
    schema
}
