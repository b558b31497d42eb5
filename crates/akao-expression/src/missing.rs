//! Messages for paths that lead nowhere: what is missing, in what, and the nearest name that exists.

use crate::{
    error::EvalError,
    operators::type_name,
    program::{Path, Root, Segment},
    scope::{Namespace, Scope},
    suggest::nearest,
};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Where a path stops: at its root, or at the first part that is not there.
pub(crate) fn path(root: &Root, value: Option<&Value>, path: &Path, scope: &dyn Scope) -> EvalError {
    let Some(mut value) = value else { return missing_root(root, scope) };
    let mut name = match &root.key {
        Some(key) if root.bare => key.clone(),
        Some(key) => format!("{}{}", root.namespace, written(&Segment::Key(key.clone()))),
        None => root.namespace.to_string(),
    };
    for segment in &path.segments {
        match step(value, segment) {
            Some(next) => value = next,
            None => return part(&format!("`{name}`"), value, segment),
        }
        name.push_str(&written(segment));
    }
    EvalError::new(format!("`{name}` is missing"))
}

fn step<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    // Unbounded budgets are not needed: one step of a borrowed value costs nothing.
    match crate::evaluate::descend(Cow::Borrowed(value), segment, &crate::limits::Budget::new()) {
        Ok(Some(Cow::Borrowed(next))) => Some(next),
        _ => None,
    }
}

/// A part that a value does not have.
pub(crate) fn part(name: &str, value: &Value, wanted: &Segment) -> EvalError {
    match (value, wanted) {
        (Value::Object(entries), Segment::Key(key)) => {
            let error = EvalError::new(format!("{name} has no key `{key}`"));
            match nearest(key, entries.keys().map(String::as_str)) {
                Some(near) => error.suggest(format!("Did you mean `{near}`?")),
                None if entries.is_empty() => {
                    error.suggest("The object is empty; write `| default(…)` if that is fine.")
                }
                None => error.suggest(format!(
                    "It has {}; write `| default(…)` if the key may be missing.",
                    listed(entries.keys())
                )),
            }
        }
        (Value::Array(items), Segment::Index(index)) => {
            EvalError::new(format!("{name} has {} elements and no index {index}", items.len()))
                .suggest("Write `| default(…)` if the element may be missing.")
        }
        (Value::Array(_) | Value::String(_), Segment::Key(key))
            if matches!(key.as_str(), "length" | "size" | "count") =>
        {
            EvalError::new(format!("{name} is {} and has no key `{key}`", type_name(value)))
                .suggest("Write `value | length`.")
        }
        (Value::Array(_), Segment::Key(key)) => EvalError::new(format!("{name} is a list and has no key `{key}`"))
            .suggest(format!("Write `[0].{key}` for one element, or `| map(attribute='{key}')` for all.")),
        (_, Segment::Key(key)) => EvalError::new(format!("{name} is {} and has no key `{key}`", type_name(value)))
            .suggest("Write `| default(…)` if the value may be missing."),
        (_, Segment::Index(index)) => {
            EvalError::new(format!("{name} is {} and has no index {index}", type_name(value)))
        }
    }
}

fn listed<'k>(keys: impl Iterator<Item = &'k String>) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = keys.take(SHOWN + 1).map(|key| format!("`{key:.40}`")).collect();
    if names.len() > SHOWN {
        names[SHOWN] = "others".to_owned();
    }
    names.join(", ")
}

fn missing_root(root: &Root, scope: &dyn Scope) -> EvalError {
    let Some(key) = &root.key else {
        return match root.namespace {
            Namespace::Item | Namespace::Index => {
                EvalError::new(format!("`{}` is only known inside a loop", root.namespace))
                    .suggest("Use it below a ForEach, or write `bb['item']` for a blackboard key of that name.")
            }
            other => EvalError::new(format!("`{other}` is not available here")),
        };
    };
    let what = match root.namespace {
        Namespace::Steps => format!("unknown step `{key}`, or it has not run yet"),
        Namespace::Vars => format!("unknown variable `{key}`"),
        _ => format!("unknown name `{key}`: the blackboard has no such key"),
    };
    let error = EvalError::new(what);
    match near_root(root, key, scope) {
        Some(near) => error.suggest(format!("Did you mean `{near}`?")),
        None => error.suggest("Write `| default(…)` if the value may be missing."),
    }
}

/// The nearest existing name, first where the name was looked for, then where it may have been meant.
fn near_root(root: &Root, key: &str, scope: &dyn Scope) -> Option<String> {
    let known = scope.keys(root.namespace);
    let near = nearest(key, known.iter().map(String::as_str));
    if !root.bare {
        return near.map(|near| format!("{}.{near}", root.namespace));
    }
    let word = || nearest(key, Namespace::ALL.map(Namespace::word)).map(str::to_owned);
    let elsewhere = || {
        [Namespace::Input, Namespace::Steps, Namespace::Vars]
            .into_iter()
            .find(|namespace| scope.keys(*namespace).iter().any(|known| known == key))
            .map(|namespace| format!("{namespace}.{key}"))
    };
    elsewhere().or_else(|| near.map(str::to_owned)).or_else(word)
}

/// A segment as it is written in an expression.
fn written(segment: &Segment) -> String {
    let mut text = String::new();
    // Writing to a `String` does not fail.
    let _ = match segment {
        Segment::Index(index) => write!(text, "[{index}]"),
        Segment::Key(key) if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => write!(text, ".{key}"),
        Segment::Key(key) => write!(text, "['{key}']"),
    };
    text
}
