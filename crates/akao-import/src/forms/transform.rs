//! Transforms on the way from one node to another: a filter becomes an `ArrayFilter`, a plain field is read directly,
//! anything else is a placeholder in between.

use crate::build;
use akao_contract::is_name;
use akao_flow::NodeDef;
use serde_json::{Value, json};

/// What a transform expression is here.
pub(super) enum Transform {
    /// Nothing is changed.
    None,
    /// A node between the two.
    Node(Box<NodeDef>),
    /// No counterpart, with the reason.
    Unknown(String),
}

/// Operators of `filter(field OP value)`, longest first.
const OPERATORS: [(&str, &str); 8] = [
    ("==", "eq"),
    ("!=", "ne"),
    (">=", "gte"),
    ("<=", "lte"),
    (">", "gt"),
    ("<", "lt"),
    (" in ", "in"),
    (" contains ", "contains"),
];

/// Reads a transform that is applied to `input`.
pub(super) fn read(expression: &str, input: Value) -> Transform {
    let trimmed = expression.trim();
    if matches!(trimmed, "" | "identity" | "value" | "input" | "$") {
        return Transform::None;
    }
    let body = trimmed.strip_prefix("filter(").and_then(|rest| rest.strip_suffix(')'));
    match body.and_then(condition) {
        Some(condition) => {
            let props = [("input", input), ("conditions", json!([condition]))];
            Transform::Node(Box::new(build::with_props("ArrayFilter", props)))
        }
        None => Transform::Unknown(format!("the transform `{trimmed}` has no counterpart")),
    }
}

fn condition(text: &str) -> Option<Value> {
    let (field, operator, value) = OPERATORS.iter().find_map(|(sign, word)| {
        let (field, value) = text.split_once(sign)?;
        Some((field.trim(), word, value.trim()))
    })?;
    if !field.split('.').all(is_name) {
        return None;
    }
    Some(json!({ "field": field, "operator": operator, "value": literal(value)? }))
}

/// A quoted text, a number, a boolean or a list of them.
fn literal(text: &str) -> Option<Value> {
    if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return list.split(',').map(|item| literal(item.trim())).collect::<Option<Vec<_>>>().map(Value::Array);
    }
    for quote in ['\'', '"'] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return (!inner.contains(quote)).then(|| json!(build::escape(inner)));
        }
    }
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_number() || value.is_boolean())
}
