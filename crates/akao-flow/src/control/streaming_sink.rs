//! `StreamingSink`: names the channel that logs and progress below it are streamed to.
//!
//! - `channelId` gives the name, or `channelKey` the blackboard key that holds it. Inner sinks win over outer ones.
//! - Steps below it carry the channel; expressions see it as `__streamChannelId`.
//! - The child's end is its end. Halt: the child is halted.

use super::{ControlProps, State, declare::declare, props, sub_tree::OwnScope};
use crate::machine::{FrameIndex, NO_ITERATION, Run, ScopeData, ScopeKind};
use akao_contract::{Category, ErrorKind, NodeType, StepError};
use akao_expression::{Namespace, Scope};
use serde_json::{Value, json};
use std::sync::Arc;

/// The blackboard key under which the channel is seen.
pub(crate) const CHANNEL_KEY: &str = "__streamChannelId";

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: streaming-sink-example\nversion: 1.0.0\noutputs: { channel: \"${channel}\" }\nroot:\n  type: StreamingSink\n  props: { channelId: progress }\n  children:\n    - { type: SetVariable, props: { key: channel, value: \"${__streamChannelId}\" } }\n";
    let properties = json!({
        "channelId": { "type": "string", "minLength": 1, "description": "The channel's name." },
        "channelKey": { "type": "string", "description": "Blackboard key that holds the channel's name." },
    });
    declare(
        include_str!("streaming_sink.rs"),
        Category::Decorator,
        properties,
        (1, Some(1)),
        example,
        json!({"channel": "progress"}),
    )
}

fn channel(run: &Run<'_>, frame: FrameIndex, control: &ControlProps) -> Result<Value, StepError> {
    let props = control.read(run, frame)?;
    if let Some(name) = props::text(&props, "channelId")? {
        return Ok(name.into());
    }
    let missing = |message: String| StepError::new(ErrorKind::Input, message);
    let key =
        props::text(&props, "channelKey")?.ok_or_else(|| missing("`channelId` or `channelKey` is missing".into()))?;
    let value = run.view(run.frame(frame).scope).get(Namespace::Blackboard, key);
    value
        .map(|value| (*value).clone())
        .filter(Value::is_string)
        .ok_or_else(|| missing(format!("blackboard key `{key}` holds no channel name")))
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &ControlProps) {
    match channel(run, frame, control) {
        Ok(channel) => {
            let mut data = ScopeData::new(run.frame(frame).scope, ScopeKind::Layer);
            data.values.insert(CHANNEL_KEY.into(), Arc::new(channel));
            let scope = run.new_scope(data);
            *run.state_of(frame) = State::Scope(OwnScope { scope });
            run.start_child_in(frame, 0, NO_ITERATION, scope);
        }
        Err(error) => run.fail(frame, error),
    }
}
