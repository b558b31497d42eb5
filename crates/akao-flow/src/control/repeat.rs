//! `Repeat`: runs its child a number of times.
//!
//! - `numCycles` times (default 1); -1 repeats without end. A child that fails ends it with that failure; a skipped child
//!   counts as a turn. 0 cycles succeed at once.
//! - Addresses below it carry the turn, from zero.
//! - Halt: the child is halted.

use super::{ControlProps, State, declare::declare, props};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: repeat-example\nversion: 1.0.0\noutputs: { n: \"${n}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: n, value: 0 } }\n    - type: Repeat\n      props: { numCycles: 4 }\n      children:\n        - { type: CounterAction, props: { counterKey: n } }\n";
    let properties = json!({ "numCycles": { "type": "integer", "minimum": -1, "default": 1, "description": "Turns; -1 means without end." } });
    declare(include_str!("repeat.rs"), Category::Decorator, properties, (1, Some(1)), example, json!({"n": 4}))
}

/// Turns completed, and how many there are; none means without end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Progress {
    turn: u64,
    turns: Option<u64>,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match control.read(run, frame).and_then(|props| props::count_or_endless(&props, "numCycles", 1)) {
        Ok(Some(0)) => run.end(frame, End::SUCCESS),
        Ok(turns) => {
            *run.state_of(frame) = State::Repeat(Box::new(Progress { turn: 0, turns }));
            next(run, frame, 0);
        }
        Err(error) => run.fail(frame, error),
    }
}

/// Starts turn number `turn` of a decorator's only child.
pub(super) fn next(run: &mut Run<'_>, frame: FrameIndex, turn: u64) {
    let scope = run.frame(frame).scope;
    run.start_child_in(frame, 0, turn, scope);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, _: &ControlProps, end: End) {
    if !matches!(end.status, NodeStatus::Success | NodeStatus::Skipped) {
        return run.end(frame, end);
    }
    let State::Repeat(progress) = run.state_of(frame) else { return };
    progress.turn += 1;
    let Progress { turn, turns } = **progress;
    if turns.is_some_and(|turns| turn >= turns) {
        return run.end(frame, End::SUCCESS);
    }
    next(run, frame, turn);
}

impl Progress {
    /// Turns without end.
    pub(super) fn endless() -> Self {
        Self { turn: 0, turns: None }
    }
}

/// Counts a completed turn and gives the number of the next one.
pub(super) fn count_turn(run: &mut Run<'_>, frame: FrameIndex) -> u64 {
    let State::Repeat(progress) = run.state_of(frame) else { return 0 };
    progress.turn += 1;
    progress.turn
}
