//! Pre- and post-conditions, which any node may carry as attributes.
//!
//! Before a node starts: `_failureIf`, `_successIf`, `_skipIf`, in that order, then `_while`. After it: `_onSuccess`,
//! `_onFailure`, `_post`. The wrappers are put around the node from the inside out.

use super::convert::Converter;
use super::document::Element;
use super::scripts;
use crate::build::{self, composite, decorate, gate};
use crate::formula::Unsupported;
use akao_flow::NodeDef;
use serde_json::json;

/// The conditions of one node, as expressions and nodes.
#[derive(Default)]
pub(super) struct Wrappers {
    /// Must hold for the node not to fail at once.
    unless_failure: Option<String>,
    /// Must hold for the node not to succeed at once.
    unless_success: Option<String>,
    unless_skipped: Option<String>,
    while_true: Option<String>,
    on_success: Option<NodeDef>,
    on_failure: Option<NodeDef>,
    always: Option<NodeDef>,
    notes: Vec<String>,
}

/// Reads the conditions. A pre-condition that cannot be written keeps the whole node from being imported: without it
/// the node would run when it must not. A script afterwards fails by itself.
pub(super) fn parse(converter: &mut Converter<'_>, element: &Element) -> Result<Wrappers, Unsupported> {
    let mut wrappers = Wrappers::default();
    for (name, code) in element.attributes.iter().filter(|(name, _)| name.starts_with('_')) {
        let scope = &mut converter.scope;
        let about = |Unsupported(reason): Unsupported| Unsupported::new(format!("`{name}`: {reason}"));
        match name.as_str() {
            "_failureIf" => wrappers.unless_failure = Some(scripts::negated(scope, code).map_err(about)?),
            "_successIf" => wrappers.unless_success = Some(scripts::negated(scope, code).map_err(about)?),
            "_skipIf" => wrappers.unless_skipped = Some(scripts::negated(scope, code).map_err(about)?),
            "_while" => wrappers.while_true = Some(scripts::condition(scope, code).map_err(about)?),
            "_onSuccess" => wrappers.on_success = Some(after(converter, name, code, &mut wrappers.notes)),
            "_onFailure" => wrappers.on_failure = Some(after(converter, name, code, &mut wrappers.notes)),
            "_post" => wrappers.always = Some(after(converter, name, code, &mut wrappers.notes)),
            "_onHalted" => wrappers.notes.push(format!("`_onHalted=\"{code}\"` is dropped: nothing runs on a halt")),
            // The editor's own marks, and what `SubTree` reads itself.
            "_autoremap" | "_description" | "_uid" | "_fullpath" => {}
            other => wrappers.notes.push(format!("`{other}` is not known and is dropped")),
        }
    }
    Ok(wrappers)
}

fn after(converter: &mut Converter<'_>, name: &str, code: &str, notes: &mut Vec<String>) -> NodeDef {
    match scripts::script(&mut converter.scope, code, notes) {
        Ok(node) => node,
        Err(Unsupported(reason)) => {
            notes.push(format!("`{name}` fails when it is reached: {reason}"));
            build::placeholder(name, &reason, Vec::new())
        }
    }
}

impl Wrappers {
    /// `inner` with everything around it.
    pub(super) fn around(self, inner: NodeDef, notes: &mut Vec<String>) -> NodeDef {
        notes.extend(self.notes);
        let skips = !inner.children.is_empty();
        let mut node = inner;
        if let Some(script) = self.on_success {
            node = composite("Sequence", vec![node, script]);
            if skips {
                notes.push("`_onSuccess` also runs when every child was skipped".to_owned());
            }
        }
        if let Some(script) = self.on_failure {
            node = composite("Recovery", vec![node, decorate("ForceFailure", [], script)]);
        }
        if let Some(script) = self.always {
            notes.push("`_post` also runs when the node is halted".to_owned());
            node = composite("Recovery", vec![node, build::node("FailureNode"), script]);
        }
        if let Some(condition) = self.while_true {
            notes.push("`_while` ends a running node with a failure, where the library skips it".to_owned());
            node = composite("ReactiveSequence", vec![build::check(&condition), node]);
            node = skip_unless(condition, node);
        }
        if let Some(condition) = self.unless_skipped {
            node = skip_unless(condition, node);
        }
        if let Some(condition) = self.unless_success {
            node = gate(&condition, "success", node);
        }
        if let Some(condition) = self.unless_failure {
            node = gate(&condition, "failure", node);
        }
        node
    }
}

/// `node`, skipped when `condition` is false. A second condition joins the first.
fn skip_unless(condition: String, mut node: NodeDef) -> NodeDef {
    let joined = match node.condition.take().as_ref().and_then(|value| value.as_str()) {
        Some(inner) => format!("({condition}) and ({inner})"),
        None => condition,
    };
    node.condition = Some(json!(joined));
    node
}
