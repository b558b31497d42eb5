//! `RunOnce`: runs its child once and remembers how it ended.
//!
//! - The first time, its end is the child's end. Every later time within the same scope it ends the same way without
//!   running the child; with `thenSkip: true` it is skipped instead. A remembered failure has the first error's message.
//! - The memory belongs to the scope: each item of a `ForEach` and each `SubTree` run has its own.
//! - Halt: the child is halted and nothing is remembered.

use super::{ControlProps, declare::declare, props};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::json;
use std::sync::Arc;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: run-once-example\nversion: 1.0.0\noutputs: { n: \"${n}\" }\nroot:\n  type: Repeat\n  props: { numCycles: 3 }\n  children:\n    - type: RunOnce\n      children:\n        - { type: CounterAction, props: { counterKey: n } }\n";
    let properties = json!({ "thenSkip": { "type": "boolean", "default": false, "description": "Whether later turns are skipped instead of repeating the first end." } });
    declare(include_str!("run_once.rs"), Category::Decorator, properties, (1, Some(1)), example, json!({"n": 1}))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    let Some(memory) = run.memory(frame) else { return run.start_child(frame, 0) };
    let then_skip = match control.read(run, frame).and_then(|props| props::flag(&props, "thenSkip", false)) {
        Ok(then_skip) => then_skip,
        Err(error) => return run.fail(frame, error),
    };
    if then_skip {
        return run.end(frame, End::SKIPPED);
    }
    let end = serde_json::from_value((*memory).clone()).unwrap_or(End::SUCCESS);
    run.end(frame, end);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, end: End) {
    if end.status != NodeStatus::Cancelled {
        run.remember(frame, serde_json::to_value(&end).ok().map(Arc::new));
    }
    run.end(frame, end);
}
