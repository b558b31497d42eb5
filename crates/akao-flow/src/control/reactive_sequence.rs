//! `ReactiveSequence`: a sequence that keeps looking at the children it has passed.
//!
//! - Runs its children in order and succeeds when all have, like `Sequence`.
//! - While a later child runs, the earlier ones run again from the first whenever a blackboard key or step that one of them
//!   reads has changed. If one of them fails now, the running child is halted and the sequence fails with that error. If
//!   all still succeed, the running child was never disturbed.
//! - Earlier children should therefore be conditions, or work that may be repeated.
//! - A skipped child is passed over; all skipped is skipped; without children it succeeds. Halt: what runs is halted.

use super::{declare::declare, reactive};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: reactive-sequence-example\nversion: 1.0.0\noutputs: { stopped: \"${stopped}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: open, value: true } }\n    - type: Parallel\n      props: { strategy: any }\n      children:\n        - type: Selector\n          children:\n            - type: ReactiveSequence\n              children:\n                - { type: CheckCondition, props: { key: open, operator: \"==\", value: true } }\n                - { type: WaitAction, props: { waitMs: 60000 } }\n            - { type: SetVariable, props: { key: stopped, value: true } }\n        - type: Delay\n          props: { delayMs: 10 }\n          children:\n            - type: ForceFailure\n              children:\n                - { type: SetVariable, props: { key: open, value: false } }\n";
    declare(
        include_str!("reactive_sequence.rs"),
        Category::Composite,
        json!({}),
        (0, None),
        example,
        json!({"stopped": true}),
    )
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.is_empty() {
        return run.end(frame, End::SUCCESS);
    }
    reactive::start(run, frame, false);
}
