//! `Parallel`: runs its children at the same time.
//!
//! - `strategy: strict` (default): succeeds when every child has succeeded, fails with the first failure.
//! - `strategy: any`: succeeds with the first success, fails when every child has failed.
//! - `successThreshold` and `failureThreshold` say instead how many decide. With only `failureThreshold`, it succeeds when
//!   all have ended and fewer than that have failed.
//! - `haltOnDecided: true` (default): once it is decided, the children that still run are halted. `false`: they run to
//!   their end first.
//! - `limit` children run at once; the others wait in order. 0 (default) means all.
//! - Skipped children do not count. When every child was skipped, it is skipped. Without children it succeeds.
//! - Its error is that of the first child that failed in time; those of the others stand in `detail.causes`.
//! - Halt: every running child is halted.

use super::{ControlProps, State, declare::declare, props, selector::with_causes};
use crate::machine::{End, Failure, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeStatus, NodeType, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: parallel-example\nversion: 1.0.0\noutputs: { a: \"${a}\", b: \"${b}\" }\nroot:\n  type: Parallel\n  children:\n    - { type: SetVariable, props: { key: a, value: 1 } }\n    - { type: SetVariable, props: { key: b, value: 2 } }\n";
    let properties = json!({
        "strategy": { "enum": ["strict", "any"], "default": "strict", "description": "Whether all children or any one must succeed." },
        "successThreshold": { "type": "integer", "minimum": 1, "description": "Successes that decide for success." },
        "failureThreshold": { "type": "integer", "minimum": 1, "description": "Failures that decide for failure." },
        "haltOnDecided": { "type": "boolean", "default": true, "description": "Whether children that still run are halted once it is decided." },
        "limit": { "type": "integer", "minimum": 0, "default": 0, "description": "Children that run at once; 0 means all." },
    });
    declare(include_str!("parallel.rs"), Category::Composite, properties, (0, None), example, json!({"a": 1, "b": 2}))
}

/// Counts so far and the thresholds that decide.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    next: u32,
    ended: u32,
    succeeded: u32,
    skipped: u32,
    failures: Vec<Failure>,
    failed: u32,
    rule: Rule,
    halt_on_decided: bool,
    verdict: Option<bool>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Rule {
    any: bool,
    success_threshold: Option<u64>,
    failure_threshold: Option<u64>,
}

impl Rule {
    fn read(props: &Map<String, Value>) -> Result<Self, StepError> {
        let threshold = |key| props::count(props, key, 0).map(|count| (count > 0).then_some(count));
        let any = match props::text(props, "strategy")? {
            None | Some("strict") => false,
            Some("any") => true,
            Some(other) => {
                let message = format!("prop `strategy` must be `strict` or `any`, found `{other}`");
                return Err(StepError::new(ErrorKind::Input, message));
            }
        };
        Ok(Self {
            any,
            success_threshold: threshold("successThreshold")?,
            failure_threshold: threshold("failureThreshold")?,
        })
    }

    /// Whether it is decided, given counts of children that succeeded, failed and may still end either way.
    fn verdict(&self, succeeded: u64, failed: u64, open: u64) -> Option<bool> {
        let total = succeeded + failed + open;
        let (needed, bearable) = match (self.success_threshold, self.failure_threshold) {
            (None, None) if self.any => (1, total),
            (None, None) => (total, 1),
            (Some(needed), None) => (needed, total.saturating_sub(needed) + 1),
            (None, Some(bearable)) => (total.saturating_sub(bearable) + 1, bearable),
            (Some(needed), Some(bearable)) => (needed, bearable),
        };
        if failed >= bearable.max(1) {
            return Some(false);
        }
        if succeeded >= needed && (succeeded > 0 || open == 0) {
            return Some(true);
        }
        (open == 0).then_some(succeeded >= needed)
    }
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    let count = u32::try_from(run.node_of(frame).children.len()).unwrap_or(u32::MAX);
    if count == 0 {
        return run.end(frame, End::SUCCESS);
    }
    let read = control.read(run, frame).and_then(|props| {
        Ok((Rule::read(&props)?, props::flag(&props, "haltOnDecided", true)?, props::count(&props, "limit", 0)?))
    });
    let (rule, halt_on_decided, limit) = match read {
        Ok(read) => read,
        Err(error) => return run.fail(frame, error),
    };
    let first = if limit == 0 { count } else { count.min(u32::try_from(limit).unwrap_or(u32::MAX)) };
    *run.state_of(frame) = State::Parallel(Box::new(Progress {
        next: first,
        ended: 0,
        succeeded: 0,
        skipped: 0,
        failures: Vec::new(),
        failed: 0,
        rule,
        halt_on_decided,
        verdict: None,
    }));
    for slot in 0..first {
        run.start_child(frame, slot);
    }
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, _slot: u32, end: End) {
    let count = u32::try_from(run.node_of(frame).children.len()).unwrap_or(u32::MAX);
    let State::Parallel(progress) = run.state_of(frame) else { return };
    progress.ended += 1;
    match end.status {
        NodeStatus::Success => progress.succeeded += 1,
        NodeStatus::Skipped => progress.skipped += 1,
        _ => {
            progress.failed += 1;
            // The first failure in time is the error, so it goes last into the list that `with_causes` reads.
            if let Some(failure) = end.failure
                && progress.failures.len() < 21
            {
                progress.failures.insert(0, *failure);
            }
        }
    }
    let open = u64::from(count - progress.ended);
    if progress.verdict.is_none() {
        progress.verdict = progress.rule.verdict(progress.succeeded.into(), progress.failed.into(), open);
    }
    let decided = progress.verdict.is_some() && progress.halt_on_decided;
    if open > 0 && !decided {
        let next = progress.next;
        if next < count && progress.verdict.is_none() {
            progress.next += 1;
            return run.start_child(frame, next);
        }
        if run.frame(frame).live > 0 {
            return;
        }
    }
    decide(run, frame, count);
}

fn decide(run: &mut Run<'_>, frame: FrameIndex, count: u32) {
    let State::Parallel(progress) = run.state_of(frame) else { return };
    if progress.skipped == count {
        return run.end(frame, End::SKIPPED);
    }
    if progress.verdict == Some(true) {
        return run.close(frame, End::SUCCESS);
    }
    let message = format!("{} of {count} children succeeded, which is too few", progress.succeeded);
    // Keep the first failure in time at the end: it decides, the later ones are its causes.
    match with_causes(std::mem::take(&mut progress.failures)) {
        Some(failure) => run.close(frame, End::failed(failure)),
        None => run.fail(frame, StepError::new(ErrorKind::User, message)),
    }
}
