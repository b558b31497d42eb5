//! `SoftAssert`: records its child's failure and succeeds.
//!
//! - The execution ends with the list of all recorded failures (step, message, time) in `soft_failures`; the first 1,000
//!   are kept. Skipped stays skipped.
//! - Halt: the child is halted.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: soft-assert-example\nversion: 1.0.0\noutputs: { reached: \"${reached}\" }\nroot:\n  type: Sequence\n  children:\n    - type: SoftAssert\n      children:\n        - { type: FailureNode }\n    - { type: SetVariable, props: { key: reached, value: true } }\n";
    declare(
        include_str!("soft_assert.rs"),
        Category::Decorator,
        json!({}),
        (1, Some(1)),
        example,
        json!({"reached": true}),
    )
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    if end.status != NodeStatus::Failure {
        return run.end(frame, end);
    }
    if let Some(failure) = &end.failure {
        run.soft_failure(failure);
    }
    run.end(frame, End::SUCCESS);
}
