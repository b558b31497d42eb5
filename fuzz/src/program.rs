//! Programs whose executions the targets follow, how one is started, and what may happen to it.

use crate::catalogue;
use akao_contract::{ErrorKind, ExecutionId, ExecutionStatus, Outcome, StepError, Tenant};
use akao_flow::{
    Breakpoint, Command, Decision, Event, Machine, Program, Reaction, SEMANTICS, Start, StepMode, check, control_types,
    lower,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

/// Waits of every kind beside each other, loops over several items, and a graph.
const MIXED: &str = include_str!("mixed.yaml");

/// The mixed workflow, and the example that each control node has in its declaration.
pub static PROGRAMS: LazyLock<Vec<Arc<Program>>> = LazyLock::new(|| {
    let types = control_types();
    let examples = types.iter().flat_map(|node_type| &node_type.examples).map(|example| example.workflow.as_str());
    std::iter::once(MIXED).chain(examples).map(lowered).collect()
});

fn lowered(text: &str) -> Arc<Program> {
    let (parsed, problems) = check(text, catalogue());
    let parsed = parsed.unwrap_or_else(|| panic!("{problems:?}\n{text}"));
    lower(&parsed.definition, catalogue()).expect("what is valid can be lowered")
}

/// A start that every one of the programs takes.
pub fn start() -> Start {
    Start {
        execution: ExecutionId::from_parts(1_000_000, 7),
        tenant: Tenant::local(),
        semantics: SEMANTICS,
        at_ms: 1_000_000,
        input: json!({ "items": [1, 2, 3], "name": "Ada" }),
        vars: Map::new(),
        debug: false,
        breakpoints: vec![],
    }
}

/// Something that happens to an execution. Numbers choose among what is open, so that most of them fit.
#[derive(Debug, Clone, Arbitrary)]
pub enum Happening {
    /// An open operation ends.
    Ended {
        /// Which.
        open: u8,
        /// How well.
        ending: Ending,
        /// What it gives.
        value: Given,
    },
    /// A signal that something waits for, or an unknown one.
    Signal {
        /// Which.
        open: u8,
        /// What it carries.
        value: Given,
    },
    /// Cancelled.
    Cancel {
        /// `finally` children too.
        force: bool,
    },
    /// Paused or resumed.
    Pause(bool),
    /// A debugger comes or goes.
    Debug(bool),
    /// A place to stop at.
    Break {
        /// The number of the child.
        child: u8,
        /// Only once.
        once: bool,
    },
    /// Steps on.
    Step(u8),
    /// A value is changed.
    Edit {
        /// Which.
        path: u8,
        /// Into what.
        value: Given,
    },
}

/// How an operation ends.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Ending {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// Given up.
    Cancelled,
}

/// A small value.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Given {
    /// Nothing.
    Nothing,
    /// A flag.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text,
    /// A list.
    List(u8),
    /// An object.
    Object,
}

impl Given {
    fn value(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Flag(flag) => json!(flag),
            Self::Number(number) => json!(number),
            Self::Text => json!("a"),
            Self::List(length) => json!(vec![1; usize::from(length)]),
            Self::Object => json!({ "a": 1, "outputs": { "result": 2 }, "approved": true }),
        }
    }
}

impl Happening {
    /// The event, as far as it can happen to this machine.
    fn event(&self, machine: &Machine) -> Option<Event> {
        Some(match self {
            Self::Ended { open, ending, value } => ended(chosen(machine, *open)?, *ending, value.value())?,
            Self::Signal { open, value } => {
                let (name, key) = match chosen(machine, *open) {
                    Some(Command::AwaitSignal { name, key, .. }) => (name, key),
                    _ => ("go".to_owned(), None),
                };
                Event::Signal { name, key, payload: value.value() }
            }
            Self::Cancel { force } => Event::CancelRequested { reason: None, force: *force },
            Self::Pause(true) => Event::PauseRequested,
            Self::Pause(false) => Event::ResumeRequested,
            Self::Debug(on) => Event::DebugAttached { on: *on },
            Self::Break { child, once } => {
                Event::BreakpointSet(Breakpoint { at: format!("/{child}"), condition: None, once: *once })
            }
            Self::Step(mode) => {
                let modes = [StepMode::Continue, StepMode::Into, StepMode::Over, StepMode::Out];
                Event::Stepped { mode: modes[usize::from(*mode) % modes.len()] }
            }
            Self::Edit { path, value } => {
                let paths = ["a", "bb.a.b", "input.items", "steps.a.outputs.result", "item", "n.0"];
                let path = paths[usize::from(*path) % paths.len()].to_owned();
                Event::ValueEdited { path, value: value.value(), at: None }
            }
        })
    }
}

fn chosen(machine: &Machine, open: u8) -> Option<Command> {
    let mut outstanding = machine.outstanding();
    (!outstanding.is_empty()).then(|| outstanding.swap_remove(usize::from(open) % outstanding.len()))
}

fn ended(command: Command, ending: Ending, value: Value) -> Option<Event> {
    let error = || StepError::new(ErrorKind::User, "it failed");
    Some(match command {
        Command::RunStep(step) => {
            let outcome = match ending {
                Ending::Success => {
                    Outcome::success().output("result", value.clone()).write("n", value.clone()).write("a", value)
                }
                Ending::Failure => Outcome::failure(error()),
                Ending::Cancelled => Outcome::cancelled(),
            };
            Event::StepFinished { op: step.op, outcome, attempts: 1, started_ms: None }
        }
        Command::StartTimer { op, .. } => Event::TimerFired { op },
        Command::OpenTask { op, .. } => {
            let approved = matches!(ending, Ending::Success);
            Event::TaskCompleted { op, decision: Decision { approved, data: value, by: None, comment: None } }
        }
        Command::StartChild(child) => {
            let (status, error) = match ending {
                Ending::Success => (ExecutionStatus::Success, None),
                Ending::Failure => (ExecutionStatus::Failure, Some(error())),
                Ending::Cancelled => (ExecutionStatus::Cancelled, None),
            };
            let outputs = Map::from_iter([("a".to_owned(), value)]);
            Event::ChildFinished { op: child.op, status, outputs, error }
        }
        Command::LoadBlob { op, .. } => match ending {
            Ending::Success => Event::BlobLoaded { op, value: Some(Arc::new(value)), error: None },
            _ => Event::BlobLoaded { op, value: None, error: Some(error()) },
        },
        _ => return None,
    })
}

/// Lets things happen to a machine, a second apart.
pub fn follow(machine: &mut Machine, happenings: &[Happening]) {
    let mut reaction = Reaction::default();
    for (second, happening) in (1_001..).zip(happenings) {
        if let Some(event) = happening.event(machine) {
            reaction.clear();
            machine.apply(second * 1_000, event, &mut reaction);
        }
    }
}

/// Asks everything that drivers and people ask of a machine.
pub fn ask(machine: &Machine) {
    let _ = (machine.waits(0), machine.held(), machine.status(), machine.missing_blobs(), machine.values_at(None));
    let _ = (machine.next_timer_ms(), machine.is_working(), machine.frames());
    for command in machine.outstanding() {
        if let Command::RunStep(step) = command {
            let node = machine.node_of(step.op).expect("an open step belongs to a node");
            let address = machine.address_of(step.op);
            let _ = (machine.program().node_id(node), machine.is_halting(step.op), machine.values_at(address.as_ref()));
        }
    }
}
