//! `KeepRunningUntilFailure`: runs its child again and again until it fails.
//!
//! - `result` says how the node ends then: `success` (default, as in btree) or `failure` (as in BehaviorTree.CPP, with the
//!   child's error). A skipped child ends it as skipped, because it would be skipped again.
//! - Addresses below it carry the turn, from zero.
//! - Halt: the child is halted.

use super::{ControlProps, State, declare::declare, props, repeat};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: keep-running-example\nversion: 1.0.0\noutputs: { n: \"${n}\" }\nroot:\n  type: KeepRunningUntilFailure\n  children:\n    - type: Sequence\n      children:\n        - { type: CounterAction, props: { counterKey: n } }\n        - { type: CheckCondition, props: { key: n, operator: \"<\", value: 3 } }\n";
    let properties = json!({ "result": { "enum": ["success", "failure"], "default": "success", "description": "How the node ends when its child has failed." } });
    declare(
        include_str!("keep_running_until_failure.rs"),
        Category::Decorator,
        properties,
        (1, Some(1)),
        example,
        json!({"n": 3}),
    )
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    *run.state_of(frame) = State::Repeat(Box::new(repeat::Progress::endless()));
    repeat::next(run, frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps, end: End) {
    match end.status {
        NodeStatus::Success => {
            let turn = repeat::count_turn(run, frame);
            repeat::next(run, frame, turn);
        }
        NodeStatus::Failure => {
            let result =
                control.read(run, frame).and_then(|props| Ok(props::text(&props, "result")? == Some("failure")));
            match result {
                Ok(true) => run.end(frame, end),
                Ok(false) => run.end(frame, End::SUCCESS),
                Err(error) => run.fail(frame, error),
            }
        }
        _ => run.end(frame, end),
    }
}
