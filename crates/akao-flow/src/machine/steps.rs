//! Leaves: how a step's input is made when it starts and where its outcome goes when it has ended. Also the small services
//! that control nodes ask of the run.

use super::{
    OpKind, Run,
    command::{Command, Failure, RunStep, StepInput},
    frame::{End, FrameIndex},
    note::Note,
    scope::ScopeIndex,
};
use crate::{
    control::CHANNEL_KEY,
    program::{Leaf, Node, Props, Work},
};
use akao_contract::{BlobRef, ErrorKind, NodeStatus, OpId, Outcome, OutcomeStatus, StepError};
use akao_expression::{Condition, Namespace, Scope};
use serde_json::Value;
use std::sync::Arc;

/// What a blackboard path leads to.
enum Found {
    Value(Arc<Value>),
    InsideBlob(BlobRef, Vec<String>),
}

impl Run<'_> {
    pub(super) fn start_leaf(&mut self, frame: FrameIndex, leaf: &Leaf) {
        let input = match self.step_input(frame, leaf) {
            Ok(input) => input,
            Err(error) => {
                self.note_started(frame, None, None);
                return self.fail(frame, error);
            }
        };
        let node = self.frame(frame).node;
        let op = self.open_op(frame, OpKind::Step(Arc::clone(&input)));
        self.frame_mut(frame).op = Some(op);
        self.note_started(frame, Some(op), Some(Arc::clone(&input.props)));
        self.command(Command::RunStep(RunStep { op, node, input }));
    }

    fn step_input(&self, frame: FrameIndex, leaf: &Leaf) -> Result<Arc<StepInput>, StepError> {
        let scope = self.frame(frame).scope;
        let has_layers = self.has_layers(scope);
        let mut input = match &leaf.props {
            Props::Constant(input) if !leaf.reads_all && leaf.read_props.is_empty() && !has_layers => {
                return Ok(Arc::clone(input));
            }
            Props::Constant(input) => StepInput::clone(input),
            Props::Template(template) => {
                let rendered = self.render(frame, template)?;
                let props = match rendered.value {
                    Value::Object(map) => Arc::new(map),
                    _ => return Err(StepError::new(ErrorKind::Internal, "props are not an object")),
                };
                StepInput { props, secrets: rendered.secrets, ..StepInput::default() }
            }
        };
        if leaf.reads_all {
            input.blackboard = self.view(scope).visible();
        }
        for prop in &leaf.read_props {
            let Some(Value::String(path)) = input.props.get(&**prop) else { continue };
            match self.find(scope, path) {
                Some(Found::Value(value)) => {
                    input.blackboard.insert(path.clone(), value);
                }
                Some(Found::InsideBlob(blob, rest)) => {
                    input.deferred.insert(path.clone(), (blob, rest));
                }
                None => {}
            }
        }
        if has_layers {
            let channel = self.view(scope).get(Namespace::Blackboard, CHANNEL_KEY);
            input.channel = channel.and_then(|channel| channel.as_str().map(str::to_owned));
        }
        Ok(Arc::new(input))
    }

    fn has_layers(&self, mut scope: ScopeIndex) -> bool {
        while let Some(found) = self.state.scopes.get(scope.0) {
            if found.kind == super::scope::ScopeKind::Layer {
                return true;
            }
            scope = found.parent;
        }
        false
    }

    /// Follows a dotted blackboard path. Parts that are numbers index lists.
    fn find(&self, scope: ScopeIndex, path: &str) -> Option<Found> {
        let path = path.strip_prefix("bb.").unwrap_or(path);
        let mut names = path.split('.');
        let root = self.view(scope).get(Namespace::Blackboard, names.next()?)?;
        let mut value: &Value = &root;
        let rest: Vec<&str> = names.collect();
        for (at, name) in rest.iter().enumerate() {
            if let Some(blob) = BlobRef::from_value(value) {
                return Some(Found::InsideBlob(blob, rest[at..].iter().map(ToString::to_string).collect()));
            }
            value = match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
                other => other.get(*name)?,
            };
        }
        Some(Found::Value(if rest.is_empty() { Arc::clone(&root) } else { Arc::new(value.clone()) }))
    }

    pub(super) fn step_finished(&mut self, op: OpId, outcome: Outcome, attempts: u32) {
        let Some(frame) = self.close_op(op, |kind| matches!(kind, OpKind::Step(_))) else { return };
        self.leaf_ended(frame, outcome, attempts);
    }

    pub(super) fn leaf_ended(&mut self, frame: FrameIndex, outcome: Outcome, attempts: u32) {
        let scope = self.frame(frame).scope;
        if self.traces() {
            for line in outcome.logs {
                let note = Note::Log { address: self.address(frame), line };
                self.note(note);
            }
        }
        if outcome.status != OutcomeStatus::Cancelled {
            for (key, value) in outcome.writes {
                self.write(scope, &key, value);
            }
            if let Work::Leaf(leaf) = &self.node_of(frame).work
                && let Some((key, output)) = &leaf.output
                && let Some(value) = outcome.outputs.get(&**output)
            {
                let value = value.clone();
                self.write(scope, key, value);
            }
        }
        let end = match outcome.status {
            OutcomeStatus::Success => End::SUCCESS,
            OutcomeStatus::Cancelled => End::CANCELLED,
            OutcomeStatus::Failure => {
                let unsaid = || StepError::new(ErrorKind::Internal, "the step failed without saying why");
                let error = outcome.error.unwrap_or_else(unsaid);
                End {
                    status: NodeStatus::Failure,
                    failure: Some(Box::new(Failure { error, step: self.address(frame) })),
                }
            }
        };
        self.end_with(frame, end, outcome.outputs, (attempts > 0).then_some(attempts));
    }

    // --- Services for control nodes ----------------------------------------------------------------------------------

    pub(crate) fn condition_holds(&self, frame: FrameIndex, condition: &Condition) -> Result<bool, StepError> {
        let view = self.view(self.frame(frame).scope);
        condition.holds(&view).map_err(|problem| super::run::eval_error(&problem))
    }

    /// A child of a frame's node, whether it runs or not.
    pub(crate) fn child_node(&self, frame: FrameIndex, slot: u32) -> &Node {
        self.program.node(self.node_of(frame).children[slot as usize])
    }

    /// What a node remembers in its scope.
    pub(crate) fn memory(&self, frame: FrameIndex) -> Option<Arc<Value>> {
        let found = self.frame(frame);
        self.state.scopes.get(found.scope.0)?.memory.get(&found.node).cloned()
    }

    /// Remembers a value for a node in its scope, or forgets it.
    pub(crate) fn remember(&mut self, frame: FrameIndex, value: Option<Arc<Value>>) {
        let (node, scope) = (self.frame(frame).node, self.frame(frame).scope);
        let Some(found) = self.state.scopes.get_mut(scope.0) else { return };
        match value {
            Some(value) => found.memory.insert(node, value),
            None => found.memory.remove(&node),
        };
    }

    /// The number of the next operation.
    pub(crate) fn next_op(&self) -> u64 {
        self.state.next_op
    }

    /// Uses up an operation's number without opening it.
    pub(crate) fn skip_op(&mut self) {
        self.state.next_op += 1;
    }
}
