//! Workflow definitions and their interpreter.
//!
//! Text becomes a checked [`Definition`]; a definition becomes a [`Program`]; a [`Machine`] runs a program: an event goes
//! in, commands come out, both plain data. No clock, no randomness, no thread, no file, no network: given the same
//! program and the same events, the same commands come out, byte for byte.

mod canonical;
mod catalogue;
mod control;
mod definition;
pub mod diff;
mod draft;
pub mod draw;
mod format;
mod hash;
mod lower;
mod machine;
mod place;
mod printable;
mod problem_code;
mod program;
mod read;
mod schema;
mod started;
mod validate;

/// The input as the short form of `inputs:` gives it.
pub use akao_contract::Properties as InputSchema;
pub use akao_document::value::{PropProblem, PropProblemKind, check_props, with_defaults};
pub use akao_document::{Position, Problem, Severity};
pub use canonical::canonicalise;
pub use catalogue::Catalogue;
pub use control::control_types;
pub use definition::{Concurrency, Definition, NodeDef, OnFailure, RetryDef, Settings, WORKFLOW_FORMAT};
pub use draft::{Draft, Refusal};
pub use format::format_workflow;
pub use hash::{canonical_json, content_hash};
pub use lower::{LowerError, lower};
pub use machine::{
    Breakpoint, Command, Decision, EarlierAttempt, Event, FUEL_PER_EVENT, Failure, Finish, Machine, Note, Reaction,
    RestoreError, RunStep, SEMANTICS, SEMANTICS_SUPPORTED, SIGNAL_BUFFER_BYTES_MAX, SIGNAL_BUFFER_COUNT_MAX,
    SNAPSHOT_FORMAT, SignalRefused, SoftFailure, Start, StartChild, StepInput, StepMode, TaskEnd, TaskSpec,
    fingerprint,
};
pub use place::Place;
pub use problem_code::ProblemCode;
pub use program::{BreakpointProblem, NodeIndex, Program, RetryPolicy};
pub use read::{Location, Parsed, Positions, read};
pub use schema::workflow_schema;
pub use started::StartedWorkflow;
pub use validate::{check, validate};
