//! The interpreter. An event goes in, commands come out; both are plain data.
//!
//! Nodes talk by messages (start, child ended, halt), never by a tick from the root, so that an event costs the depth of
//! the tree. Inside one event messages are handled until none is left or the fuel is used up.
//!
//! ```text
//! event ──► operation ──► frame ──► control node ──► messages ──► … ──► commands and notes
//! ```

mod command;
mod debug;
mod edit;
mod event;
mod frame;
mod note;
mod run;
mod scope;
mod signals;
mod snapshot;
mod sound;
mod sparse;
mod steps;
mod waits;

pub use command::{
    Command, Failure, Finish, RunStep, SoftFailure, StartChild, StepInput, TaskEnd, TaskSpec, fingerprint,
};
pub use event::{Breakpoint, Decision, EarlierAttempt, Event, Start, StepMode};
pub use note::Note;
pub use signals::{SIGNAL_BUFFER_BYTES_MAX, SIGNAL_BUFFER_COUNT_MAX, SignalRefused};
pub use snapshot::{RestoreError, SNAPSHOT_FORMAT};

pub(crate) use frame::{End, Frame, FrameIndex, NO_ITERATION, Phase};
pub(crate) use run::Run;
pub(crate) use scope::{ScopeData, ScopeIndex, ScopeKind};
pub(crate) use signals::WaitedFor;

use crate::program::{NodeIndex, Program};
use akao_contract::{Address, BlobRef, ExecutionId, ExecutionStatus, NodeId, OpId, StepError, Tenant};
use akao_expression::{MapScope, Template};
use frame::Slab;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The semantics level that new executions get.
pub const SEMANTICS: u16 = 1;

/// The semantics levels that this version can run.
pub const SEMANTICS_SUPPORTED: std::ops::RangeInclusive<u16> = 1..=1;

/// Messages handled for one event. A workflow that needs more within one event is an endless loop without a step.
pub const FUEL_PER_EVENT: u64 = 1_000_000;

/// Room for messages that is kept from one event to the next.
const MESSAGES_KEPT_MAX: usize = 256;

/// Soft failures that are kept; later ones are counted by the journal only.
const SOFT_FAILURES_MAX: usize = 1_000;

/// What one event led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reaction {
    /// To be carried out, in this order, once the event is durable.
    pub commands: Vec<Command>,
    /// For people; empty unless the machine traces.
    pub notes: Vec<Note>,
}

impl Reaction {
    /// Empties both lists and keeps their memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.notes.clear();
    }
}

/// What kind of completion an operation waits for. Small, since a wide loop has one for each of its items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum OpKind {
    Step(Arc<StepInput>),
    Timer { fire_at_ms: i64 },
    Signal(Box<Awaited>),
    Task(Box<TaskSpec>),
    Child(Box<StartChild>),
    Load(Box<BlobRef>),
}

/// The signal that an operation waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Awaited {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
}

/// An open operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenOp {
    pub(crate) frame: FrameIndex,
    pub(crate) kind: OpKind,
}

/// Everything that changes while an execution runs. It is a value: a snapshot serialises it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) execution: ExecutionId,
    pub(crate) tenant: Tenant,
    pub(crate) semantics: u16,
    pub(crate) started_ms: i64,
    pub(crate) input: Arc<Value>,
    pub(crate) vars: BTreeMap<Arc<str>, Arc<Value>>,
    /// The `execution` namespace.
    pub(crate) about: Arc<Value>,
    pub(crate) next_op: u64,
    /// The birth number of the next frame.
    pub(crate) next_birth: u64,
    pub(crate) frames: Slab<Frame>,
    pub(crate) scopes: Slab<ScopeData>,
    pub(crate) root_frame: FrameIndex,
    pub(crate) root_scope: ScopeIndex,
    pub(crate) ops: BTreeMap<OpId, OpenOp>,
    /// Open steps and children: what makes an execution `running` rather than `waiting`.
    pub(crate) busy: u32,
    pub(crate) signals: signals::Signals,
    pub(crate) debug: debug::Debug,
    /// Reactive composites by the blackboard key whose change concerns them.
    pub(crate) watchers: BTreeMap<Arc<str>, std::collections::BTreeSet<FrameIndex>>,
    pub(crate) soft_failures: Vec<SoftFailure>,
    /// The timer of `settings.timeout`.
    pub(crate) deadline: Option<OpId>,
    /// Why the root was halted, when that decides the end.
    pub(crate) halted_by: Option<HaltCause>,
    /// Whether a cancel was forced: nothing is begun any more, not even `finally` children.
    pub(crate) forced: bool,
    pub(crate) finished: Option<ExecutionStatus>,
}

/// Why the whole execution was halted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum HaltCause {
    Cancelled { reason: Option<String> },
    TimedOut { after_ms: u64 },
    Fuel,
}

/// One execution's interpreter.
#[derive(Debug, Clone)]
pub struct Machine {
    program: Arc<Program>,
    state: State,
    trace: bool,
    /// Empty between two events; kept for its memory.
    messages: VecDeque<run::Message>,
}

impl Machine {
    /// Begins an execution. `trace` asks for notes.
    pub fn start(program: Arc<Program>, start: Start, trace: bool, reaction: &mut Reaction) -> Self {
        let state = State::new(&start);
        let mut machine = Self { program, state, trace, messages: VecDeque::new() };
        machine.run(start.at_ms, reaction, |run| run.begin());
        machine
    }

    /// Applies one event. `now_ms` is the time recorded with it. Events for closed operations change nothing.
    pub fn apply(&mut self, now_ms: i64, event: Event, reaction: &mut Reaction) {
        if self.state.finished.is_some() {
            return;
        }
        self.run(now_ms, reaction, |run| run.handle(event));
    }

    fn run(&mut self, now_ms: i64, reaction: &mut Reaction, act: impl FnOnce(&mut Run<'_>)) {
        let program = Arc::clone(&self.program);
        let mut run = Run::new(&program, &mut self.state, &mut self.messages, now_ms, self.trace, reaction);
        act(&mut run);
        run.settle();
        if self.messages.capacity() > MESSAGES_KEPT_MAX {
            self.messages = VecDeque::new();
        }
    }

    /// Whether notes are made.
    pub fn set_trace(&mut self, trace: bool) {
        self.trace = trace;
    }

    /// The program that is run.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The execution's state as people see it.
    pub fn status(&self) -> ExecutionStatus {
        match self.state.finished {
            Some(status) => status,
            None if self.state.debug.paused => ExecutionStatus::Paused,
            None if self.state.busy > 0 => ExecutionStatus::Running,
            None => ExecutionStatus::Waiting,
        }
    }

    /// Whether a step or a child is under way.
    pub fn is_busy(&self) -> bool {
        self.state.busy > 0
    }

    /// Whether a step of its own is under way, or a collection is loaded; children do not count.
    pub fn is_working(&self) -> bool {
        self.is_busy() && self.state.ops.values().any(|open| matches!(open.kind, OpKind::Step(_) | OpKind::Load(_)))
    }

    /// The semantics level of this execution.
    pub fn semantics(&self) -> u16 {
        self.state.semantics
    }

    /// Whether an operation is still open.
    pub fn is_open(&self, op: OpId) -> bool {
        self.state.ops.contains_key(&op)
    }

    /// The address of the step that an open operation belongs to.
    pub fn address_of(&self, op: OpId) -> Option<Address> {
        let open = self.state.ops.get(&op)?;
        Some(run::address(&self.state, open.frame))
    }

    /// The node that an open operation belongs to.
    pub fn node_of(&self, op: OpId) -> Option<NodeIndex> {
        let open = self.state.ops.get(&op)?;
        Some(self.state.frames.get(open.frame.0)?.node)
    }

    /// What a running leaf was given.
    pub fn step_input(&self, op: OpId) -> Option<&Arc<StepInput>> {
        match &self.state.ops.get(&op)?.kind {
            OpKind::Step(input) => Some(input),
            _ => None,
        }
    }

    /// What the execution was started with.
    pub fn input(&self) -> &Arc<Value> {
        &self.state.input
    }

    /// Whether the step of this operation is being halted.
    pub fn is_halting(&self, op: OpId) -> bool {
        let frame = self.state.ops.get(&op).and_then(|open| self.state.frames.get(open.frame.0));
        frame.is_some_and(|frame| frame.phase == Phase::Halting)
    }

    /// The commands whose completion is still awaited, in the order of their operations: what a driver must have under
    /// way after it has restored a machine.
    pub fn outstanding(&self) -> Vec<Command> {
        self.state.ops.iter().filter_map(|(op, open)| self.reissue(*op, open)).collect()
    }

    fn reissue(&self, op: OpId, open: &OpenOp) -> Option<Command> {
        Some(match &open.kind {
            OpKind::Step(input) => {
                let node = self.state.frames.get(open.frame.0)?.node;
                Command::RunStep(RunStep { op, node, input: Arc::clone(input) })
            }
            OpKind::Timer { fire_at_ms } => Command::StartTimer { op, fire_at_ms: *fire_at_ms },
            OpKind::Signal(awaited) => {
                Command::AwaitSignal { op, name: awaited.name.clone(), key: awaited.key.clone() }
            }
            OpKind::Task(task) => Command::OpenTask { op, task: task.clone() },
            OpKind::Child(child) => Command::StartChild(child.clone()),
            OpKind::Load(blob) => Command::LoadBlob { op, blob: blob.clone() },
        })
    }

    /// The earliest time at which a timer fires.
    pub fn next_timer_ms(&self) -> Option<i64> {
        let timers = self.state.ops.values().filter_map(|open| match open.kind {
            OpKind::Timer { fire_at_ms } => Some(fire_at_ms),
            _ => None,
        });
        timers.min()
    }

    /// What the execution waits for, as fragments for people, seen at `now_ms`.
    pub fn waits(&self, now_ms: i64) -> Vec<String> {
        waits::tell(&self.state, now_ms)
    }

    /// The breakpoints that are set, in the order in which they were.
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.state.debug.breakpoints
    }

    /// Where the execution is held by a pause or a breakpoint: address, node and reason.
    pub fn held(&self) -> Vec<(Address, NodeId, String)> {
        let held = self.state.debug.held.iter();
        held.filter_map(|(frame, reason)| {
            let node = self.state.frames.get(frame.0)?.node;
            Some((run::address(&self.state, *frame), self.program.node(node).id.clone(), reason.clone()))
        })
        .collect()
    }

    /// The values that a step sees: `input`, the visible blackboard, `item` and `index`, and the steps that have ended.
    pub fn values_at(&self, at: Option<&Address>) -> Value {
        edit::values_at(&self.program, &self.state, at)
    }

    /// Number of live frames; for measurements.
    pub fn frames(&self) -> usize {
        self.state.frames.len()
    }
}

/// Renders a template over nothing but an execution's input, as text.
pub(crate) fn render_over_input(template: &Template, input: &Value) -> Result<String, StepError> {
    let scope = MapScope::new().with(akao_expression::Namespace::Input, input.clone());
    match template.render(&scope) {
        Ok(rendered) => Ok(match rendered.value {
            Value::String(text) => text,
            other => other.to_string(),
        }),
        Err(problem) => Err(run::eval_error(&problem)),
    }
}
