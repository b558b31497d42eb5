//! `WaitForSignal`: waits until somebody sends a signal of a given name.
//!
//! - `signalName` names it. `signalKey`, when given, must equal the key that the signal carries.
//! - A signal that came earlier and found nobody waiting is taken at once, oldest first.
//! - `timeoutMs` (default 24 hours): when the time is over, the node fails with kind `timeout`. 0 waits without end.
//! - Output `payload`: what the signal carries; `outputKey` stores it.
//! - The wait goes on over restarts and holds no process. Halt: the wait is forgotten.

use super::{
    ControlProps, State,
    declare::{declare, duration, output_key, with_outputs},
    props,
};
use crate::machine::{Awaited, Command, End, FrameIndex, OpKind, Run, WaitedFor};
use akao_contract::{Category, ErrorKind, NodeType, OpId, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How long is waited when nothing is said: 24 hours.
pub(super) const DEFAULT_TIMEOUT_MS: u64 = 86_400_000;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: wait-for-signal-example\nversion: 1.0.0\noutputs: { late: \"${late}\" }\nroot:\n  type: Selector\n  children:\n    - { type: WaitForSignal, props: { signalName: go, timeoutMs: 20, outputKey: message } }\n    - { type: SetVariable, props: { key: late, value: true } }\n";
    let mut timeout = duration("How long to wait; 0 waits without end.");
    timeout["default"] = json!(DEFAULT_TIMEOUT_MS);
    let properties = json!({
        "signalName": { "type": "string", "minLength": 1, "description": "The signal's name." },
        "signalKey": { "type": "string", "description": "Key that the signal must carry." },
        "timeoutMs": timeout,
        "outputKey": output_key(),
    });
    let mut node_type = declare(
        include_str!("wait_for_signal.rs"),
        Category::Waiting,
        properties,
        (0, Some(0)),
        example,
        json!({"late": true}),
    );
    node_type.props["required"] = json!(["signalName"]);
    with_outputs(node_type, json!({ "payload": { "description": "What the signal carries." } }))
}

/// The timer beside a wait, and where its result is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wait {
    pub(crate) timer: Option<OpId>,
    pub(crate) output_key: Option<String>,
}

struct Asked {
    name: String,
    key: Option<String>,
    timeout_ms: u64,
    output_key: Option<String>,
}

fn asked(props: &Map<String, Value>) -> Result<Asked, StepError> {
    let name = props::text(props, "signalName")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| StepError::new(ErrorKind::Input, "`signalName` is missing"))?.to_owned();
    let key = match props.get("signalKey") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(key.clone()),
        Some(other) => Some(other.to_string()),
    };
    let timeout_ms = props::duration_ms(props, &["timeoutMs", "timeout"])?.unwrap_or(DEFAULT_TIMEOUT_MS);
    let output_key = props::text(props, "outputKey")?.map(str::to_owned);
    Ok(Asked { name, key, timeout_ms, output_key })
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    let asked = match control.read(run, frame).and_then(|props| asked(&props)) {
        Ok(asked) => asked,
        Err(error) => return run.fail(frame, error),
    };
    if let Some(payload) = run.take_buffered(&asked.name, asked.key.as_deref()) {
        return arrived(run, frame, asked.output_key.as_deref(), payload);
    }
    let timer = (asked.timeout_ms > 0).then(|| run.timer(frame, asked.timeout_ms));
    *run.state_of(frame) = State::Wait(Box::new(Wait { timer, output_key: asked.output_key }));
    let awaited = Awaited { name: asked.name.clone(), key: asked.key.clone() };
    let op = run.open_op(frame, OpKind::Signal(Box::new(awaited)));
    run.frame_mut(frame).op = Some(op);
    run.wait_for(&asked.name, WaitedFor { op, key: asked.key.clone() });
    run.note_waiting(frame, &format!("signal {}", asked.name), deadline(run, asked.timeout_ms));
    run.command(Command::AwaitSignal { op, name: asked.name, key: asked.key });
}

/// When a wait of `timeout_ms` ends; none for one without end.
pub(super) fn deadline(run: &Run<'_>, timeout_ms: u64) -> Option<i64> {
    (timeout_ms > 0).then(|| run.now_ms.saturating_add(i64::try_from(timeout_ms).unwrap_or(i64::MAX)))
}

/// The signal is here.
pub(crate) fn matched(run: &mut Run<'_>, frame: FrameIndex, payload: Value) {
    let output_key = match run.state_of(frame) {
        State::Wait(wait) => wait.output_key.clone(),
        _ => None,
    };
    arrived(run, frame, output_key.as_deref(), payload);
}

fn arrived(run: &mut Run<'_>, frame: FrameIndex, output_key: Option<&str>, payload: Value) {
    if let Some(key) = output_key {
        let scope = run.frame(frame).scope;
        run.write(scope, key, payload.clone());
    }
    let mut outputs = Map::new();
    outputs.insert("payload".into(), payload);
    run.end_with(frame, End::SUCCESS, outputs, None);
}

pub(super) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex, timer: OpId) {
    match run.state_of(frame) {
        State::Wait(wait) if wait.timer == Some(timer) => wait.timer = None,
        _ => return,
    }
    let name = run.signal_name(frame).unwrap_or_default();
    run.fail(frame, StepError::new(ErrorKind::Timeout, format!("no signal `{name}` came in time")));
}
