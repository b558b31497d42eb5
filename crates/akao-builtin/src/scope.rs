//! What expressions inside a node see: the values the step was given, and the element that is looked at.

use crate::props::bad_input;
use akao_contract::StepError;
use akao_expression::{CompileError, EvalError, Namespace, Scope};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

/// Values by name, each copied at most once, with an optional element over them.
///
/// A bare name is one of the values. A reserved word is readable when a value has that name, so that a node can be
/// handed an `input` of its own.
pub(crate) struct ValueScope<'a> {
    values: &'a BTreeMap<String, Value>,
    copies: RefCell<BTreeMap<String, Arc<Value>>>,
    element: Option<Element<'a>>,
}

struct Element<'a> {
    name: &'a str,
    value: Arc<Value>,
    index: usize,
}

impl<'a> ValueScope<'a> {
    /// A scope over `values`.
    pub(crate) fn new(values: &'a BTreeMap<String, Value>) -> Self {
        Self { values, copies: RefCell::default(), element: None }
    }

    /// Puts the element of a collection over the values, under `name` and with its zero-based `index`.
    pub(crate) fn enter(&mut self, name: &'a str, value: &Value, index: usize) {
        self.element = Some(Element { name, value: Arc::new(value.clone()), index });
    }

    /// Takes the element away.
    pub(crate) fn leave(&mut self) {
        self.element = None;
    }

    fn value(&self, name: &str) -> Option<Arc<Value>> {
        if let Some(element) = self.element.as_ref().filter(|element| element.name == name) {
            return Some(Arc::clone(&element.value));
        }
        if let Some(copy) = self.copies.borrow().get(name) {
            return Some(Arc::clone(copy));
        }
        let copy = Arc::new(self.values.get(name)?.clone());
        self.copies.borrow_mut().insert(name.to_owned(), Arc::clone(&copy));
        Some(copy)
    }
}

impl Scope for ValueScope<'_> {
    fn whole(&self, namespace: Namespace) -> Option<Arc<Value>> {
        match (namespace, self.value(namespace.word()), &self.element) {
            (_, Some(value), _) => Some(value),
            (Namespace::Index, None, Some(element)) => Some(Arc::new(element.index.into())),
            (Namespace::Blackboard, None, _) => {
                let entries = self.values.iter().map(|(name, value)| (name.clone(), value.clone()));
                Some(Arc::new(Value::Object(entries.collect())))
            }
            _ => None,
        }
    }

    fn get(&self, namespace: Namespace, key: &str) -> Option<Arc<Value>> {
        match namespace {
            Namespace::Blackboard => self.value(key),
            other => self.value(other.word())?.get(key).cloned().map(Arc::new),
        }
    }

    fn keys(&self, namespace: Namespace) -> Vec<String> {
        match namespace {
            Namespace::Blackboard => {
                let element = self.element.iter().map(|element| element.name.to_owned());
                self.values.keys().cloned().chain(element).collect()
            }
            other => {
                let entries = self.values.get(other.word()).and_then(Value::as_object);
                entries.map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
            }
        }
    }
}

/// The step error of an expression that is not well formed; `place` names the prop.
pub(crate) fn compile_error(place: &str, source: &str, error: CompileError) -> StepError {
    let before = source.get(..error.offset).unwrap_or(source);
    let character = before.chars().count() + 1;
    let bad = bad_input(format!("{place}, character {character}: {}", error.message));
    suggested(bad, error.suggestion)
}

/// The step error of an expression that could not be evaluated; `place` names the prop.
pub(crate) fn eval_error(place: &str, error: EvalError) -> StepError {
    suggested(bad_input(format!("{place}: {}", error.message)), error.suggestion)
}

fn suggested(error: StepError, suggestion: Option<String>) -> StepError {
    match suggestion {
        Some(suggestion) => error.with_suggestion(suggestion),
        None => error,
    }
}
