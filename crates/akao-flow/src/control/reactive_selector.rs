//! `ReactiveSelector`: a selector that goes back to a better choice as soon as there is one.
//!
//! - Tries its children in order and succeeds with the first that does, like `Selector`.
//! - While a later child runs, the earlier ones run again from the first whenever a blackboard key or step that one of them
//!   reads has changed. If one of them succeeds now, the running child is halted and the selector succeeds.
//! - When every child has failed, it fails with the last error. A skipped child is passed over; all skipped is skipped;
//!   without children it fails. Halt: what runs is halted.
//!
//! `ReactiveFallback` is another name of it.

use super::{declare::declare, reactive};
use crate::machine::{FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeType, StepError};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: reactive-selector-example\nversion: 1.0.0\noutputs: { ready: \"${ready}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: ready, value: false } }\n    - type: Parallel\n      children:\n        - type: ReactiveSelector\n          children:\n            - { type: CheckCondition, props: { key: ready, operator: \"==\", value: true } }\n            - { type: WaitAction, props: { waitMs: 60000 } }\n        - type: Delay\n          props: { delayMs: 10 }\n          children:\n            - { type: SetVariable, props: { key: ready, value: true } }\n";
    let mut node_type = declare(
        include_str!("reactive_selector.rs"),
        Category::Composite,
        json!({}),
        (0, None),
        example,
        json!({"ready": true}),
    );
    node_type.aliases = vec!["ReactiveFallback".into()];
    node_type
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.is_empty() {
        return run
            .fail(frame, StepError::new(ErrorKind::User, "a selector without children has nothing that succeeds"));
    }
    reactive::start(run, frame, true);
}
