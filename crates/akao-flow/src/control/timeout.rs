//! `Timeout`: bounds how long its child may take.
//!
//! - `timeoutMs` or `duration`: the time for everything below it, all attempts and waits included.
//! - When the time is over, the child is halted; once that has ended, the node fails with kind `timeout`.
//! - A child that ends in time gives its end. Halt: the child is halted and the timer forgotten.

use super::{
    ControlProps, State,
    declare::{declare, duration},
    props,
};
use crate::machine::{End, Failure, FrameIndex, Run};
use akao_contract::{Category, ErrorKind, NodeType, StepError, format_duration_ms};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: timeout-example\nversion: 1.0.0\noutputs: { late: \"${late}\" }\nroot:\n  type: Selector\n  children:\n    - type: Timeout\n      props: { timeoutMs: 20 }\n      children:\n        - { type: WaitAction, props: { waitMs: 60000 } }\n    - { type: SetVariable, props: { key: late, value: true } }\n";
    let properties = json!({ "timeoutMs": duration("How long the child may take."), "duration": duration("Another name of `timeoutMs`.") });
    declare(include_str!("timeout.rs"), Category::Decorator, properties, (1, Some(1)), example, json!({"late": true}))
}

fn limit(run: &Run<'_>, frame: FrameIndex, control: &ControlProps) -> Result<u64, StepError> {
    let given = props::duration_ms(&*control.read(run, frame)?, &["timeoutMs", "duration"])?;
    given.ok_or_else(|| StepError::new(ErrorKind::Input, "`timeoutMs` or `duration` is missing"))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match limit(run, frame, control) {
        Ok(limit) => {
            let timer = run.timer(frame, limit);
            *run.state_of(frame) = State::Timer(timer);
            run.start_child(frame, 0);
        }
        Err(error) => run.fail(frame, error),
    }
}

pub(super) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    *run.state_of(frame) = State::None;
    let limit = limit(run, frame, control).map(format_duration_ms).unwrap_or_else(|_| "its time".to_owned());
    let error = StepError::new(ErrorKind::Timeout, format!("the child took longer than {limit}"));
    let failure = Box::new(Failure { error, step: run.address(frame) });
    run.close(frame, End::failed(failure));
}
