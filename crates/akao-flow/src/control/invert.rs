//! `Invert`: swaps success and failure of its child.
//!
//! - A child that succeeds makes it fail with kind `user`; one that fails makes it succeed. Skipped stays skipped.
//! - Halt: the child is halted.
//!
//! `Inverter` is another name of it.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeStatus, NodeType, StepError};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: invert-example\nversion: 1.0.0\nroot:\n  type: Invert\n  children:\n    - { type: FailureNode }\n";
    let mut node_type =
        declare(include_str!("invert.rs"), Category::Decorator, json!({}), (1, Some(1)), example, json!({}));
    node_type.aliases = vec!["Inverter".into()];
    node_type
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    match end.status {
        NodeStatus::Success => {
            run.fail(frame, StepError::new(ErrorKind::User, "the child succeeded, which counts as a failure here"))
        }
        NodeStatus::Failure => run.end(frame, End::SUCCESS),
        _ => run.end(frame, end),
    }
}
