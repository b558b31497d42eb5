//! `HumanTask`: asks a person, and waits.
//!
//! - `title`, `description`, `form` (JSON Schema of what is to be filled in), `assignee`, `assigneeRole` say what and whom.
//!   `a2ui` is accepted as another form of `form`.
//! - A person completes it with approve or reject and, with a form, its content. Approved: success. Rejected: failure of
//!   kind `user` with the comment.
//! - `timeoutMs` (default 24 hours, 0 without end) and `onTimeout`: `expire` (default: failure of kind `timeout`),
//!   `approve` or `reject`.
//! - Output `decision`: {approved, data, by, comment}; `outputKey` stores it, also when it was rejected.
//! - The wait goes on over restarts and holds no process. Halt: the task is closed.

use super::{
    ControlProps, State,
    declare::{declare, duration, output_key, with_outputs},
    props,
    wait_for_signal::{DEFAULT_TIMEOUT_MS, Wait, deadline},
};
use crate::machine::{Command, Decision, End, Failure, FrameIndex, OpKind, Run, TaskEnd, TaskSpec};
use akao_contract::{Category, ErrorKind, NodeType, StepError};
use serde_json::{Map, Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: human-task-example\nversion: 1.0.0\noutputs: { approved: \"${answer.approved}\" }\nroot:\n  type: HumanTask\n  props: { title: Release to production, timeoutMs: 20, onTimeout: approve, outputKey: answer }\n";
    let mut timeout = duration("How long the task stays open; 0 means without end.");
    timeout["default"] = json!(DEFAULT_TIMEOUT_MS);
    let properties = json!({
        "title": { "type": "string", "minLength": 1, "description": "What is asked, in a few words." },
        "description": { "type": "string", "description": "What the person must know." },
        "form": { "type": "object", "description": "JSON Schema of what is to be filled in." },
        "a2ui": { "type": "object", "description": "Another name of `form`." },
        "assignee": { "type": "string", "description": "Who should do it." },
        "assigneeRole": { "type": "string", "description": "Which role should do it." },
        "timeoutMs": timeout,
        "onTimeout": { "enum": ["expire", "approve", "reject"], "default": "expire", "description": "What happens when the time is over." },
        "outputKey": output_key(),
    });
    let mut node_type = declare(
        include_str!("human_task.rs"),
        Category::Waiting,
        properties,
        (0, Some(0)),
        example,
        json!({"approved": true}),
    );
    node_type.props["required"] = json!(["title"]);
    with_outputs(node_type, json!({ "decision": { "type": "object", "description": "{approved, data, by, comment}" } }))
}

fn spec(run: &Run<'_>, props: &Map<String, Value>, timeout_ms: u64) -> Result<TaskSpec, StepError> {
    let owned = |key| props::text(props, key).map(|text| text.map(str::to_owned));
    Ok(TaskSpec {
        title: owned("title")?.ok_or_else(|| StepError::new(ErrorKind::Input, "`title` is missing"))?,
        description: owned("description")?,
        form: props.get("form").or_else(|| props.get("a2ui")).cloned().unwrap_or(Value::Null),
        assignee: owned("assignee")?,
        assignee_role: owned("assigneeRole")?,
        due_ms: deadline(run, timeout_ms),
    })
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    let read = control.read(run, frame).and_then(|props| {
        let timeout_ms = props::duration_ms(&props, &["timeoutMs", "timeout"])?.unwrap_or(DEFAULT_TIMEOUT_MS);
        let output_key = props::text(&props, "outputKey")?.map(str::to_owned);
        Ok((spec(run, &props, timeout_ms)?, timeout_ms, output_key))
    });
    let (task, timeout_ms, output_key) = match read {
        Ok(read) => read,
        Err(error) => return run.fail(frame, error),
    };
    let timer = (timeout_ms > 0).then(|| run.timer(frame, timeout_ms));
    *run.state_of(frame) = State::Wait(Box::new(Wait { timer, output_key }));
    let task = Box::new(task);
    let op = run.open_op(frame, OpKind::Task(task.clone()));
    run.frame_mut(frame).op = Some(op);
    run.note_waiting(frame, &format!("task \"{}\"", task.title), task.due_ms);
    run.command(Command::OpenTask { op, task });
}

/// A person has decided.
pub(crate) fn completed(run: &mut Run<'_>, frame: FrameIndex, decision: Decision) {
    let output_key = match run.state_of(frame) {
        State::Wait(wait) => wait.output_key.clone(),
        _ => None,
    };
    let value = serde_json::to_value(&decision).unwrap_or_default();
    if let Some(key) = output_key {
        let scope = run.frame(frame).scope;
        run.write(scope, &key, value.clone());
    }
    let mut outputs = Map::new();
    outputs.insert("decision".into(), value);
    if decision.approved {
        return run.end_with(frame, End::SUCCESS, outputs, None);
    }
    let who = decision.by.as_deref().unwrap_or("somebody");
    let comment = decision.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
    let error = StepError::new(ErrorKind::User, format!("rejected by {who}{comment}"));
    let failure = Box::new(Failure { error, step: run.address(frame) });
    run.end_with(frame, End::failed(failure), outputs, None);
}

pub(super) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    let on_timeout =
        control.read(run, frame).and_then(|props| Ok(props::text(&props, "onTimeout")?.map(str::to_owned)));
    if let Some(op) = run.frame(frame).op {
        run.close_op(op, |_| true);
        run.command(Command::CloseTask { op, reason: TaskEnd::Expired });
    }
    let decision = |approved| Decision { approved, data: Value::Null, by: Some("timeout".into()), comment: None };
    match on_timeout.as_ref().map(Option::as_deref) {
        Ok(Some("approve")) => completed(run, frame, decision(true)),
        Ok(Some("reject")) => completed(run, frame, decision(false)),
        _ => run.fail(frame, StepError::new(ErrorKind::Timeout, "nobody completed the task in time")),
    }
}
