//! `Retry`: runs its child again when it fails.
//!
//! - `attempts` in all (default 3, the first one counts); -1 tries without end.
//! - It waits `delayMs` (default 1000) before the second attempt; each further wait is `factor` times longer (default 2),
//!   up to `maxDelayMs` (default 60000). `backoff: linear` grows by `delayMs` instead. The waits are durable.
//! - `on` lists error kinds that are tried again; empty (default) means every kind.
//! - A child that succeeds or is skipped ends it so. When no attempt is left, the last failure is its failure.
//! - Addresses below it carry the attempt, from zero. Every attempt is a new run of the whole child.
//! - Halt: the child is halted and no further attempt is made.
//!
//! A single leaf may carry `retry:` itself; this node is for trees.

use super::{
    ControlProps, State,
    declare::{declare, duration},
    props, repeat,
};
use crate::machine::{End, FrameIndex, Run};
use akao_contract::{Category, NodeStatus, NodeType, OpId, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: retry-example\nversion: 1.0.0\noutputs: { tries: \"${tries}\" }\nroot:\n  type: Retry\n  props: { attempts: 5, delayMs: 1 }\n  children:\n    - type: Sequence\n      children:\n        - { type: CounterAction, props: { counterKey: tries } }\n        - { type: CheckCondition, props: { key: tries, operator: \">=\", value: 3 } }\n";
    let kinds: Vec<&str> = akao_contract::ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let mut delay = duration("Wait before the second attempt.");
    delay["default"] = json!(1000);
    let mut max_delay = duration("Longest wait.");
    max_delay["default"] = json!(60000);
    let properties = json!({
        "attempts": { "type": "integer", "minimum": -1, "default": 3, "description": "Attempts in all; -1 means without end." },
        "delayMs": delay,
        "backoff": { "enum": ["exponential", "linear"], "default": "exponential", "description": "How the wait grows." },
        "factor": { "type": "number", "minimum": 1, "default": 2, "description": "Each further wait is this many times longer." },
        "maxDelayMs": max_delay,
        "on": { "type": "array", "items": { "enum": kinds }, "default": [], "description": "Error kinds that are tried again; empty means every kind." },
    });
    declare(include_str!("retry.rs"), Category::Decorator, properties, (1, Some(1)), example, json!({"tries": 3}))
}

/// Attempts made, and the timer of the wait before the next.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Progress {
    made: u64,
    pub(super) timer: Option<OpId>,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, _: &ControlProps) {
    *run.state_of(frame) = State::Retry(Box::new(Progress { made: 0, timer: None }));
    repeat::next(run, frame, 0);
}

/// The wait before the next attempt, or none when there is none.
fn wait_ms(props: &Map<String, Value>, made: u64, end: &End) -> Result<Option<u64>, StepError> {
    let attempts = props::count_or_endless(props, "attempts", 3)?;
    let kind = end.failure.as_ref().map(|failure| failure.error.kind);
    let wanted = props.get("on").and_then(Value::as_array).filter(|kinds| !kinds.is_empty());
    let tried_again =
        wanted.is_none_or(|kinds| kinds.iter().any(|name| name.as_str() == kind.map(|kind| kind.as_str())));
    if attempts.is_some_and(|attempts| made >= attempts) || !tried_again {
        return Ok(None);
    }
    let delay = props::duration_ms(props, &["delayMs", "delay"])?.unwrap_or(1_000) as f64;
    let longest = props::duration_ms(props, &["maxDelayMs", "maxDelay"])?.unwrap_or(60_000);
    let times = made.saturating_sub(1).min(1_000);
    let wait = if props::text(props, "backoff")? == Some("linear") {
        delay * (times + 1) as f64
    } else {
        delay * props::number(props, "factor", 2.0)?.powi(times as i32)
    };
    Ok(Some(if wait.is_finite() { (wait as u64).min(longest) } else { longest }))
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps, end: End) {
    if end.status != NodeStatus::Failure {
        return run.end(frame, end);
    }
    let State::Retry(progress) = run.state_of(frame) else { return };
    progress.made += 1;
    let made = progress.made;
    match control.read(run, frame).and_then(|props| wait_ms(&props, made, &end)) {
        Err(error) => run.fail(frame, error),
        Ok(None) => run.end(frame, end),
        Ok(Some(0)) => repeat::next(run, frame, made),
        Ok(Some(wait)) => {
            let timer = Some(run.timer(frame, wait));
            *run.state_of(frame) = State::Retry(Box::new(Progress { made, timer }));
            run.note_waiting(frame, &format!("attempt {}", made + 1), Some(run.now_ms.saturating_add(wait as i64)));
        }
    }
}

pub(super) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex) {
    let State::Retry(progress) = run.state_of(frame) else { return };
    progress.timer = None;
    let made = progress.made;
    repeat::next(run, frame, made);
}
