//! Looking at and changing values of a running execution, for debuggers and forks.

use super::{
    Run, State,
    frame::FrameIndex,
    run::address,
    scope::{ScopeIndex, View},
};
use crate::program::Program;
use akao_contract::Address;
use akao_expression::{Namespace, Scope};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The scope of the live frame at an address; the root's scope when there is none.
fn scope_at(state: &State, at: Option<&Address>) -> ScopeIndex {
    let Some(at) = at else { return state.root_scope };
    let frames = state.frames.iter().map(|(index, frame)| (FrameIndex(index), frame.scope));
    let found = frames.into_iter().find(|(frame, _)| {
        let address = address(state, *frame);
        address == *at || address.place() == *at
    });
    found.map_or(state.root_scope, |(_, scope)| scope)
}

pub(super) fn values_at(program: &Program, state: &State, at: Option<&Address>) -> Value {
    let view = View { state, program, scope: scope_at(state, at) };
    let whole = |namespace| view.whole(namespace).map(|value| Value::clone(&value));
    let mut values = Map::new();
    let named = [
        ("input", Namespace::Input),
        ("bb", Namespace::Blackboard),
        ("steps", Namespace::Steps),
        ("item", Namespace::Item),
        ("index", Namespace::Index),
        ("vars", Namespace::Vars),
    ];
    for (name, namespace) in named {
        if let Some(value) = whole(namespace) {
            values.insert(name.to_owned(), value);
        }
    }
    Value::Object(values)
}

/// Sets the value at a path of names and list positions inside `root`; missing objects are made.
fn set_in(root: &mut Value, path: &[&str], value: Value) {
    let Some((last, above)) = path.split_last() else {
        *root = value;
        return;
    };
    let mut at = root;
    for name in above {
        at = enter(at, name);
    }
    *enter(at, last) = value;
}

fn enter<'a>(at: &'a mut Value, name: &str) -> &'a mut Value {
    let index = name.parse::<usize>().ok().filter(|index| at.as_array().is_some_and(|items| *index < items.len()));
    if let Some(index) = index {
        return &mut at[index];
    }
    if !at.is_object() {
        *at = json!({});
    }
    &mut at[name]
}

impl Run<'_> {
    /// Changes a value: `bb.key.path` or a bare key, `input.key`, `steps.id.outputs.key`.
    pub(super) fn edit(&mut self, path: &str, value: Value, at: Option<&Address>) {
        let names: Vec<&str> = path.split('.').collect();
        let scope = scope_at(self.state, at);
        match names.as_slice() {
            ["input", rest @ ..] => {
                let mut input = Value::clone(&self.state.input);
                set_in(&mut input, rest, value);
                self.state.input = Arc::new(input);
            }
            ["steps", id, rest @ ..] => self.edit_step(scope, id, rest, value),
            ["bb", key, rest @ ..] | [key, rest @ ..] => {
                let mut changed = match rest {
                    [] => Value::Null,
                    _ => self.view(scope).get(Namespace::Blackboard, key).map_or(Value::Null, |old| Value::clone(&old)),
                };
                set_in(&mut changed, rest, value);
                self.write(scope, key, changed);
            }
            [] => {}
        }
    }

    fn edit_step(&mut self, scope: ScopeIndex, id: &str, rest: &[&str], value: Value) {
        let Some(node) = self.program.find(id) else { return };
        let known = self.view(scope).get(Namespace::Steps, id);
        let mut record =
            known.map_or_else(|| json!({"outputs": {}, "status": "success", "error": null}), |old| Value::clone(&old));
        set_in(&mut record, rest, value);
        if let Some(found) = self.state.scopes.get_mut(scope.0) {
            found.steps.insert(node, Arc::new(record));
        }
    }
}
