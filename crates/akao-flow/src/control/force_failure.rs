//! `ForceFailure`: fails whether its child succeeds or fails.
//!
//! - A child that fails gives its own error; one that succeeds gives an error of kind `user`. Skipped stays skipped.
//! - Halt: the child is halted.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeStatus, NodeType, StepError};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: force-failure-example\nversion: 1.0.0\nroot:\n  type: Invert\n  children:\n    - type: ForceFailure\n      children:\n        - { type: SuccessNode }\n";
    declare(include_str!("force_failure.rs"), Category::Decorator, json!({}), (1, Some(1)), example, json!({}))
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    match end.status {
        NodeStatus::Success => {
            run.fail(frame, StepError::new(ErrorKind::User, "the child succeeded and the failure is forced"))
        }
        _ => run.end(frame, end),
    }
}
