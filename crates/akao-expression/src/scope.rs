//! What an expression can see: namespaces, the port through which they are read, and static references into them.
//!
//! This module reads nothing by itself; the interpreter implements [`Scope`] over its own state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The reserved first words of a path. Every other first word names a blackboard key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// `input`: what the execution was started with.
    Input,
    /// `bb`: the blackboard.
    #[serde(rename = "bb")]
    Blackboard,
    /// `steps`: `steps.<id>.outputs`, `.status` and `.error`.
    Steps,
    /// `item`: the element of the innermost loop.
    Item,
    /// `index`: the zero-based position in the innermost loop.
    Index,
    /// `secrets`: handles that are resolved when a step starts.
    Secrets,
    /// `execution`: `id`, `started_at`, `tenant`.
    Execution,
    /// `workflow`: the running workflow's own header.
    Workflow,
    /// `vars`: variables that the operator publishes.
    Vars,
}

impl Namespace {
    /// Every namespace, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::Blackboard,
        Self::Steps,
        Self::Item,
        Self::Index,
        Self::Secrets,
        Self::Execution,
        Self::Workflow,
        Self::Vars,
    ];

    /// The reserved word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Blackboard => "bb",
            Self::Steps => "steps",
            Self::Item => "item",
            Self::Index => "index",
            Self::Secrets => "secrets",
            Self::Execution => "execution",
            Self::Workflow => "workflow",
            Self::Vars => "vars",
        }
    }

    /// The namespace of a reserved word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|namespace| namespace.word() == word)
    }

    /// Whether its keys are read one by one with [`Scope::get`].
    pub(crate) const fn is_keyed(self) -> bool {
        matches!(self, Self::Blackboard | Self::Steps | Self::Vars)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The values an expression is evaluated over.
pub trait Scope {
    /// A whole namespace: `input`, `item`, `index`, `execution`, `workflow`, and `bb` or `vars` as one object.
    fn whole(&self, namespace: Namespace) -> Option<Arc<Value>>;
    /// One key of `bb`, `steps` or `vars`; a step is `{outputs, status, error}`.
    fn get(&self, namespace: Namespace, key: &str) -> Option<Arc<Value>>;
    /// The keys of a namespace, for "did you mean"; read only when a name is unknown.
    fn keys(&self, namespace: Namespace) -> Vec<String>;
}

/// A statically known path of an expression, such as `steps.fetch.outputs`. A bare name is a blackboard key; an index
/// that is only known at run time ends the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The namespace read.
    pub namespace: Namespace,
    /// The keys below it, outermost first; a list index is its decimal text.
    pub path: Vec<String>,
}

/// A scope over values in memory, for nodes, previews and tests.
#[derive(Debug, Clone, Default)]
pub struct MapScope {
    whole: BTreeMap<Namespace, Arc<Value>>,
    keyed: BTreeMap<Namespace, BTreeMap<String, Arc<Value>>>,
}

impl MapScope {
    /// A scope without any value.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope with a namespace set. An object given for `bb`, `steps` or `vars` is also readable key by key.
    #[must_use]
    pub fn with(mut self, namespace: Namespace, value: Value) -> Self {
        if let (true, Value::Object(entries)) = (namespace.is_keyed(), &value) {
            let keyed = entries.iter().map(|(key, value)| (key.clone(), Arc::new(value.clone()))).collect();
            self.keyed.insert(namespace, keyed);
        }
        self.whole.insert(namespace, Arc::new(value));
        self
    }
}

impl Scope for MapScope {
    fn whole(&self, namespace: Namespace) -> Option<Arc<Value>> {
        self.whole.get(&namespace).cloned()
    }

    fn get(&self, namespace: Namespace, key: &str) -> Option<Arc<Value>> {
        self.keyed.get(&namespace)?.get(key).cloned()
    }

    fn keys(&self, namespace: Namespace) -> Vec<String> {
        let entries = self.whole.get(&namespace).and_then(|value| value.as_object());
        entries.map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
    }
}

/// A scope over one borrowed object: reserved words are namespaces, every other key is on the blackboard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectScope<'v>(pub(crate) &'v Map<String, Value>);

impl Scope for ObjectScope<'_> {
    fn whole(&self, namespace: Namespace) -> Option<Arc<Value>> {
        match self.0.get(namespace.word()) {
            Some(value) => Some(Arc::new(value.clone())),
            None if namespace == Namespace::Blackboard => Some(Arc::new(Value::Object(self.0.clone()))),
            None => None,
        }
    }

    fn get(&self, namespace: Namespace, key: &str) -> Option<Arc<Value>> {
        let entries = match self.0.get(namespace.word()) {
            Some(value) => value.as_object()?,
            None if namespace == Namespace::Blackboard => self.0,
            None => return None,
        };
        entries.get(key).map(|value| Arc::new(value.clone()))
    }

    fn keys(&self, namespace: Namespace) -> Vec<String> {
        let entries = match self.0.get(namespace.word()) {
            Some(value) => value.as_object(),
            None if namespace == Namespace::Blackboard => Some(self.0),
            None => None,
        };
        entries.map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
    }
}
