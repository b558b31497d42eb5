//! Control nodes: how children are run.

use super::convert::Converter;
use super::document::Element;
use super::ports::{self, PortValue, Wanted};
use crate::build::{self, composite, decorate, node};
use crate::formula::Unsupported;
use crate::report::Place;
use akao_flow::NodeDef;
use serde_json::{Value, json};

const REACTIVE: &str = "children are looked at again when something they read has changed, not on every tick";

/// The node for a control; `None` when `kind` is no control.
pub(super) fn convert(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<Option<NodeDef>, Unsupported> {
    let ours = match kind {
        "Sequence" | "AsyncSequence" => "Sequence",
        "SequenceWithMemory" | "SequenceStar" => "MemorySequence",
        "Fallback" | "AsyncFallback" => "Selector",
        "ReactiveSequence" => "ReactiveSequence",
        "ReactiveFallback" => "ReactiveSelector",
        _ => return other(converter, element, kind, place, notes),
    };
    if ours.starts_with("Reactive") {
        notes.push(REACTIVE.to_owned());
    }
    Ok(Some(composite(ours, converter.children(element, place))))
}

fn other(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<Option<NodeDef>, Unsupported> {
    Ok(Some(match kind {
        "Parallel" => parallel(converter, element, place, notes)?,
        "ParallelAll" => parallel_all(converter, element, place)?,
        "IfThenElse" => {
            children_between(element, 2, 3)?;
            composite("Conditional", converter.children(element, place))
        }
        "WhileDoElse" => while_do_else(converter, element, place, notes)?,
        "TryCatch" => try_catch(converter, element, place, notes)?,
        "ManualSelector" => {
            return Err(Unsupported::new("a person choosing the child in a terminal has no counterpart"));
        }
        _ if kind.starts_with("Switch") => switch(converter, element, kind, place, notes)?,
        _ => return Ok(None),
    }))
}

/// Ends as soon as enough children have succeeded or failed and halts the rest, as `haltOnDecided` does.
fn parallel(
    converter: &mut Converter<'_>,
    element: &Element,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    let success = threshold(converter, element, "success_count", -1)?;
    let failure = threshold(converter, element, "failure_count", 1)?;
    if [&success, &failure].iter().any(|value| value.is_string()) {
        notes.push("a threshold comes from the blackboard; -1 for `all` is not read there".to_owned());
    }
    let mut parallel = node("Parallel");
    if element.children.is_empty() {
        return Ok(parallel);
    }
    parallel.props.insert("successThreshold".to_owned(), success);
    parallel.props.insert("failureThreshold".to_owned(), failure);
    parallel.props.insert("haltOnDecided".to_owned(), json!(true));
    parallel.children = converter.children(element, place);
    Ok(parallel)
}

/// A count of children; -1 means all of them, -2 all but one.
fn threshold(converter: &mut Converter<'_>, element: &Element, port: &str, default: i64) -> Result<Value, Unsupported> {
    let value = converter.prop(element, port, Wanted::Integer, Some(json!(default)))?;
    let total = i64::try_from(element.children.len()).unwrap_or(i64::MAX);
    Ok(match value.as_i64() {
        Some(count) if count < 0 => json!(total.saturating_add(1).saturating_add(count).max(1)),
        Some(count) => json!(count.max(1)),
        None => value,
    })
}

/// Waits for all children; fails when at least `max_failures` of them failed. With `any` the others decide only when
/// fewer failed, and then at least one succeeded.
fn parallel_all(converter: &mut Converter<'_>, element: &Element, place: &Place) -> Result<NodeDef, Unsupported> {
    let failures = threshold(converter, element, "max_failures", 1)?;
    let never_fails = failures.as_u64().is_some_and(|failures| failures > element.children.len() as u64);
    let mut parallel = build::with_props("Parallel", [("strategy", json!("any"))]);
    if !never_fails {
        parallel.props.insert("failureThreshold".to_owned(), failures);
    }
    parallel.props.insert("haltOnDecided".to_owned(), json!(false));
    parallel.children = converter.children(element, place);
    Ok(if never_fails { decorate("ForceSuccess", [], parallel) } else { parallel })
}

/// Re-checks the condition while a branch runs: two reactive sequences under a reactive selector halt the branch that no
/// longer applies. A failing first branch never falls into the second, because there the condition is asked again.
fn while_do_else(
    converter: &mut Converter<'_>,
    element: &Element,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    children_between(element, 2, 3)?;
    let mut children = converter.children(element, place).into_iter();
    let condition = children.next().unwrap_or_default();
    let body = children.next().unwrap_or_default();
    notes.push(REACTIVE.to_owned());
    let first = composite("ReactiveSequence", vec![condition.clone(), body]);
    let Some(otherwise) = children.next() else { return Ok(first) };
    notes.push("the condition runs once more before the else branch".to_owned());
    let second = composite("ReactiveSequence", vec![decorate("Invert", [], condition), otherwise]);
    Ok(composite("ReactiveSelector", vec![first, second]))
}

/// The children but the last are a sequence; when it fails the last one cleans up and the result is a failure.
fn try_catch(
    converter: &mut Converter<'_>,
    element: &Element,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    children_between(element, 2, usize::MAX)?;
    if converter.prop(element, "catch_on_halt", Wanted::Guess, Some(json!(false)))? != json!(false) {
        notes.push("the cleanup does not run when the node is halted".to_owned());
    }
    let mut attempt = converter.children(element, place);
    let cleanup = decorate("ForceFailure", [], attempt.pop().unwrap_or_default());
    let attempt = if attempt.len() == 1 { attempt.remove(0) } else { composite("Sequence", attempt) };
    Ok(composite("Recovery", vec![attempt, cleanup]))
}

/// Values are compared as text, because ports are text.
fn switch(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    let cases: usize = kind.trim_start_matches("Switch").parse().unwrap_or(0);
    children_between(element, cases + 1, cases + 1)?;
    let mut values = Vec::new();
    for case in (1..=cases).map(|number| format!("case_{number}")) {
        let raw = element.attribute(&case).ok_or_else(|| Unsupported::new(format!("the port `{case}` is missing")))?;
        match ports::parse(&case, raw)? {
            PortValue::Literal(text) => values.push(json!(text)),
            PortValue::Pointer(_) => {
                return Err(Unsupported::new(format!("`{case}` takes its value from the blackboard")));
            }
            PortValue::Json(value) => values.push(json!(value.to_string())),
        }
    }
    let raw = element.attribute("variable").ok_or_else(|| Unsupported::new("the port `variable` is missing"))?;
    let on = match ports::parse("variable", raw)? {
        PortValue::Pointer(key) => build::whole(&format!("'' ~ bb.{}", converter.scope.key(key))),
        PortValue::Literal(text) => json!(build::escape(text)),
        PortValue::Json(value) => json!(build::escape(&value.to_string())),
    };
    notes.push("cases are compared as text; numbers and enumerations of the application are not".to_owned());
    let mut children = converter.children(element, place);
    for (child, value) in children.iter_mut().zip(values) {
        child.case = Some(value);
    }
    if let Some(last) = children.last_mut() {
        last.default = true;
    }
    Ok(NodeDef { children, ..build::with_props("Switch", [("on", on)]) })
}

/// Refuses a number of children that the library refuses too.
pub(super) fn children_between(element: &Element, least: usize, most: usize) -> Result<(), Unsupported> {
    let found = element.children.len();
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let wanted = if least == most { least.to_string() } else { format!("{least} or more") };
    let wanted = if most == 3 { "2 or 3".to_owned() } else { wanted };
    Err(Unsupported::new(format!("it needs {wanted} children and has {found}")))
}
