//! `MemorySequence`: a sequence that does not repeat what has already succeeded.
//!
//! - Runs its children in order, like `Sequence`.
//! - When a child fails, the sequence fails, but remembers which children have succeeded. When it is started again within
//!   the same scope (by a `Retry` or another loop around it), those children are passed over.
//! - When all children have succeeded it succeeds and forgets.
//! - The memory belongs to the scope: each item of a `ForEach` and each `SubTree` run has its own.
//! - Without children it succeeds. Halt: the running child is halted; the memory stays.
//!
//! `SequenceWithMemory` is another name of it.

use super::{State, declare::declare, sequence::Progress};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: memory-sequence-example\nversion: 1.0.0\noutputs: { charged: \"${charged}\", tries: \"${tries}\" }\nroot:\n  type: Retry\n  props: { attempts: 3, delayMs: 1 }\n  children:\n    - type: MemorySequence\n      children:\n        - { type: CounterAction, props: { counterKey: charged } }\n        - type: Sequence\n          children:\n            - { type: CounterAction, props: { counterKey: tries } }\n            - { type: CheckCondition, props: { key: tries, operator: \">=\", value: 3 } }\n";
    let mut node_type = declare(
        include_str!("memory_sequence.rs"),
        Category::Composite,
        json!({}),
        (0, None),
        example,
        json!({"charged": 1, "tries": 3}),
    );
    node_type.aliases = vec!["SequenceWithMemory".into()];
    node_type
}

fn remembered(run: &Run<'_>, frame: FrameIndex) -> Vec<u32> {
    let memory = run.memory(frame);
    let slots = memory.as_deref().and_then(Value::as_array);
    slots.into_iter().flatten().filter_map(|slot| u32::try_from(slot.as_u64()?).ok()).collect()
}

/// Starts the first child from `slot` on that has not succeeded before, or ends.
fn go_on(run: &mut Run<'_>, frame: FrameIndex, slot: u32) {
    let done = remembered(run, frame);
    let count = u32::try_from(run.node_of(frame).children.len()).unwrap_or(u32::MAX);
    if let Some(next) = (slot..count).find(|slot| !done.contains(slot)) {
        return run.start_child(frame, next);
    }
    let ran = matches!(run.state_of(frame), State::Sequence(Progress { ran: true })) || !done.is_empty() || count == 0;
    run.remember(frame, None);
    run.end(frame, if ran { End::SUCCESS } else { End::SKIPPED });
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    *run.state_of(frame) = State::Sequence(Progress { ran: false });
    go_on(run, frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    match end.status {
        NodeStatus::Skipped => {}
        NodeStatus::Success => {
            *run.state_of(frame) = State::Sequence(Progress { ran: true });
            let mut done = remembered(run, frame);
            done.push(slot);
            run.remember(frame, Some(Arc::new(json!(done))));
        }
        _ => return run.end(frame, end),
    }
    go_on(run, frame, slot + 1);
}
