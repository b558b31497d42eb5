//! `Breakpoint`: stops here while a debugger is there.
//!
//! - Without a debugger it is transparent: its child's end is its end. It may stand without a child, then it succeeds.
//! - With one (`akao run --debug`), the execution is paused before the child starts; values can be looked at and changed,
//!   and the execution goes on by step over, into, out or continue.
//! - Halt: the child is halted.

use super::declare::declare;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: breakpoint-example\nversion: 1.0.0\noutputs: { n: \"${n}\" }\nroot:\n  type: Breakpoint\n  children:\n    - { type: SetVariable, props: { key: n, value: 1 } }\n";
    declare(include_str!("breakpoint.rs"), Category::Decorator, json!({}), (0, Some(1)), example, json!({"n": 1}))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.is_empty() {
        return run.end(frame, End::SUCCESS);
    }
    run.start_child(frame, 0);
}
