//! What can be asked of an engine, and what it answers: plain data, so that a local handle, the control socket and the
//! server's HTTP carry the same words.

use akao_contract::{Address, ExecutionId, ExecutionStatus, NodeType, OpId, Permission, Tenant};
use akao_flow::{Breakpoint, Decision, Definition, StepMode};
use akao_journal::{CommitError, ReadError};
use akao_step::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// A workflow with the workflows that its `SubWorkflow` nodes name, by the text that names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The workflow.
    pub definition: Definition,
    /// The others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub children: BTreeMap<String, Bundle>,
    /// The node types that it uses beside those of the engine's catalogue. Their names never mean anything else: they hold
    /// the digest of what will run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Arc<NodeType>>,
}

impl Bundle {
    /// A workflow that starts no others and uses the engine's node types alone.
    pub fn of(definition: Definition) -> Self {
        Self { definition, children: BTreeMap::new(), nodes: Vec::new() }
    }
}

/// Secrets given for one execution. They are held in memory only; `Debug` masks them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenSecrets(pub BTreeMap<String, Secret>);

impl Serialize for GivenSecrets {
    /// The control socket carries the values to the process that runs the steps; nothing else serialises requests.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, secret)| (name, secret.expose())))
    }
}

impl<'de> Deserialize<'de> for GivenSecrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Self(map.into_iter().map(|(name, text)| (name, Secret::new(text))).collect()))
    }
}

/// A start of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The owner.
    pub tenant: Tenant,
    /// What to run.
    pub bundle: Bundle,
    /// The input. Checked against the workflow's schema, whose defaults are filled in.
    #[serde(default)]
    pub input: Value,
    /// What the steps may do.
    #[serde(default)]
    pub grants: Vec<Permission>,
    /// Volumes by name and the host folder that each stands for.
    #[serde(default)]
    pub volumes: BTreeMap<String, String>,
    /// Variables that the operator publishes.
    #[serde(default)]
    pub vars: Map<String, Value>,
    /// Secrets for this execution.
    #[serde(default)]
    pub secrets: GivenSecrets,
    /// The same key with the same request starts one execution, whatever happens in between.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Whether a debugger is there from the first step.
    #[serde(default)]
    pub debug: bool,
    /// Where to stop.
    #[serde(default)]
    pub breakpoints: Vec<Breakpoint>,
    /// The id that the execution is to have, when whoever asks has written it down before; a new one when absent. It is no
    /// part of what an idempotency key stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// W3C `traceparent` of what asked. It is no part of what an idempotency key stands for either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What whoever looks at the execution should know of what it runs, such as that a node's version is deprecated. It is no
    /// part of what an idempotency key stands for either: the same request may be warned of more later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Something to ask. Every change is durable when it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Start an execution; answered by `Started`.
    Start(Box<StartRequest>),
    /// Send a signal.
    Signal {
        /// To whom.
        execution: ExecutionId,
        /// The signal's name.
        name: String,
        /// Correlation key.
        #[serde(default)]
        key: Option<String>,
        /// What it carries.
        #[serde(default)]
        payload: Value,
        /// The same id is taken once.
        #[serde(default)]
        signal_id: Option<String>,
    },
    /// Ask an execution to end.
    Cancel {
        /// Which.
        execution: ExecutionId,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
        /// Whether `finally` children are halted too.
        #[serde(default)]
        force: bool,
    },
    /// Take an execution out of the queue: it never begins. One that has begun is left alone.
    LeaveQueue {
        /// Which.
        execution: ExecutionId,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Start nothing new.
    Pause {
        /// Which.
        execution: ExecutionId,
    },
    /// Go on after a pause, a breakpoint, a restart or a missing secret.
    Resume {
        /// Which.
        execution: ExecutionId,
        /// Secrets that were missing.
        #[serde(default)]
        secrets: GivenSecrets,
    },
    /// A debugger comes or goes.
    Debug {
        /// Which.
        execution: ExecutionId,
        /// Whether it comes.
        on: bool,
    },
    /// Go on to the next stop.
    Step {
        /// Which.
        execution: ExecutionId,
        /// How far.
        mode: StepMode,
    },
    /// Set a breakpoint.
    SetBreakpoint {
        /// Which.
        execution: ExecutionId,
        /// Where.
        breakpoint: Breakpoint,
    },
    /// Clear a breakpoint.
    ClearBreakpoint {
        /// Which.
        execution: ExecutionId,
        /// Where.
        at: String,
    },
    /// Change a value of a paused execution.
    Edit {
        /// Which.
        execution: ExecutionId,
        /// `bb.key`, `input.key`, `steps.id.outputs.key` or a bare key.
        path: String,
        /// The new value.
        value: Value,
        /// The step from which the path is seen.
        #[serde(default)]
        at: Option<Address>,
    },
    /// Look at values; answered by `Values`.
    Inspect {
        /// Which.
        execution: ExecutionId,
        /// The step that looks.
        #[serde(default)]
        at: Option<Address>,
    },
    /// Complete a human task.
    CompleteTask {
        /// Which execution.
        execution: ExecutionId,
        /// Which task of it.
        op: OpId,
        /// The decision.
        decision: Decision,
    },
    /// Start a new execution from the state before a step; answered by `Started`.
    Fork {
        /// From which.
        execution: ExecutionId,
        /// Before which step: a node id or an address.
        at: String,
        /// Values to change there, in order.
        #[serde(default)]
        edits: Vec<(String, Value)>,
        /// Secrets for the new execution.
        #[serde(default)]
        secrets: GivenSecrets,
        /// The id that the new execution is to have; a new one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<ExecutionId>,
        /// W3C `traceparent` of what asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    /// Take in an exported execution; answered by `Started` with its id.
    Import {
        /// The lines of the export.
        export: String,
    },
    /// Remove executions that ended before a time; answered by `Pruned`.
    Prune {
        /// Unix milliseconds.
        ended_before_ms: i64,
        /// How many at most: nothing else is done meanwhile. All of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        executions_max: Option<u64>,
    },
    /// Remove one execution that has ended, with everything that is kept of it.
    Remove {
        /// Which.
        execution: ExecutionId,
    },
    /// Remove executions of a tenant that have ended, whenever that was and however; answered by `Pruned`. To be asked until there
    /// are none.
    RemoveOf {
        /// Which tenant.
        tenant: Tenant,
        /// How many at most: nothing else is done meanwhile.
        executions_max: u64,
    },
    /// What waits for a place; answered by `Queue`.
    Queue,
    /// What a tenant has under way; answered by `Usage`.
    Usage {
        /// Which tenant.
        tenant: Tenant,
    },
    /// Look at what waits again: more may be allowed than before.
    Admit,
    /// How the engine is; answered by `Health`.
    Health,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done and durable.
    Done,
    /// An execution was started.
    Started {
        /// Its id.
        execution: ExecutionId,
        /// Its state right after the start.
        status: ExecutionStatus,
        /// Whether an earlier start with the same key is answered again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repeated: bool,
        /// Place in the queue, from 1, when it is queued.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
    },
    /// Values as a step sees them, and where the execution is held.
    Values {
        /// `input`, `bb`, `steps`, `item`, `index`, `vars`.
        values: Value,
        /// Address, node id and reason of everything that is held.
        held: Vec<(Address, String, String)>,
        /// The execution's state.
        status: ExecutionStatus,
    },
    /// Executions that were removed.
    Pruned {
        /// How many.
        executions: u64,
        /// How many of each tenant.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tenants: BTreeMap<Tenant, u64>,
    },
    /// What waits for a place.
    Queue {
        /// In the order of their turn within each tenant.
        entries: Vec<QueueEntry>,
        /// Executions that run.
        running: u64,
        /// Executions that may run.
        limit: u64,
    },
    /// What a tenant has under way.
    Usage {
        /// Executions that run.
        executions: u64,
        /// Executions that wait for a place.
        queued: u64,
        /// Steps that run.
        steps: u64,
    },
    /// How the engine is.
    Health {
        /// Process id of the owner.
        pid: u32,
        /// Executions in memory.
        live: u64,
        /// Steps under way.
        steps: u64,
        /// Whether nothing runs, is queued or waits for a timer.
        idle: bool,
    },
}

/// One execution that waits for a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueEntry {
    /// Its id.
    pub id: ExecutionId,
    /// What kind of thing it is: `execution`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The workflow.
    pub target: String,
    /// What will be done: `start`.
    pub action: String,
    /// The owner.
    pub tenant: Tenant,
    /// Since when, in Unix milliseconds.
    pub enqueued_at: i64,
    /// Place within its tenant, from 1.
    pub position: u64,
    /// What it waits for besides a place: the concurrency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Why a request was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum CallError {
    /// The request cannot be meant.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What to do.
        #[serde(default)]
        suggestion: Option<String>,
    },
    /// There is no such execution, task or step.
    #[error("{message}")]
    NotFound {
        /// What was not found.
        message: String,
    },
    /// The state does not allow it.
    #[error("{message}")]
    Conflict {
        /// Why not.
        message: String,
    },
    /// A key by which a request is known again came with another request before.
    #[error("{message}")]
    KeyReused {
        /// Which.
        message: String,
    },
    /// The record of the execution is damaged or disagrees with the interpreter.
    #[error("execution {execution} is quarantined: {reason}")]
    Quarantined {
        /// Which.
        execution: ExecutionId,
        /// Why.
        reason: String,
    },
    /// The journal is damaged where the request, or the whole engine, needs it.
    #[error("{message}")]
    Damaged {
        /// Which file, where in it, and what.
        message: String,
    },
    /// The engine has stopped acknowledging.
    #[error("the engine has stopped: {message}")]
    Stopped {
        /// Why.
        message: String,
    },
}

impl From<akao_flow::BreakpointProblem> for CallError {
    fn from(problem: akao_flow::BreakpointProblem) -> Self {
        Self::Invalid { message: problem.message, suggestion: problem.suggestion }
    }
}

impl CallError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), suggestion: None }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound { message: message.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into() }
    }

    /// What became of a request whose batch was not committed.
    pub(crate) fn of_commit(problem: &CommitError) -> Self {
        let message = problem.to_string();
        match problem {
            CommitError::Damaged(_) => Self::Damaged { message },
            _ => Self::Stopped { message },
        }
    }

    /// What became of a request that had to read what cannot be read.
    pub(crate) fn unreadable(problem: &ReadError) -> Self {
        let message = problem.to_string();
        match problem {
            ReadError::Damaged(_) => Self::Damaged { message },
            _ => Self::Stopped { message },
        }
    }
}
