//! What a node type declares. The catalogue of a workflow compiler, the node reference and the editor all read this.

use crate::{ErrorKind, Permission};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Annotations that a prop's JSON Schema may carry.
pub mod annotation {
    /// `true`: the prop's text is never a template (scripts, queries, patterns).
    pub const LITERAL: &str = "x-akao-literal";
    /// `true`: the prop's text is a blackboard path whose value the step is given in `Invocation::blackboard`.
    pub const READS: &str = "x-akao-reads";
    /// `true`: the prop's text is a blackboard key that the step writes.
    pub const WRITES: &str = "x-akao-writes";
    /// `true`: a step that is given this prop is not given the blackboard, although its node type reads all of it.
    pub const INSTEAD_OF_BLACKBOARD: &str = "x-akao-instead-of-blackboard";
    /// `"ms"`, `"s"` or `"unit"`: the prop is a duration; what a bare number means there.
    pub const DURATION: &str = "x-akao-duration";
    /// `true` beside the schema of all props: a step may be given many inputs, see [`ITEMS_KEY`](super::ITEMS_KEY).
    pub const BATCH: &str = "x-akao-batch";
}

/// The prop that holds a list of inputs instead of one, for node types whose props are annotated with
/// [`annotation::BATCH`]; the same key holds them, and their answers, in messages.
pub const ITEMS_KEY: &str = "$items";

/// The prop that names the blackboard key under which the main output of a node is stored.
pub const OUTPUT_KEY: &str = "outputKey";

/// Where a node type is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Control: orders its children.
    Composite,
    /// Control: changes the meaning of one child.
    Decorator,
    /// Waits durably without a process.
    Waiting,
    /// Answers yes or no.
    Condition,
    /// Works on values only.
    Data,
    /// Reads or writes files.
    File,
    /// Talks to other systems.
    Network,
    /// For trying things out and for tests.
    Test,
}

/// What a step may have done when nobody knows whether it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effects {
    /// A function of its inputs: it may run before its cause is durable, and again, unseen.
    None,
    /// Looks at the outside without changing it.
    Read,
    /// Changes something outside.
    Write,
}

/// Which blackboard values the step is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Those that props with `x-akao-reads` name.
    Named,
    /// Everything visible from the node, unless a prop with `x-akao-instead-of-blackboard` is given.
    All,
}

/// A failure that the node type documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorDoc {
    /// The kind.
    pub kind: ErrorKind,
    /// When it happens, as a fragment.
    pub when: String,
}

/// A runnable example: a whole workflow, the input it wants, and what its run ends with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The workflow file.
    pub workflow: String,
    /// The input that it is run with; null for none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// What the execution's `outputs` are; null when the example ends in a failure or has none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub outputs: Value,
    /// Other files that the workflow names, by their path from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

impl Example {
    /// An example that is one file.
    pub fn new(workflow: impl Into<String>, input: Value, outputs: Value) -> Self {
        Self { workflow: workflow.into(), input, outputs, files: BTreeMap::new() }
    }

    /// The example with another file beside it.
    #[must_use]
    pub fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }
}

/// A versioned unit of work, as its author declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeType {
    /// The name used in `type:`, such as `HttpRequest`.
    pub name: String,
    /// Other names that mean the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Semantic version.
    pub version: String,
    /// Where it is listed.
    pub category: Category,
    /// One sentence.
    pub summary: String,
    /// The whole behaviour, as Markdown.
    pub description: String,
    /// JSON Schema (an object schema) of the props.
    pub props: Value,
    /// JSON Schema (an object schema) of the outputs.
    pub outputs: Value,
    /// The output that `outputKey` stores; none when the node has no main output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_output: Option<String>,
    /// Documented failures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorDoc>,
    /// What it may change outside.
    pub effects: Effects,
    /// Whether a second run with the same idempotency key is harmless. Default false: at most once.
    #[serde(default)]
    pub idempotent: bool,
    /// Which blackboard values it is given.
    pub reads: Reads,
    /// What it must be granted to be of use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// Fewest children.
    #[serde(default)]
    pub children_min: u32,
    /// Most children; none means no bound. Zero for leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children_max: Option<u32>,
    /// Runnable examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}
