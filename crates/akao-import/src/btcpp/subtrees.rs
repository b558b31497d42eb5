//! Calls of other trees. Ports are copied in and out; with `_autoremap` reads fall through to the caller.

use super::convert::Converter;
use super::document::{Element, Forest, called_trees};
use super::ports::{self, PortValue};
use super::scope::{self, Usage, root_key};
use crate::build;
use crate::formula::Unsupported;
use akao_flow::NodeDef;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The trees from which `id` can be reached, itself included.
pub(super) fn callers(forest: &Forest, id: &str) -> BTreeSet<String> {
    let calls: Vec<(&String, BTreeSet<&str>)> =
        forest.trees.iter().map(|(id, tree)| (id, called_trees(tree).into_iter().collect())).collect();
    let mut found = BTreeSet::from([id.to_owned()]);
    let mut open = vec![id.to_owned()];
    while let Some(current) = open.pop() {
        for (caller, called) in &calls {
            if called.contains(current.as_str()) && found.insert((*caller).clone()) {
                open.push((*caller).clone());
            }
        }
    }
    found
}

/// The `SubTree` node of a call.
pub(super) fn call(
    converter: &mut Converter<'_>,
    element: &Element,
    notes: &mut Vec<String>,
) -> Result<NodeDef, Unsupported> {
    let id = element.attribute("ID").ok_or_else(|| Unsupported::new("`SubTree` needs an `ID`"))?;
    if !converter.forest.trees.contains_key(id) {
        return Err(Unsupported::new(format!("there is no tree `{id}`")));
    }
    if converter.callers.contains(id) {
        return Err(Unsupported::new(format!("the tree `{id}` would call itself without end")));
    }
    let inner = converter.usages.get(id).cloned().unwrap_or_default();
    let mut ports = Ports::default();
    for (port, raw) in element.attributes.iter().filter(|(name, _)| scope::is_port(name)) {
        ports.map(converter, id, &inner, port, raw)?;
    }
    ports.defaults(converter, id)?;
    ports.root_keys(converter, &inner);
    let automatic = scope::is_autoremapped(element);
    if automatic {
        ports.same_names(converter, element, &inner);
    }
    if !ports.outputs.is_empty() {
        notes.push("what the subtree writes reaches its caller when it ends, not while it runs".to_owned());
    }
    let name = converter.tree_name(id, element.line);
    let mut node = build::with_props("SubTree", [("treeId", json!(name))]);
    for (prop, map) in [("inputs", ports.inputs), ("outputs", ports.outputs)] {
        if !map.is_empty() {
            node.props.insert(prop.to_owned(), Value::Object(map));
        }
    }
    if !automatic {
        node.props.insert("isolated".to_owned(), json!(true));
    }
    Ok(node)
}

/// `inputs`: inner key to template of the caller. `outputs`: caller's key to template of the subtree.
#[derive(Default)]
struct Ports {
    inputs: Map<String, Value>,
    outputs: Map<String, Value>,
}

impl Ports {
    fn map(
        &mut self,
        converter: &mut Converter<'_>,
        id: &str,
        inner: &Usage,
        port: &str,
        raw: &str,
    ) -> Result<(), Unsupported> {
        let inside = converter.scope.key(port);
        let value = ports::parse(port, raw)?;
        let PortValue::Pointer(outer) = value else {
            let declared = converter.forest.models.get(id).and_then(|ports| ports.get(port));
            let prop = ports::to_prop(value, ports::wanted_for(declared), &mut converter.scope)?;
            self.inputs.insert(inside, prop);
            return Ok(());
        };
        let outside = converter.scope.key(outer);
        let (reads, writes) = scope::port_directions(converter.forest, id, inner, port);
        if reads && !writes {
            self.inputs.insert(inside.clone(), build::whole(&format!("bb.{outside}")));
        } else if reads || !writes {
            self.inputs.insert(inside.clone(), optional(&outside));
        }
        if writes {
            self.outputs.insert(outside, optional(&inside));
        }
        Ok(())
    }

    /// Ports that the call leaves out take the default of their declaration.
    fn defaults(&mut self, converter: &mut Converter<'_>, id: &str) -> Result<(), Unsupported> {
        let Some(declared) = converter.forest.models.get(id) else { return Ok(()) };
        for (name, port) in declared {
            let Some(default) = &port.default else { continue };
            let inside = converter.scope.key(name);
            if !self.inputs.contains_key(&inside) {
                let value = ports::parse(name, default)?;
                let wanted = ports::wanted_for(Some(port));
                self.inputs.insert(inside, ports::to_prop(value, wanted, &mut converter.scope)?);
            }
        }
        Ok(())
    }

    /// The root blackboard's keys travel down and up as copies.
    fn root_keys(&mut self, converter: &mut Converter<'_>, inner: &Usage) {
        let keys: BTreeSet<&String> = inner.reads.union(&inner.writes).filter(|key| key.starts_with('@')).collect();
        for key in keys {
            let outside = converter.scope.key(key);
            let main = std::mem::replace(&mut converter.scope.main, false);
            let inside = converter.scope.key(&root_key(key.trim_start_matches('@')));
            converter.scope.main = main;
            self.inputs.insert(inside.clone(), optional(&outside));
            if inner.writes.contains(key) {
                self.outputs.insert(outside, optional(&inside));
            }
        }
    }

    /// With `_autoremap` every key that the subtree writes is the caller's, but for names that begin with `_`.
    fn same_names(&mut self, converter: &mut Converter<'_>, call: &Element, inner: &Usage) {
        let shared = |key: &&String| !key.starts_with(['_', '@']) && !call.attributes.contains_key(*key);
        for key in inner.writes.iter().filter(shared) {
            let name = converter.scope.key(key);
            self.outputs.insert(name.clone(), optional(&name));
        }
    }
}

/// The value of a key that may not be there yet.
fn optional(key: &str) -> Value {
    build::whole(&format!("bb.{key} | default(none)"))
}
