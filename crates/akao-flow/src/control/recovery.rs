//! `Recovery`: try, catch, finally.
//!
//! - Children in order: try, catch (optional), finally (optional).
//! - try succeeds or is skipped: its end is the result. try fails: catch runs and its end is the result; without catch the
//!   failure is the result. Inside catch, `error` is on the blackboard: {kind, message, step}.
//! - finally runs exactly once after that, also when the node is halted; its own end never changes the result. After a
//!   halt the result is `cancelled`, once finally has ended.
//! - Halt: the running try or catch is halted, then finally runs. A forced cancel halts finally as well,
//!   and begins none.

use super::{State, declare::declare};
use crate::machine::{End, FrameIndex, NO_ITERATION, Run, ScopeData, ScopeKind};
use akao_contract::{Category, NodeStatus, NodeType};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: recovery-example\nversion: 1.0.0\noutputs: { why: \"${why}\", closed: \"${closed}\" }\nroot:\n  type: Recovery\n  children:\n    - { type: MathOp, props: { expression: 1 / 0, outputKey: never } }\n    - { type: SetVariable, props: { key: why, value: \"${error.kind}\" } }\n    - { type: SetVariable, props: { key: closed, value: true } }\n";
    declare(
        include_str!("recovery.rs"),
        Category::Composite,
        json!({}),
        (1, Some(3)),
        example,
        json!({"why": "input", "closed": true}),
    )
}

const TRY: u32 = 0;
const CATCH: u32 = 1;
const FINALLY: u32 = 2;

/// Which child runs, what the result will be, and the scope that shows the error to catch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    stage: u32,
    result: Option<End>,
    scope: Option<crate::machine::ScopeIndex>,
}

impl Progress {
    /// Whether `finally` runs.
    pub(super) fn is_in_finally(&self) -> bool {
        self.stage == FINALLY
    }
}

fn progress<'a>(run: &'a mut Run<'_>, frame: FrameIndex) -> Option<&'a mut Progress> {
    match run.state_of(frame) {
        State::Recovery(progress) => Some(progress),
        _ => None,
    }
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex) {
    *run.state_of(frame) = State::Recovery(Box::new(Progress { stage: TRY, result: None, scope: None }));
    run.start_child(frame, TRY);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    let has_catch = run.node_of(frame).children.len() > 1;
    match slot {
        TRY if end.status == NodeStatus::Failure && has_catch => {
            let scope = error_scope(run, frame, &end);
            if let Some(progress) = progress(run, frame) {
                progress.stage = CATCH;
                progress.scope = Some(scope);
            }
            run.start_child_in(frame, CATCH, NO_ITERATION, scope);
        }
        TRY | CATCH => {
            if let Some(progress) = progress(run, frame) {
                progress.result = Some(end);
            }
            finally(run, frame);
        }
        _ => settle(run, frame),
    }
}

fn error_scope(run: &mut Run<'_>, frame: FrameIndex, end: &End) -> crate::machine::ScopeIndex {
    let mut data = ScopeData::new(run.frame(frame).scope, ScopeKind::Layer);
    if let Some(failure) = &end.failure {
        let error = json!({"kind": failure.error.kind, "message": failure.error.message, "step": failure.step, "detail": failure.error.detail});
        data.values.insert("error".into(), Arc::new(error));
    }
    run.new_scope(data)
}

fn finally(run: &mut Run<'_>, frame: FrameIndex) {
    if run.node_of(frame).children.len() <= FINALLY as usize {
        return settle(run, frame);
    }
    if let Some(progress) = progress(run, frame) {
        progress.stage = FINALLY;
    }
    run.start_child(frame, FINALLY);
}

fn settle(run: &mut Run<'_>, frame: FrameIndex) {
    let result = progress(run, frame).and_then(|progress| progress.result.take());
    run.end(frame, result.unwrap_or(End::CANCELLED));
}

/// Everything below has ended after a halt: finally runs unless it has, or the whole execution is ended by force.
pub(super) fn halted(run: &mut Run<'_>, frame: FrameIndex) {
    let stage = progress(run, frame).map_or(FINALLY, |progress| progress.stage);
    if stage == FINALLY || run.state.forced {
        return run.end(frame, End::CANCELLED);
    }
    if let Some(progress) = progress(run, frame) {
        progress.result = Some(End::CANCELLED);
    }
    finally(run, frame);
}

pub(super) fn forget(run: &mut Run<'_>, progress: &Progress) {
    if let Some(scope) = progress.scope {
        run.drop_scope(scope);
    }
}
