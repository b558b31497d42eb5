//! `While`: runs its second child as long as the first succeeds.
//!
//! - Children: condition, body. The condition runs before every turn and is not looked at while the body runs.
//! - A condition that fails or is skipped ends the loop with success. A body that fails ends it with that failure; a
//!   skipped body counts as a turn.
//! - After `maxIterations` turns (default 1000) the loop fails with kind `resource`.
//! - Addresses below it carry the turn, from zero: `/0[2]/1` is the body's third turn.
//! - Halt: the running child is halted.

use super::{ControlProps, State, declare::declare, props};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeStatus, NodeType, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: while-example\nversion: 1.0.0\noutputs: { n: \"${n}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: n, value: 0 } }\n    - type: While\n      children:\n        - { type: CheckCondition, props: { key: n, operator: \"<\", value: 3 } }\n        - { type: CounterAction, props: { counterKey: n } }\n";
    let properties = json!({ "maxIterations": { "type": "integer", "minimum": 1, "default": 1000, "description": "Turns after which the loop fails." } });
    declare(include_str!("while_loop.rs"), Category::Composite, properties, (2, Some(2)), example, json!({"n": 3}))
}

/// Turns completed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Progress {
    turn: u64,
    max: u64,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match control.read(run, frame).and_then(|props| props::count(&props, "maxIterations", 1_000)) {
        Ok(max) => *run.state_of(frame) = State::While(Progress { turn: 0, max }),
        Err(error) => return run.fail(frame, error),
    }
    start_slot(run, frame, 0, 0);
}

fn start_slot(run: &mut Run<'_>, frame: FrameIndex, slot: u32, turn: u64) {
    let scope = run.frame(frame).scope;
    run.start_child_in(frame, slot, turn, scope);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, _: &ControlProps, slot: u32, end: End) {
    let State::While(progress) = run.state_of(frame) else { return };
    if slot == 0 {
        return match end.status {
            NodeStatus::Success => {
                let turn = progress.turn;
                start_slot(run, frame, 1, turn);
            }
            NodeStatus::Failure | NodeStatus::Skipped => run.end(frame, End::SUCCESS),
            _ => run.end(frame, end),
        };
    }
    if !matches!(end.status, NodeStatus::Success | NodeStatus::Skipped) {
        return run.end(frame, end);
    }
    progress.turn += 1;
    let Progress { turn, max } = *progress;
    if turn >= max {
        let error = StepError::new(ErrorKind::Resource, format!("the loop did not end within {max} turns"))
            .with_suggestion("Raise `maxIterations`, or see why the condition stays true.");
        return run.fail(frame, error);
    }
    start_slot(run, frame, 0, turn);
}
