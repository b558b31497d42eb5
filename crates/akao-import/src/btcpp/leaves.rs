//! Leaves of the library, and the nodes that an application registers.

use super::convert::Converter;
use super::document::Element;
use super::ports::{self, PortValue, Wanted};
use super::scripts;
use crate::build;
use crate::formula::Unsupported;
use crate::report::Place;
use akao_flow::NodeDef;
use serde_json::{Value, json};

/// The node for a leaf of the library.
pub(super) fn convert(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    match kind {
        "AlwaysSuccess" => Ok(build::node("SuccessNode")),
        "AlwaysFailure" => Ok(build::node("FailureNode")),
        "Sleep" => {
            let wait = converter.prop(element, "msec", Wanted::Integer, None)?;
            Ok(build::with_props("WaitAction", [("waitMs", wait)]))
        }
        "Script" => scripts::script(&mut converter.scope, code(element)?, notes),
        "ScriptCondition" => Ok(build::check(&scripts::condition(&mut converter.scope, code(element)?)?)),
        "SetBlackboard" => {
            let value = converter.prop(element, "value", Wanted::Guess, None)?;
            set_variable(converter, element, "output_key", value)
        }
        "UnsetBlackboard" => {
            notes.push("the key is set to null; the library removes it".to_owned());
            set_variable(converter, element, "key", Value::Null)
        }
        "WasEntryUpdated" => Err(Unsupported::new("whether a key was written since the last look is not recorded")),
        _ => Err(Unsupported::new("it has no counterpart")),
    }
}

fn code(element: &Element) -> Result<&str, Unsupported> {
    let text = (!element.text.is_empty()).then_some(element.text.as_str());
    element.attribute("code").or(text).ok_or_else(|| Unsupported::new("the port `code` is missing"))
}

fn set_variable(
    converter: &mut Converter<'_>,
    element: &Element,
    port: &str,
    value: Value,
) -> Result<NodeDef, Unsupported> {
    let raw = element.attribute(port).ok_or_else(|| Unsupported::new(format!("the port `{port}` is missing")))?;
    let key = ports::key_of(&ports::parse(port, raw)?)?;
    Ok(build::with_props("SetVariable", [("key", json!(converter.scope.key(&key))), ("value", value)]))
}

/// A node that the application registers: it keeps its type where that type exists, and is a placeholder elsewhere.
pub(super) fn registered(
    converter: &mut Converter<'_>,
    element: &Element,
    kind: &str,
    place: &Place,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    if !converter.node_types.contains(kind) {
        return Err(Unsupported::new("no node type of this name exists"));
    }
    let declared = converter.forest.models.get(kind);
    let mut node = build::node(kind);
    let mut outputs = Vec::new();
    for (name, raw) in element.attributes.iter().filter(|(name, _)| !name.starts_with('_')) {
        if name == "ID" || name == "name" {
            continue;
        }
        let port = declared.and_then(|ports| ports.get(name));
        let value = ports::parse(name, raw)?;
        let value = match &value {
            PortValue::Pointer(key) if port.is_some() && !ports::reads(port) => {
                outputs.push(name.as_str());
                json!(converter.scope.key(key))
            }
            _ => ports::to_prop(value, ports::wanted_for(port), &mut converter.scope)?,
        };
        node.props.insert(name.clone(), value);
    }
    for (name, port) in declared.into_iter().flatten() {
        if let Some(default) = port.default.as_deref().filter(|_| !node.props.contains_key(name)) {
            let value =
                ports::to_prop(ports::parse(name, default)?, ports::wanted_for(Some(port)), &mut converter.scope)?;
            node.props.insert(name.clone(), value);
        }
    }
    notes.push(format!("ports became props of the node type `{kind}`; check them against its manifest"));
    if !outputs.is_empty() {
        notes.push(format!("output ports hold the key to write: {}", outputs.join(", ")));
    }
    node.children = converter.children(element, place);
    Ok(node)
}
