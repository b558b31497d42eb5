//! What happened: the only things the journal holds. An event is named once and never changes its meaning.

use akao_contract::{Address, ExecutionId, ExecutionStatus, OpId, Outcome, StepError, Tenant, shortened};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One event. The first of an execution is always `Started`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The execution begins.
    Started(Box<Start>),
    /// A leaf has ended.
    StepFinished {
        /// The step's operation.
        op: OpId,
        /// How.
        outcome: Outcome,
        /// Attempts made; the first one counts.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        attempts: u32,
        /// When its first attempt began, in Unix milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_ms: Option<i64>,
        /// The attempts that failed before the last one, oldest first; of many only the last ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        earlier: Vec<EarlierAttempt>,
    },
    /// A timer's time has come.
    TimerFired {
        /// The timer's operation.
        op: OpId,
    },
    /// Somebody sent a signal.
    Signal {
        /// The signal's name.
        name: String,
        /// Correlation key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// What it carries.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        payload: Value,
    },
    /// A person has decided.
    TaskCompleted {
        /// The task's operation.
        op: OpId,
        /// The decision.
        decision: Decision,
    },
    /// A child execution has ended.
    ChildFinished {
        /// The child's operation.
        op: OpId,
        /// How.
        status: ExecutionStatus,
        /// Its outputs.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        outputs: Map<String, Value>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// A large collection is at hand. The value is content-addressed, so the journal need not hold it again.
    BlobLoaded {
        /// The load's operation.
        op: OpId,
        /// The value, or why it could not be loaded. Filled in again by the driver on replay.
        #[serde(skip)]
        value: Option<Arc<Value>>,
        /// Why it could not be loaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// Somebody wants the execution to end.
    CancelRequested {
        /// Why, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Whether `finally` children that run because of an earlier cancel are halted too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        force: bool,
    },
    /// Nothing new is started.
    PauseRequested,
    /// What was held is started.
    ResumeRequested,
    /// A debugger comes (`on`) or goes. `Breakpoint` nodes stop only while one is there.
    DebugAttached {
        /// Whether it comes.
        on: bool,
    },
    /// A place where to stop.
    BreakpointSet(Breakpoint),
    /// No longer a place where to stop.
    BreakpointCleared {
        /// The place, as it was set.
        at: String,
    },
    /// Go on to the next stop.
    Stepped {
        /// How far.
        mode: StepMode,
    },
    /// Somebody changed a value.
    ValueEdited {
        /// `bb.key.path`, `input.key` or `steps.id.outputs.key`; a bare name is the blackboard.
        path: String,
        /// The new value.
        value: Value,
        /// The step from which the path is seen; absent: the root's scope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Address>,
    },
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(attempts: &u32) -> bool {
    *attempts == 1
}

/// How an execution begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Its id.
    pub execution: ExecutionId,
    /// Who owns it.
    pub tenant: Tenant,
    /// Semantics level of the interpreter, kept for life.
    pub semantics: u16,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The input, checked against the workflow's schema and with its defaults.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// Variables that the operator publishes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Whether a debugger is there from the first step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub debug: bool,
    /// Where to stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakpoints: Vec<Breakpoint>,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Approved or done, or rejected.
    pub approved: bool,
    /// The form's content.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A place where to stop: a node id, an address with or without iterations, or an edge `a->b` of a Graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakpoint {
    /// The place.
    pub at: String,
    /// Stops only when this expression holds there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Goes away when it has stopped once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

/// How far a debugger goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMode {
    /// To the next breakpoint.
    Continue,
    /// To the next node that starts.
    Into,
    /// To the next node that starts outside the one that is held.
    Over,
    /// To the next node that starts outside the parent of the one that is held.
    Out,
}

/// An attempt at a step that failed and was followed by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    /// Which; 1 is the first.
    pub number: u32,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// Why it failed.
    pub error: StepError,
}

impl EarlierAttempt {
    /// Bytes of the message and of the detail that are kept.
    const ERROR_BYTES_MAX: usize = 2_000;

    /// An attempt whose error is kept as far as it is short: there may be many, and the last one's is kept whole.
    pub fn new(number: u32, started_ms: i64, ended_ms: i64, error: &StepError) -> Self {
        let is_short = error.detail.to_string().len() <= Self::ERROR_BYTES_MAX;
        let error = StepError {
            message: shortened(error.message.as_str(), Self::ERROR_BYTES_MAX),
            detail: if is_short { error.detail.clone() } else { Value::Null },
            ..*error
        };
        Self { number, started_ms, ended_ms, error }
    }
}
