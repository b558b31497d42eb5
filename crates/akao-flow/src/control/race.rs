//! `Race`: runs its children at the same time; the first to end wins.
//!
//! - The first child that succeeds or fails decides with its end; the others are halted.
//! - A skipped child does not take part. When every child was skipped, the race is skipped.
//! - Halt: every running child is halted.

use super::{State, declare::declare};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: race-example\nversion: 1.0.0\noutputs: { winner: \"${winner}\" }\nroot:\n  type: Race\n  children:\n    - { type: SetVariable, props: { key: winner, value: fast } }\n    - type: Sequence\n      children:\n        - { type: WaitAction, props: { waitMs: 60000 } }\n        - { type: SetVariable, props: { key: winner, value: slow } }\n";
    declare(include_str!("race.rs"), Category::Composite, json!({}), (1, None), example, json!({"winner": "fast"}))
}

/// Children that have not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    open: u32,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    let open = u32::try_from(run.node_of(frame).children.len()).unwrap_or(u32::MAX);
    *run.state_of(frame) = State::Race(Box::new(Progress { open }));
    if open == 0 {
        return run.end(frame, End::SKIPPED);
    }
    for slot in 0..open {
        run.start_child(frame, slot);
    }
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    if end.status != NodeStatus::Skipped {
        return run.close(frame, end);
    }
    let State::Race(progress) = run.state_of(frame) else { return };
    progress.open -= 1;
    if progress.open == 0 {
        run.end(frame, End::SKIPPED);
    }
}
