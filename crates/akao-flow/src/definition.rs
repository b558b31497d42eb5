//! A workflow definition as data: the normalised form that is hashed, compared, drawn and lowered to a program.
//!
//! Comments, layout and the order of keys of the file are not in it. The order of `props` keys is kept because it can be
//! seen in rendered objects.

use crate::InputSchema;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The only value of `akao:` that this version reads.
pub const WORKFLOW_FORMAT: u32 = 1;

/// One version of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Format of the file.
    pub akao: u32,
    /// The workflow's id: lower-case letters, digits and hyphens.
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The input's properties.
    #[serde(default, skip_serializing_if = "InputSchema::is_empty")]
    pub inputs: InputSchema,
    /// Output name to template, rendered when the root has succeeded.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, Value>,
    /// Settings of the whole execution.
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// Trees that `SubTree` nodes name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub trees: IndexMap<String, NodeDef>,
    /// The tree that is run.
    pub root: NodeDef,
}

/// Settings of the whole execution.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long an execution may take, as a duration with a unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How many executions may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// The default of `on_failure` for children of a `Graph`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

impl Settings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A bound on executions of one workflow that run at once. What is over it queues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Template over `input`; executions with the same text share the bound. Absent: the whole workflow shares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many; at least 1.
    pub limit: u32,
}

/// Whether a failed child ends what stands around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The failure counts.
    Stop,
    /// The failure is recorded and the parent goes on as if the child had succeeded.
    Continue,
}

/// `retry:` of a node: attempts of one step, made by the driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryDef {
    /// Attempts in all; the first one counts.
    pub attempts: u32,
    /// Wait before the second attempt, as a duration with a unit. Default `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// Each further wait is this many times the one before. Default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Longest wait. Default `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<String>,
    /// Error kinds that are tried again. Default: those whose error says `retryable`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<akao_contract::ErrorKind>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeDef {
    /// The author's id; absent means the child-index path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Node type; aliases are replaced by the canonical name.
    #[serde(rename = "type")]
    pub node_type: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Props, with templates.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub props: Map<String, Value>,
    /// Inside a Graph: ids of siblings that must have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Condition: a boolean, a bare expression or one whole `${…}`.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Attempts of this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryDef>,
    /// Bound on each attempt, as a duration with a unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Whether a failure counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Recorded outputs used instead of running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Value>,
    /// Labels of runners that may run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_on: Vec<String>,
    /// Inside a Switch: the value that selects this child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Value>,
    /// Inside a Switch: this child is taken when no case matches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Children in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<NodeDef>,
}
