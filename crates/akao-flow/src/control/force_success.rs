//! `ForceSuccess`: succeeds whether its child succeeds or fails.
//!
//! - The child's failure stays visible in its own record. Skipped stays skipped.
//! - Halt: the child is halted and the node is cancelled, not successful.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: force-success-example\nversion: 1.0.0\nroot:\n  type: ForceSuccess\n  children:\n    - { type: FailureNode }\n";
    declare(include_str!("force_success.rs"), Category::Decorator, json!({}), (1, Some(1)), example, json!({}))
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    let end = if end.status == NodeStatus::Failure { End::SUCCESS } else { end };
    run.end(frame, end);
}
