//! Decorators: one child, with its result, its repetition or its time changed.

use super::controls::children_between;
use super::convert::Converter;
use super::document::Element;
use super::ports::{self, PortValue, Wanted};
use super::scripts;
use crate::build;
use crate::formula::Unsupported;
use crate::report::Place;
use akao_flow::NodeDef;
use serde_json::{Value, json};

/// The node for a decorator; `None` when `kind` is no decorator.
pub(super) fn convert(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<Option<NodeDef>, Unsupported> {
    let Some(shell) = shell(converter, element, kind, notes)? else { return Ok(None) };
    children_between(element, 1, 1)?;
    let child = converter.children(element, place);
    let outer = shell.outer.map(build::node);
    let decorator = NodeDef { children: child, ..shell.decorator };
    Ok(Some(match outer {
        Some(outer) => NodeDef { children: vec![decorator], ..outer },
        None => decorator,
    }))
}

/// A decorator without its child, and a second one around it where one is not enough.
struct Shell {
    decorator: NodeDef,
    outer: Option<&'static str>,
}

fn shell(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    notes: &mut Vec<String>,
) -> Result<Option<Shell>, Unsupported> {
    let mut integer = |port: &str| converter.prop(element, port, Wanted::Integer, None);
    let decorator = match kind {
        "Inverter" => build::node("Invert"),
        "ForceSuccess" | "ForceFailure" => build::node(kind),
        "RetryUntilSuccessful" | "RetryUntilSuccesful" => {
            build::with_props("Retry", [("attempts", integer("num_attempts")?), ("delayMs", json!(0))])
        }
        "Repeat" => build::with_props("Repeat", [("numCycles", integer("num_cycles")?)]),
        "Timeout" => build::with_props("Timeout", [("timeoutMs", integer("msec")?)]),
        "Delay" => build::with_props("Delay", [("delayMs", integer("delay_msec")?)]),
        // The library ends with a failure where the btree family ends with a success.
        "KeepRunningUntilFailure" => build::with_props(kind, [("result", json!("failure"))]),
        "RunOnce" => {
            let then_skip = converter.prop(element, "then_skip", Wanted::Guess, Some(json!(true)))?;
            build::with_props("RunOnce", [("thenSkip", then_skip)])
        }
        "Precondition" => precondition(converter, element)?,
        "LoopInt" | "LoopBool" | "LoopDouble" | "LoopString" => {
            return Ok(Some(queue(converter, element, kind, notes)?));
        }
        "SkipUnlessUpdated" | "WaitValueUpdate" => {
            return Err(Unsupported::new("whether a key was written since the last look is not recorded"));
        }
        _ => return Ok(None),
    };
    Ok(Some(Shell { decorator, outer: None }))
}

fn precondition(converter: &mut Converter<'_>, element: &Element) -> Result<NodeDef, Unsupported> {
    let code = element.attribute("if").ok_or_else(|| Unsupported::new("the port `if` is missing"))?;
    let condition = scripts::condition(&mut converter.scope, code)?;
    let otherwise = match element.attribute("else").unwrap_or("FAILURE").trim() {
        "FAILURE" => "failure",
        "SUCCESS" => "success",
        "SKIPPED" => "skipped",
        other => return Err(Unsupported::new(format!("`else=\"{other}\"` has no counterpart"))),
    };
    Ok(build::with_props("Precondition", [("if", build::whole(&condition)), ("else", json!(otherwise))]))
}

/// Loops over a queue; the queue itself stays as it is, where the library empties it.
fn queue(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    notes: &mut Vec<String>,
) -> Result<Shell, Unsupported> {
    let raw = element.attribute("queue").ok_or_else(|| Unsupported::new("the port `queue` is missing"))?;
    let source = match ports::parse("queue", raw)? {
        PortValue::Pointer(key) => {
            notes.push("the queue keeps its items, the library takes them out".to_owned());
            ("collectionKey", json!(converter.scope.key(key)))
        }
        PortValue::Json(value) => ("items", build::escape_value(value)),
        PortValue::Literal(text) => ("items", items(text, kind)?),
    };
    let raw = element.attribute("value").ok_or_else(|| Unsupported::new("the port `value` is missing"))?;
    let item = ports::key_of(&ports::parse("value", raw)?)?;
    let decorator = build::with_props("ForEach", [source, ("itemKey", json!(converter.scope.key(&item)))]);
    let outer = match element.attribute("if_empty").unwrap_or("SUCCESS").trim() {
        "SUCCESS" => None,
        "FAILURE" => Some("ForceFailure"),
        other => {
            notes.push(format!("`if_empty=\"{other}\"` became success"));
            None
        }
    };
    Ok(Shell { decorator, outer })
}

fn items(text: &str, kind: &str) -> Result<Value, Unsupported> {
    let wanted = if kind == "LoopString" { Wanted::Text } else { Wanted::Guess };
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    Ok(Value::Array(parts.map(|part| ports::literal(part, wanted)).collect::<Result<_, _>>()?))
}
