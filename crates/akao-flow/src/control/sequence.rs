//! `Sequence`: runs its children in order and succeeds when all of them have.
//!
//! - The first child that fails ends the sequence with that child's error; later children do not start.
//! - A skipped child is passed over. When every child was skipped, the sequence is skipped.
//! - Without children it succeeds.
//! - Halt: the running child is halted.

use super::{State, declare::declare};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: sequence-example\nversion: 1.0.0\noutputs: { greeting: \"${greeting}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: name, value: Ada } }\n    - { type: SetVariable, props: { key: greeting, value: \"Hello ${name}\" } }\n";
    declare(
        include_str!("sequence.rs"),
        Category::Composite,
        json!({}),
        (0, None),
        example,
        json!({"greeting": "Hello Ada"}),
    )
}

/// Whether some child did more than being skipped.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(super) ran: bool,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.is_empty() {
        return run.end(frame, End::SUCCESS);
    }
    *run.state_of(frame) = State::Sequence(Progress { ran: false });
    run.start_child(frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    match end.status {
        NodeStatus::Skipped => {}
        NodeStatus::Success => *run.state_of(frame) = State::Sequence(Progress { ran: true }),
        _ => return run.end(frame, end),
    }
    if (slot as usize + 1) < run.node_of(frame).children.len() {
        return run.start_child(frame, slot + 1);
    }
    let ran = matches!(run.state_of(frame), State::Sequence(Progress { ran: true }));
    run.end(frame, if ran { End::SUCCESS } else { End::SKIPPED });
}
