//! Scopes: what an expression sees from where it stands.
//!
//! | kind | opened by | reads | writes |
//! |---|---|---|---|
//! | root | the execution | its own values | here |
//! | tree | `SubTree` | its own, then the parent's unless isolated | here |
//! | iteration | `ForEach` | item and index, then the parent's | the parent's |
//! | layer | `Recovery` (the error), `StreamingSink` (the channel) | its own, then the parent's | the parent's |

use super::{State as MachineState, frame::FrameIndex, sparse::SparseMap};
use crate::{control::State, program::NodeIndex, program::Program};
use akao_expression::{Namespace, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Position of a scope in the slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ScopeIndex(pub(crate) u32);

impl ScopeIndex {
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// What opened a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ScopeKind {
    Root,
    Tree { isolated: bool },
    Iteration { of: FrameIndex, index: u64 },
    Layer,
}

/// One scope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ScopeData {
    pub(crate) parent: ScopeIndex,
    pub(crate) kind: ScopeKind,
    #[serde(default, skip_serializing_if = "SparseMap::is_empty")]
    pub(crate) values: SparseMap<Arc<str>, Arc<Value>>,
    /// Steps that ended here, as `{outputs, status, error}`; only those that some expression names.
    #[serde(default, skip_serializing_if = "SparseMap::is_empty")]
    pub(crate) steps: SparseMap<NodeIndex, Arc<Value>>,
    /// What `MemorySequence` and `RunOnce` remember while this scope lives.
    #[serde(default, skip_serializing_if = "SparseMap::is_empty")]
    pub(crate) memory: SparseMap<NodeIndex, Arc<Value>>,
}

impl ScopeData {
    pub(crate) fn new(parent: ScopeIndex, kind: ScopeKind) -> Self {
        let (values, steps, memory) = (SparseMap::default(), SparseMap::default(), SparseMap::default());
        Self { parent, kind, values, steps, memory }
    }

    /// Whether blackboard writes land here.
    pub(crate) fn takes_writes(&self) -> bool {
        matches!(self.kind, ScopeKind::Root | ScopeKind::Tree { .. })
    }
}

/// The state as an expression sees it from one scope.
pub(crate) struct View<'a> {
    pub(crate) state: &'a MachineState,
    pub(crate) program: &'a Program,
    pub(crate) scope: ScopeIndex,
}

impl View<'_> {
    fn chain(&self) -> impl Iterator<Item = &ScopeData> {
        let mut at = self.scope;
        std::iter::from_fn(move || {
            let scope = self.state.scopes.get(at.0)?;
            let closed = matches!(scope.kind, ScopeKind::Tree { isolated: true });
            at = if closed { ScopeIndex::NONE } else { scope.parent };
            Some(scope)
        })
    }

    fn blackboard(&self, key: &str) -> Option<Arc<Value>> {
        self.chain().find_map(|scope| match &scope.kind {
            ScopeKind::Iteration { of, index } => self.loop_value(*of, *index, key),
            _ => scope.values.get(key).cloned(),
        })
    }

    fn loop_value(&self, of: FrameIndex, index: u64, key: &str) -> Option<Arc<Value>> {
        let State::ForEach(each) = &self.state.frames.get(of.0)?.state else { return None };
        if key == &*each.item_key {
            each.item(index)
        } else if each.index_key.as_deref() == Some(key) {
            Some(Arc::new(Value::from(index)))
        } else {
            None
        }
    }

    fn iteration(&self) -> Option<(FrameIndex, u64)> {
        self.chain().find_map(|scope| match scope.kind {
            ScopeKind::Iteration { of, index } => Some((of, index)),
            _ => None,
        })
    }

    fn steps(&self, id: &str) -> Option<Arc<Value>> {
        self.chain().find_map(|scope| {
            let found = scope.steps.iter().find(|(node, _)| self.program.node(**node).id.as_str() == id);
            found.map(|(_, value)| Arc::clone(value))
        })
    }

    /// Everything on the blackboard that can be seen, inner values over outer ones.
    pub(crate) fn visible(&self) -> BTreeMap<String, Arc<Value>> {
        let mut seen = BTreeMap::new();
        for scope in self.chain() {
            if let ScopeKind::Iteration { of, index } = scope.kind
                && let Some(State::ForEach(each)) = self.state.frames.get(of.0).map(|frame| &frame.state)
            {
                let item = each.item(index).map(|item| (each.item_key.to_string(), item));
                let position = each.index_key.as_ref().map(|key| (key.to_string(), Arc::new(Value::from(index))));
                for (key, value) in item.into_iter().chain(position) {
                    seen.entry(key).or_insert(value);
                }
            }
            for (key, value) in scope.values.iter() {
                seen.entry(key.to_string()).or_insert_with(|| Arc::clone(value));
            }
        }
        seen
    }

    fn visible_object(&self) -> Value {
        let entries = self.visible().into_iter().map(|(key, value)| (key, Value::clone(&value)));
        Value::Object(entries.collect())
    }

    fn all_steps(&self) -> Map<String, Value> {
        let mut steps = Map::new();
        for scope in self.chain() {
            for (node, value) in scope.steps.iter() {
                let id = self.program.node(*node).id.as_str();
                if !steps.contains_key(id) {
                    steps.insert(id.to_owned(), Value::clone(value));
                }
            }
        }
        steps
    }
}

impl Scope for View<'_> {
    fn whole(&self, namespace: Namespace) -> Option<Arc<Value>> {
        match namespace {
            Namespace::Input => Some(Arc::clone(&self.state.input)),
            Namespace::Item => {
                let (of, index) = self.iteration()?;
                let State::ForEach(each) = &self.state.frames.get(of.0)?.state else { return None };
                each.item(index)
            }
            Namespace::Index => self.iteration().map(|(_, index)| Arc::new(Value::from(index))),
            Namespace::Execution => Some(Arc::clone(&self.state.about)),
            Namespace::Workflow => Some(Arc::new(serde_json::json!({
                "id": &*self.program.workflow, "version": &*self.program.version, "name": self.program.name.as_deref(),
            }))),
            Namespace::Blackboard => Some(Arc::new(self.visible_object())),
            Namespace::Steps => Some(Arc::new(Value::Object(self.all_steps()))),
            Namespace::Vars => Some(Arc::new(Value::Object(
                self.state.vars.iter().map(|(key, value)| (key.to_string(), Value::clone(value))).collect(),
            ))),
            Namespace::Secrets => None,
        }
    }

    fn get(&self, namespace: Namespace, key: &str) -> Option<Arc<Value>> {
        match namespace {
            Namespace::Blackboard => self.blackboard(key),
            Namespace::Steps => self.steps(key),
            Namespace::Vars => self.state.vars.get(key).cloned(),
            _ => self.whole(namespace)?.get(key).map(|value| Arc::new(value.clone())),
        }
    }

    fn keys(&self, namespace: Namespace) -> Vec<String> {
        match namespace {
            Namespace::Blackboard => self.visible().into_keys().collect(),
            Namespace::Steps => self.all_steps().into_iter().map(|(key, _)| key).collect(),
            Namespace::Vars => self.state.vars.keys().map(ToString::to_string).collect(),
            _ => match self.whole(namespace).as_deref() {
                Some(Value::Object(map)) => map.keys().cloned().collect(),
                _ => Vec::new(),
            },
        }
    }
}
