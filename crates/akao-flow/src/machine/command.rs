//! What the interpreter asks its driver to do.

use crate::program::NodeIndex;
use akao_contract::{Address, BlobRef, ExecutionId, ExecutionStatus, OpId, StepError};
use akao_expression::SecretUse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, hash::Hasher, sync::Arc};
use xxhash_rust::xxh3::Xxh3;

/// One thing to do. Operations are closed by exactly one event each; a completion for a closed one is ignored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Run a leaf; answer with `StepFinished`.
    RunStep(RunStep),
    /// Halt a running leaf; it still answers with `StepFinished`.
    CancelStep {
        /// The step's operation.
        op: OpId,
    },
    /// Answer with `TimerFired` at `fire_at_ms`.
    StartTimer {
        /// The timer's operation.
        op: OpId,
        /// Unix milliseconds.
        fire_at_ms: i64,
    },
    /// Forget a timer.
    CancelTimer {
        /// The timer's operation.
        op: OpId,
    },
    /// Start another workflow; answer with `ChildFinished` if `wait`.
    StartChild(Box<StartChild>),
    /// Cancel a child execution; it still answers with `ChildFinished`.
    CancelChild {
        /// The child's operation.
        op: OpId,
        /// The child.
        child: ExecutionId,
    },
    /// Signals of this name are waited for. The machine matches them itself; the driver may index the wait.
    AwaitSignal {
        /// The wait's operation.
        op: OpId,
        /// The signal's name.
        name: String,
        /// The correlation key, if one is asked for.
        key: Option<String>,
    },
    /// Show a task to people; answer with `TaskCompleted`.
    OpenTask {
        /// The task's operation.
        op: OpId,
        /// The task.
        task: Box<TaskSpec>,
    },
    /// The task is no longer open.
    CloseTask {
        /// The task's operation.
        op: OpId,
        /// Why: `expired` or `cancelled`.
        reason: TaskEnd,
    },
    /// Load a large collection; answer with `BlobLoaded`.
    LoadBlob {
        /// The load's operation.
        op: OpId,
        /// What to load.
        blob: Box<BlobRef>,
    },
    /// The execution has ended.
    Finish(Box<Finish>),
}

/// A leaf to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStep {
    /// The step's operation.
    pub op: OpId,
    /// The node in the program.
    pub node: NodeIndex,
    /// Rendered props and values; shared, because many activations of one node often have the same.
    pub input: Arc<StepInput>,
}

/// What a leaf is given, before large values are loaded and secrets filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepInput {
    /// Rendered props. Secrets stand as `***`.
    pub props: Arc<Map<String, Value>>,
    /// Whether the props are those of the definition, so that they need not be hashed or stored.
    #[serde(default)]
    pub constant: bool,
    /// Blackboard values by the path that names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blackboard: BTreeMap<String, Arc<Value>>,
    /// Blackboard paths that lead into a large value: the reference and the rest of the path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deferred: BTreeMap<String, (BlobRef, Vec<String>)>,
    /// Where secrets go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretUse>,
    /// The stream channel of the nearest `StreamingSink`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Another workflow to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartChild {
    /// The child's operation.
    pub op: OpId,
    /// The child's id, derived from the parent and the operation.
    pub child: ExecutionId,
    /// The workflow, as the definition names it.
    pub workflow: String,
    /// The child's input.
    pub input: Value,
    /// Whether the parent waits for its end.
    pub wait: bool,
}

/// A task for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// What is asked.
    pub title: String,
    /// Details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The form's JSON Schema, or null for approve/reject only.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub form: Value,
    /// Who should do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Which role should do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_role: Option<String>,
    /// When it expires, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<i64>,
}

/// Why a task was closed without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// Its time ran out.
    Expired,
    /// It was halted.
    Cancelled,
}

/// A failure and the step where it arose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong.
    pub error: StepError,
    /// Where.
    pub step: Address,
}

/// A child failure that a `SoftAssert` turned into success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftFailure {
    /// Where.
    pub step: Address,
    /// What went wrong.
    pub message: String,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
}

/// The end of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// Success, failure, cancelled or skipped.
    pub status: ExecutionStatus,
    /// The workflow's outputs; empty unless it succeeded.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What `SoftAssert` nodes recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft_failures: Vec<SoftFailure>,
}

/// A 64-bit fingerprint of commands in their order. Constant props are named by their node, not hashed again.
pub fn fingerprint(commands: &[Command]) -> u64 {
    let mut hasher = Xxh3::new();
    for command in commands {
        match command {
            Command::RunStep(step) if step.input.constant => {
                hasher.write_u8(1);
                hasher.write_u64(step.op.0);
                hasher.write_u32(step.node.0);
                for (path, value) in &step.input.blackboard {
                    hasher.write(path.as_bytes());
                    write_json(&mut hasher, value.as_ref());
                }
            }
            other => {
                hasher.write_u8(2);
                write_json(&mut hasher, other);
            }
        }
    }
    hasher.finish()
}

fn write_json(hasher: &mut Xxh3, value: &impl Serialize) {
    struct Sink<'a>(&'a mut Xxh3);
    impl std::io::Write for Sink<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // Commands hold only JSON values and text keys, and the sink cannot fail.
    let _ = serde_json::to_writer(Sink(hasher), value);
}
