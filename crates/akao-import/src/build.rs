//! Node definitions put together from parts, and the placeholder that stands for what has no counterpart.

use akao_contract::{DURATION_MS_MAX, format_duration_ms};
use akao_flow::NodeDef;
use serde_json::{Value, json};

/// A node of `node_type` with nothing else.
pub(crate) fn node(node_type: &str) -> NodeDef {
    NodeDef { node_type: node_type.to_owned(), ..NodeDef::default() }
}

/// A node with props, in their order.
pub(crate) fn with_props<const N: usize>(node_type: &str, props: [(&str, Value); N]) -> NodeDef {
    let mut node = node(node_type);
    node.props.extend(props.into_iter().map(|(name, value)| (name.to_owned(), value)));
    node
}

/// A composite with its children.
pub(crate) fn composite(node_type: &str, children: Vec<NodeDef>) -> NodeDef {
    NodeDef { children, ..node(node_type) }
}

/// A decorator around one child.
pub(crate) fn decorate<const N: usize>(node_type: &str, props: [(&str, Value); N], child: NodeDef) -> NodeDef {
    NodeDef { children: vec![child], ..with_props(node_type, props) }
}

/// A leaf that succeeds when `expression` is true and fails when it is false.
pub(crate) fn check(expression: &str) -> NodeDef {
    gate(expression, "failure", node("SuccessNode"))
}

/// A Precondition: the child when `expression` is true, else the status named.
pub(crate) fn gate(expression: &str, otherwise: &str, child: NodeDef) -> NodeDef {
    decorate("Precondition", [("if", whole(expression)), ("else", json!(otherwise))], child)
}

/// A prop that is one expression, so that the value keeps its type.
pub(crate) fn whole(expression: &str) -> Value {
    Value::String(format!("${{{expression}}}"))
}

/// What stands in the place of `what`: an error in the log that says why, a failing node, and after it, never reached,
/// the children that were there, so that nothing of the author's work is lost.
pub(crate) fn placeholder(what: &str, reason: &str, children: Vec<NodeDef>) -> NodeDef {
    let message = escape(&format!("{what} was not imported: {reason}"));
    let mut failing = with_props("FailureNode", [("message", json!(message))]);
    failing.name = Some(format!("placeholder for {what}"));
    let mut all = vec![with_props("LogMessage", [("message", json!(message)), ("level", json!("error"))]), failing];
    all.extend(children);
    composite("Sequence", all)
}

/// Text that is not to be read as a template.
pub(crate) fn escape(text: &str) -> String {
    if !text.contains("${") && !text.contains("{{") {
        return text.to_owned();
    }
    text.replace("{{", "\u{0}").replace("${", "$${").replace('\u{0}', "${'{{'}")
}

/// Escapes every text inside a value.
pub(crate) fn escape_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escape(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(escape_value).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, escape_value(value))).collect()),
        other => other,
    }
}

/// A duration as workflow files have it. What is longer than the longest is as good as endless, and so is that one.
pub(crate) fn duration(ms: u64) -> String {
    format_duration_ms(ms.min(DURATION_MS_MAX))
}

/// A whole number as JSON prints it: `3`, not `3.0`.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9.0e15 { json!(value as i64) } else { json!(value) }
}
