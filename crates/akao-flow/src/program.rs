//! A program: a definition lowered to one arena of nodes with compiled templates, ready for the interpreter.
//!
//! A program is immutable and shared by every execution of the same workflow version. It never changes meaning: the same
//! definition and the same node types give the same program.

mod breakpoint;

pub use breakpoint::BreakpointProblem;

use crate::{OnFailure, control::Control, machine::StepInput};
use akao_contract::{Digest, ErrorKind, NodeId, Outcome};
use akao_expression::{Condition, Expression, Template};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// Position of a node in [`Program::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(pub(crate) u32);

impl NodeIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A workflow version, lowered.
#[derive(Debug)]
pub struct Program {
    pub(crate) workflow: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) hash: Digest,
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeIndex,
    pub(crate) outputs: Vec<(String, Template)>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) concurrency: Option<ConcurrencyPlan>,
    pub(crate) secret_names: BTreeSet<String>,
}

/// The bound on executions that run at once.
#[derive(Debug)]
pub(crate) struct ConcurrencyPlan {
    pub(crate) key: Option<Template>,
    pub(crate) limit: u32,
}

/// A node of a program.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) node_type: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) work: Work,
    pub(crate) children: Vec<NodeIndex>,
    pub(crate) condition: Option<Condition>,
    /// Whether `if` looks at the status or error of a step, so that it decides even after a failure.
    pub(crate) handles_failure: bool,
    pub(crate) on_failure: OnFailure,
    pub(crate) pin: Option<Outcome>,
    /// Whether some expression names this node under `steps`.
    pub(crate) retained: bool,
    /// Blackboard keys that this node and everything below it read; none means that they cannot be known.
    pub(crate) reads: Option<BTreeSet<Arc<str>>>,
}

/// What a node does.
#[derive(Debug)]
pub(crate) enum Work {
    /// Orders its children, inside the interpreter.
    Control(Control),
    /// Is run by a driver.
    Leaf(Box<Leaf>),
}

/// How a leaf's input is made and its result kept.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) props: Props,
    /// Names of props whose text is a blackboard path that the step is given.
    pub(crate) read_props: Vec<Arc<str>>,
    /// Whether the step is given everything it can see.
    pub(crate) reads_all: bool,
    /// Blackboard key and output that is stored there.
    pub(crate) output: Option<(Arc<str>, Arc<str>)>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) timeout_ms: Option<u64>,
    /// Secrets that the node itself asks for while it runs.
    pub(crate) secrets: Vec<Arc<str>>,
}

/// Props: constant, then kept as the input of a step that reads nothing else; or made anew for each activation.
#[derive(Debug)]
pub(crate) enum Props {
    Constant(Arc<StepInput>),
    Template(Template),
}

/// `retry:` of a leaf, with every default filled in. Carried out by the driver.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all.
    pub attempts: u32,
    /// Wait before the second attempt.
    pub delay_ms: u64,
    /// Each further wait is this many times the one before.
    pub factor: f64,
    /// Longest wait.
    pub max_delay_ms: u64,
    /// Kinds that are tried again; empty means those whose error says `retryable`.
    pub on: Vec<ErrorKind>,
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (1 for the first), without jitter.
    pub fn wait_ms(&self, attempt: u32) -> u64 {
        let wait = self.delay_ms as f64 * self.factor.powi(attempt.saturating_sub(1).min(1_000) as i32);
        if wait.is_finite() { (wait as u64).min(self.max_delay_ms) } else { self.max_delay_ms }
    }
}

impl Program {
    /// The workflow's id.
    pub fn workflow(&self) -> &Arc<str> {
        &self.workflow
    }

    /// The workflow's version.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The content hash of the definition.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// Number of nodes, over all trees.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes. A lowered program always has a root.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The id of a node.
    pub fn node_id(&self, node: NodeIndex) -> &NodeId {
        &self.node(node).id
    }

    /// The type of a node.
    pub fn node_type(&self, node: NodeIndex) -> &Arc<str> {
        &self.node(node).node_type
    }

    /// The retry policy and the timeout of each attempt of a leaf.
    pub fn delivery(&self, node: NodeIndex) -> (Option<&RetryPolicy>, Option<u64>) {
        match &self.node(node).work {
            Work::Leaf(leaf) => (leaf.retry.as_ref(), leaf.timeout_ms),
            Work::Control(_) => (None, None),
        }
    }

    /// The secrets that a leaf's node type asks for by its permissions, whether or not they are granted.
    pub fn secrets_asked(&self, node: NodeIndex) -> &[Arc<str>] {
        match &self.node(node).work {
            Work::Leaf(leaf) => &leaf.secrets,
            Work::Control(_) => &[],
        }
    }

    /// The secrets that the node types of all leaves ask for by their permissions.
    pub fn all_secrets_asked(&self) -> BTreeSet<&str> {
        let leaves = self.nodes.iter().filter_map(|node| match &node.work {
            Work::Leaf(leaf) => Some(&leaf.secrets),
            Work::Control(_) => None,
        });
        leaves.flatten().map(AsRef::as_ref).collect()
    }

    /// The names of the node types that a driver must be able to run.
    pub fn leaf_types(&self) -> BTreeSet<Arc<str>> {
        let leaves = self.nodes.iter().filter(|node| matches!(node.work, Work::Leaf(_)));
        leaves.map(|node| Arc::clone(&node.node_type)).collect()
    }

    /// The names of the secrets that some node uses.
    pub fn secret_names(&self) -> Vec<&str> {
        self.secret_names.iter().map(String::as_str).collect()
    }

    /// How many executions may run at once with the queue key that this input gives; none means no bound.
    ///
    /// # Errors
    /// The key's template cannot be rendered over the input.
    pub fn concurrency(&self, input: &Value) -> Result<Option<(String, u32)>, akao_contract::StepError> {
        let Some(plan) = &self.concurrency else { return Ok(None) };
        let key = match &plan.key {
            None => String::new(),
            Some(template) => crate::machine::render_over_input(template, input)?,
        };
        Ok(Some((format!("{}/{key}", self.workflow), plan.limit)))
    }

    pub(crate) fn node(&self, node: NodeIndex) -> &Node {
        &self.nodes[node.at()]
    }

    pub(crate) fn find(&self, id: &str) -> Option<NodeIndex> {
        let at = self.nodes.iter().position(|node| node.id.as_str() == id)?;
        Some(NodeIndex(u32::try_from(at).ok()?))
    }
}

/// An expression together with nothing else; kept here so that control nodes need not name the expression crate.
pub(crate) type Predicate = Expression;
