//! One node of a tree, and the nodes below it. Recursion is bounded by the depth that the YAML budget allows.

use super::settings::ON_FAILURE;
use crate::{NodeDef, ProblemCode, RetryDef};
use akao_contract::ErrorKind;
use akao_document::misspelt;
use akao_document::{Path, Reader};
use akao_yaml::{Entry, Node, Value};
use serde_json::Map;

const KEYS: [&str; 14] = [
    "id",
    "type",
    "name",
    "props",
    "children",
    "needs",
    "if",
    "retry",
    "timeout",
    "on_failure",
    "pin",
    "run_on",
    "case",
    "default",
];
const RETRY_KEYS: [&str; 5] = ["attempts", "delay", "factor", "max_delay", "on"];

/// Nodes that one file may have, over all trees. What a loop runs counts once.
const NODES_MAX: usize = 10_000;

pub(crate) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> NodeDef {
    let mut def = NodeDef::default();
    reader.nodes += 1;
    if reader.nodes > NODES_MAX {
        if reader.nodes == NODES_MAX + 1 {
            let message = format!("the workflow has more than {NODES_MAX} nodes");
            let suggestion = "Repeat nodes with a loop, or move a part into a workflow of its own.".to_owned();
            reader.problem(ProblemCode::TooManyNodes, node.position, at, message, Some(suggestion));
        }
        return def;
    }
    let Some(entries) = node.entries() else {
        not_a_node(reader, node, at);
        return def;
    };
    let mut has_type = false;
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "type" => {
                has_type = true;
                def.node_type = node_type(reader, node, &path);
            }
            "id" => def.id = reader.text(node, &path, "id"),
            "name" => def.name = reader.text(node, &path, "name"),
            "props" => def.props = props(reader, node, &path),
            "children" => def.children = children(reader, node, &path),
            "needs" => def.needs = reader.texts(node, &path, "needs"),
            "if" => def.condition = condition(reader, node, &path),
            "retry" => def.retry = retry(reader, node, &path),
            "timeout" => def.timeout = reader.duration(node, &path, "timeout"),
            "on_failure" => def.on_failure = reader.word(node, &path, "on_failure", &ON_FAILURE),
            "pin" => def.pin = Some(node.to_value()),
            "run_on" => def.run_on = reader.texts(node, &path, "run_on"),
            "case" => def.case = case(reader, node, &path),
            "default" => def.default = reader.flag(node, &path, "default").unwrap_or_default(),
            other => reader.unknown_key(key, at, "a node", KEYS, hint(other)),
        }
    }
    if !has_type && !misspelt(entries, "type", &KEYS) {
        let suggestion = Some("Write for example `type: Sequence` or `type: HttpRequest`.".to_owned());
        reader.problem(ProblemCode::MissingKey, node.position, at, "the node has no `type`", suggestion);
    }
    def
}

fn not_a_node(reader: &mut Reader, node: &Node, at: &Path<'_>) {
    let (message, suggestion) = match &node.value {
        Value::String(text, _) if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !text.is_empty() => {
            let text = akao_document::suggest::shown(text);
            (format!("a node must be a mapping, not the text `{text}`"), format!("Write `type: {text}`."))
        }
        Value::Sequence(_) => (
            "a node must be a mapping, not a list".to_owned(),
            "Put the list under `children:` of a node such as `type: Sequence`.".to_owned(),
        ),
        _ => (
            format!("a node must be a mapping, not {}", akao_document::kind_of(node)),
            "Write for example `{ type: Sequence, children: […] }`.".to_owned(),
        ),
    };
    reader.problem(ProblemCode::WrongKind, node.position, at, message, Some(suggestion));
}

/// What is usually meant by keys that other tools have.
fn hint(key: &str) -> Option<&'static str> {
    match key {
        "depends_on" | "dependsOn" | "after" | "requires" | "dependencies" => Some("Write `needs: [id]`."),
        "when" | "condition" | "runIf" | "run_if" => Some("Write `if: …`."),
        "config" | "parameters" | "params" | "with" | "inputs" | "args" | "properties" | "options" => {
            Some("Write `props:`.")
        }
        "steps" | "nodes" | "tasks" | "body" | "do" => Some("Write `children:`."),
        "child" => Some("Write `children:` with a list of one node."),
        "then" | "else" | "catch" | "finally" | "try" => Some(
            "Branches are children in order: Conditional has condition, then, else; Recovery has try, catch, finally.",
        ),
        "uses" | "kind" | "node" => Some("Write `type:`."),
        "outputs" | "output" => {
            Some("Use the prop `outputKey`, or read `${steps.ID.outputs}`; `outputs:` stands at the top of the file.")
        }
        "retries" | "attempts" => Some("Write `retry: { attempts: 3 }`."),
        "env" => Some("There is no environment; pass values as props or use `${secrets.NAME}`."),
        "continue_on_error" | "continueOnError" | "ignore_errors" => Some("Write `on_failure: continue`."),
        "label" | "title" | "description" => Some("Write `name:`, or a comment."),
        _ => None,
    }
}

fn node_type(reader: &mut Reader, node: &Node, path: &Path<'_>) -> String {
    let text = reader.text(node, path, "type").unwrap_or_default();
    if text.is_empty() && node.as_str().is_some() {
        let suggestion = Some("Write for example `type: Sequence`.".to_owned());
        reader.problem(ProblemCode::InvalidValue, node.position, path, "`type` is empty", suggestion);
    }
    text
}

fn props(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Map<String, serde_json::Value> {
    if node.value == Value::Null {
        return Map::new();
    }
    let example = "props: { message: hello }";
    let Some(entries) = reader.mapping(node, path, "props", example) else { return Map::new() };
    let mut props = Map::with_capacity(entries.len());
    for entry in entries {
        props.insert(entry.key.text.clone(), entry.node.to_value());
    }
    props
}

fn children(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Vec<NodeDef> {
    if node.value == Value::Null {
        return Vec::new();
    }
    if let Some(entries) = node.entries() {
        let named_nodes = entries.iter().all(|entry| entry.node.get("type").is_some());
        let suggestion = match named_nodes && !entries.is_empty() {
            true => "Write each as `- id: NAME` with its keys below it.",
            false => "Put `- ` in front of each child.",
        };
        let message = "`children` must be a list, not a mapping";
        reader.problem(ProblemCode::WrongKind, node.position, path, message, Some(suggestion.to_owned()));
        return Vec::new();
    }
    let Some(items) = reader.list(node, path, "children", "children: [{ type: SuccessNode }]") else {
        return Vec::new();
    };
    items.iter().enumerate().map(|(at, item)| read(reader, item, &path.index(at))).collect()
}

fn condition(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<serde_json::Value> {
    match &node.value {
        Value::Bool(_) | Value::String(..) => Some(node.to_value()),
        _ => {
            reader.wrong_kind(node, path, "if", "a boolean or an expression", "if: \"bb.count > 0\"");
            None
        }
    }
}

fn case(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<serde_json::Value> {
    let is_scalar = |node: &Node| !matches!(node.value, Value::Sequence(_) | Value::Mapping(_));
    let is_list = node.items().is_some_and(|items| !items.is_empty() && items.iter().all(is_scalar));
    if is_scalar(node) || is_list {
        return Some(node.to_value());
    }
    reader.wrong_kind(node, path, "case", "one value or a list of values", "case: paid");
    None
}

fn retry(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Option<RetryDef> {
    if let Value::Number(number) = &node.value {
        let message = format!("`retry` must be a mapping, not the number {number}");
        let suggestion = Some(format!("Write `retry: {{ attempts: {number} }}`; the first attempt counts."));
        reader.problem(ProblemCode::WrongKind, node.position, at, message, suggestion);
        return None;
    }
    let entries = reader.mapping(node, at, "retry", "retry: { attempts: 3, delay: 1s }")?;
    let mut retry = RetryDef { attempts: 0, delay: None, factor: None, max_delay: None, on: Vec::new() };
    let (mut has_attempts, mut attempts) = (false, None);
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "attempts" => {
                has_attempts = true;
                attempts = reader.count(node, &path, "attempts", 1);
            }
            "delay" => retry.delay = reader.duration(node, &path, "delay"),
            "factor" => retry.factor = factor(reader, node, &path),
            "max_delay" => retry.max_delay = reader.duration(node, &path, "max_delay"),
            "on" => retry.on = error_kinds(reader, node, &path),
            other => reader.unknown_key(key, at, "retry", RETRY_KEYS, retry_hint(other)),
        }
    }
    // A key that is told to be `attempts` in other words says enough.
    let meant = |entry: &Entry| retry_hint(&entry.key.text).is_some_and(|hint| hint.contains("`attempts"));
    if !has_attempts && !entries.iter().any(meant) {
        let suggestion = Some("Write for example `retry: { attempts: 3 }`.".to_owned());
        reader.problem(ProblemCode::MissingKey, node.position, at, "`retry` has no `attempts`", suggestion);
    }
    retry.attempts = attempts?;
    Some(retry)
}

fn retry_hint(key: &str) -> Option<&'static str> {
    match key {
        "maxAttempts" | "max_attempts" | "count" | "times" | "limit" => {
            Some("Write `attempts: 3`; the first attempt counts.")
        }
        "backoff" | "multiplier" | "backoffMs" => Some("Write `delay: 1s` and `factor: 2`."),
        "interval" | "wait" | "delayMs" => Some("Write `delay: 1s`."),
        _ => None,
    }
}

fn factor(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<f64> {
    const FACTOR_MAX: f64 = 100.0;
    let Value::Number(number) = &node.value else {
        reader.wrong_kind(node, path, "factor", "a number", "factor: 2");
        return None;
    };
    let factor = number.as_f64().filter(|factor| (1.0..=FACTOR_MAX).contains(factor));
    if factor.is_none() {
        let message = format!("`factor` must be from 1 to {FACTOR_MAX}, not {number}");
        let suggestion = Some("Write `factor: 2` to double each wait, or `factor: 1` to keep it.".to_owned());
        reader.problem(ProblemCode::InvalidValue, node.position, path, message, suggestion);
    }
    factor
}

fn error_kinds(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Vec<ErrorKind> {
    if let Some(text) = node.as_str() {
        reader.wrong_kind(node, path, "on", "a list", &format!("on: [{}]", akao_document::suggest::shown(text)));
        return Vec::new();
    }
    let words = ErrorKind::ALL.map(|kind| (kind.as_str(), kind));
    let Some(items) = reader.list(node, path, "on", "on: [connection, timeout]") else { return Vec::new() };
    let read = |(at, item): (usize, &Node)| reader.word(item, &path.index(at), "on", &words);
    items.iter().enumerate().filter_map(read).collect()
}
