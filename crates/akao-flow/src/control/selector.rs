//! `Selector`: tries its children in order until one succeeds.
//!
//! - The first child that succeeds ends the selector with success; later children do not start.
//! - When every child has failed, the selector fails with the error of the last one; those of the others stand in
//!   `detail.causes`.
//! - A skipped child is passed over. When every child was skipped, the selector is skipped.
//! - Without children it fails, because nothing succeeded.
//! - Halt: the running child is halted.
//!
//! `Fallback` is another name of it.

use super::{State, declare::declare};
use crate::machine::{End, Failure, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeStatus, NodeType, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: selector-example\nversion: 1.0.0\noutputs: { source: \"${source}\" }\nroot:\n  type: Selector\n  children:\n    - { type: FailureNode }\n    - { type: SetVariable, props: { key: source, value: backup } }\n";
    let mut node_type = declare(
        include_str!("selector.rs"),
        Category::Composite,
        json!({}),
        (0, None),
        example,
        json!({"source": "backup"}),
    );
    node_type.aliases = vec!["Fallback".into()];
    node_type
}

/// Failures so far, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(super) failures: Vec<Failure>,
}

/// The error of a composite whose last failure decided: that failure, with the others as causes.
pub(super) fn with_causes(mut failures: Vec<Failure>) -> Option<Box<Failure>> {
    let mut last = failures.pop()?;
    if !failures.is_empty() {
        let cause = |failure: &Failure| json!({"step": failure.step, "kind": failure.error.kind, "message": failure.error.message});
        let causes: Vec<Value> = failures.iter().take(20).map(cause).collect();
        last.error = last.error.with_detail("causes", causes);
    }
    Some(Box::new(last))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.is_empty() {
        return run
            .fail(frame, StepError::new(ErrorKind::User, "a selector without children has nothing that succeeds"));
    }
    *run.state_of(frame) = State::Selector(Box::default());
    run.start_child(frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    match end.status {
        NodeStatus::Skipped => {}
        NodeStatus::Failure => {
            if let (State::Selector(progress), Some(failure)) = (run.state_of(frame), end.failure) {
                progress.failures.push(*failure);
            }
        }
        _ => return run.end(frame, end),
    }
    if (slot as usize + 1) < run.node_of(frame).children.len() {
        return run.start_child(frame, slot + 1);
    }
    let failures = match run.state_of(frame) {
        State::Selector(progress) => std::mem::take(&mut progress.failures),
        _ => Vec::new(),
    };
    match with_causes(failures) {
        Some(failure) => run.end(frame, End::failed(failure)),
        None => run.end(frame, End::SKIPPED),
    }
}
