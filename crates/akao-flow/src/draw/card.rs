//! What a drawing says about one node: a title, its type, a line about its key props, and badges.

use crate::{NodeDef, OnFailure, printable::printable};
use akao_contract::manifest::PinnedNode;
use serde_json::Value;

/// Longest text taken from one value, in characters; the drawings cut further.
const VALUE_CHARS_MAX: usize = 200;

/// Props that say most about a node, the most telling first.
const TELLING_PROPS: [&str; 46] = [
    "url",
    "message",
    "title",
    "prompt",
    "goal",
    "command",
    "query",
    "sql",
    "expression",
    "if",
    "condition",
    "on",
    "workflow",
    "treeId",
    "signalName",
    "collectionKey",
    "items",
    "collection",
    "script",
    "code",
    "textContent",
    "template",
    "path",
    "file",
    "pattern",
    "input",
    "tool",
    "capability",
    "provider",
    "operation",
    "channel",
    "channelId",
    "to",
    "subject",
    "key",
    "counterKey",
    "duration",
    "waitMs",
    "delayMs",
    "timeoutMs",
    "until",
    "attempts",
    "numCycles",
    "maxIterations",
    "strategy",
    "returnStatus",
];

/// What kind of node a type is, as far as its name tells. It chooses colour and sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Composite,
    Decorator,
    Waiting,
    Leaf,
    Package,
}

impl Kind {
    pub(super) fn of(node_type: &str) -> Self {
        match node_type {
            "Sequence" | "Selector" | "Fallback" | "ReactiveFallback" | "SequenceWithMemory" | "MemorySequence"
            | "ReactiveSequence" | "ReactiveSelector" | "Parallel" | "Conditional" | "Switch" | "ForEach" | "While"
            | "Recovery" | "Graph" | "SubTree" | "SubWorkflow" | "Race" => Self::Composite,
            "Retry"
            | "Timeout"
            | "Delay"
            | "Repeat"
            | "Invert"
            | "ForceSuccess"
            | "ForceFailure"
            | "RunOnce"
            | "KeepRunningUntilFailure"
            | "Precondition"
            | "SoftAssert"
            | "StreamingSink"
            | "Breakpoint" => Self::Decorator,
            "WaitAction" | "WaitForSignal" | "HumanTask" => Self::Waiting,
            other if other.contains(['.', '@', '/']) => Self::Package,
            _ => Self::Leaf,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Composite => "composite",
            Self::Decorator => "decorator",
            Self::Waiting => "waiting",
            Self::Leaf => "leaf",
            Self::Package => "package",
        }
    }
}

/// The text of one node. Every part is safe to print; none is cut to a width.
pub(super) struct Card {
    pub(super) kind: Kind,
    /// The author's name or id; the type when there is neither.
    pub(super) title: String,
    /// The type, when it is not the title.
    pub(super) subtitle: Option<String>,
    /// The key props.
    pub(super) summary: String,
    /// Short notes such as `3 attempts` or `30s`.
    pub(super) badges: Vec<String>,
}

impl Card {
    pub(super) fn of(node: &NodeDef) -> Self {
        let title = node.name.as_ref().or(node.id.as_ref()).map(|name| printable(&clip(name)));
        let node_type = printable(&clip(PinnedNode::shown(&node.node_type)));
        Self {
            kind: Kind::of(&node.node_type),
            subtitle: title.is_some().then(|| node_type.clone()),
            title: title.unwrap_or(node_type),
            summary: summary(node),
            badges: badges(node),
        }
    }
}

/// What a child is to its parent, where the order gives it a part: `then`, `body`, `catch`, a case.
pub(super) fn role(parent: &NodeDef, index: usize) -> Option<String> {
    let parts: &[&str] = match parent.node_type.as_str() {
        "Conditional" => &["if", "then", "else"],
        "While" => &["while", "body"],
        "Recovery" => &["try", "catch", "finally"],
        "Switch" => {
            let child = parent.children.get(index)?;
            return match &child.case {
                Some(value) => Some(text_of(value)),
                None => child.default.then(|| "default".to_owned()),
            };
        }
        _ => return None,
    };
    parts.get(index).map(|part| (*part).to_owned())
}

fn summary(node: &NodeDef) -> String {
    let mut parts = Vec::new();
    if let Some(Value::String(method)) = node.props.get("method") {
        parts.push(printable(&clip(method)));
    }
    let telling = TELLING_PROPS.iter().find_map(|key| node.props.get_key_value(*key));
    let first_short =
        || node.props.iter().find(|(key, value)| !value.is_object() && !value.is_array() && *key != "outputKey");
    if let Some((key, value)) = telling.or_else(first_short) {
        let text = text_of(value);
        parts.push(if value.is_string() { text } else { format!("{} = {text}", printable(&clip(key))) });
    }
    if let Some(Value::String(output)) = node.props.get("outputKey") {
        parts.push(format!("→ {}", printable(&clip(output))));
    }
    parts.join(" ")
}

fn badges(node: &NodeDef) -> Vec<String> {
    let mut badges = Vec::new();
    if let Some(condition) = &node.condition {
        badges.push(format!("if {}", text_of(condition)));
    }
    if let Some(retry) = &node.retry {
        badges.push(format!("{} attempts", retry.attempts));
    }
    if let Some(timeout) = &node.timeout {
        badges.push(format!("max {}", printable(&clip(timeout))));
    }
    if node.on_failure == Some(OnFailure::Continue) {
        badges.push("goes on".to_owned());
    }
    if node.pin.is_some() {
        badges.push("pinned".to_owned());
    }
    if !node.run_on.is_empty() {
        badges.push(format!("on {}", printable(&clip(&node.run_on.join(", ")))));
    }
    badges
}

/// The first line of a text, any other value as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first = clip(lines.next().unwrap_or_default());
            let more = if lines.next().is_some() { " …" } else { "" };
            format!("{}{more}", printable(&first))
        }
        Value::Array(items) => format!("[{} items]", items.len()),
        Value::Object(entries) => format!("{{{} fields}}", entries.len()),
        other => other.to_string(),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}
