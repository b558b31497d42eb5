//! `Delay`: waits, then runs its child.
//!
//! - `delayMs` or `duration`: how long. The wait is durable and holds no process.
//! - The child's end is its end. Halt: the wait is forgotten or the child is halted.

use super::{
    ControlProps, State,
    declare::{declare, duration},
    props,
};
use crate::machine::{FrameIndex, Run};
use akao_contract::{Category, NodeType};
use serde_json::json;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: delay-example\nversion: 1.0.0\noutputs: { done: \"${done}\" }\nroot:\n  type: Delay\n  props: { delayMs: 5 }\n  children:\n    - { type: SetVariable, props: { key: done, value: true } }\n";
    let properties =
        json!({ "delayMs": duration("How long to wait."), "duration": duration("Another name of `delayMs`.") });
    declare(include_str!("delay.rs"), Category::Decorator, properties, (1, Some(1)), example, json!({"done": true}))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match control.read(run, frame).and_then(|props| props::duration_ms(&props, &["delayMs", "duration"])) {
        Ok(None | Some(0)) => run.start_child(frame, 0),
        Ok(Some(wait)) => {
            let timer = run.timer(frame, wait);
            *run.state_of(frame) = State::Timer(timer);
            run.note_waiting(frame, "timer", Some(run.now_ms.saturating_add(wait as i64)));
        }
        Err(error) => run.fail(frame, error),
    }
}

pub(super) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex) {
    *run.state_of(frame) = State::None;
    run.start_child(frame, 0);
}
