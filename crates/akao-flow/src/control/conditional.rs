//! `Conditional`: runs its second child when the first succeeds, else its third.
//!
//! - Children in order: condition, then, else. The choice is made once and kept until the branch ends.
//! - The branch's end is the node's end.
//! - When the condition fails and there is no third child, the node fails with the condition's error.
//! - A skipped condition counts as one that failed; without a third child the node is then skipped.
//! - Halt: the running child is halted.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: conditional-example\nversion: 1.0.0\noutputs: { size: \"${size}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: count, value: 12 } }\n    - type: Conditional\n      children:\n        - { type: CheckCondition, props: { key: count, operator: \">\", value: 10 } }\n        - { type: SetVariable, props: { key: size, value: large } }\n        - { type: SetVariable, props: { key: size, value: small } }\n";
    declare(
        include_str!("conditional.rs"),
        Category::Composite,
        json!({}),
        (2, Some(3)),
        example,
        json!({"size": "large"}),
    )
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    run.start_child(frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    if slot > 0 {
        return run.end(frame, end);
    }
    match end.status {
        NodeStatus::Success => run.start_child(frame, 1),
        NodeStatus::Failure | NodeStatus::Skipped if run.node_of(frame).children.len() > 2 => run.start_child(frame, 2),
        _ => run.end(frame, end),
    }
}
