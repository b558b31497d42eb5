//! `SubTree`: runs a tree of the same file in its own scope.
//!
//! - `treeId` names an entry of `trees:`. Its blackboard writes stay inside and are gone when it ends.
//! - `inputs` maps names inside to values made outside. `outputs` maps blackboard keys outside to values made inside, when
//!   the tree has succeeded.
//! - Reads of names that the tree does not have fall through to the blackboard around it, unless `isolated: true`.
//! - Its end is the tree's end. Halt: the tree is halted.

use super::{ControlProps, State, declare::declare, props};
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{End, FrameIndex, NO_ITERATION, Run, ScopeData, ScopeIndex, ScopeKind},
    program::NodeIndex,
};
use akao_contract::{Category, NodeStatus, NodeType};
use akao_expression::Template;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: sub-tree-example\nversion: 1.0.0\noutputs: { area: \"${area}\" }\ntrees:\n  rectangle: { type: MathOp, props: { expression: \"${width} * ${height}\", outputKey: result } }\nroot:\n  type: SubTree\n  props: { treeId: rectangle, inputs: { width: 3, height: 4 }, outputs: { area: \"${result}\" } }\n";
    let properties = json!({
        "treeId": { "type": "string", "description": "Entry of `trees:`." },
        "inputs": { "type": "object", "default": {}, "description": "Name inside to value." },
        "outputs": { "type": "object", "default": {}, "description": "Blackboard key outside to value made inside." },
        "isolated": { "type": "boolean", "default": false, "description": "Whether names outside are hidden." },
    });
    let mut node_type = declare(
        include_str!("sub_tree.rs"),
        Category::Composite,
        properties,
        (0, Some(0)),
        example,
        json!({"area": 12}),
    );
    node_type.props["required"] = json!(["treeId"]);
    node_type
}

/// The tree's root, what goes in (read at the start) and what comes out (made at the end).
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tree: NodeIndex,
    props: ControlProps,
    outputs: Vec<(String, Template)>,
}

impl Plan {
    /// The root of the tree that is run.
    pub(crate) fn tree(&self) -> NodeIndex {
        self.tree
    }
}

pub(super) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    let tree = definition.props.get("treeId").and_then(Value::as_str).unwrap_or_default();
    let tree = lowering.tree(tree)?;
    let mut outputs = Vec::new();
    for (key, value) in definition.props.get("outputs").and_then(Value::as_object).into_iter().flatten() {
        outputs.push((key.clone(), lowering.template(value)?));
    }
    let mut definition = NodeDef { props: definition.props.clone(), ..NodeDef::default() };
    definition.props.shift_remove("outputs");
    Ok(Plan { tree, props: lowering.props(&definition)?, outputs })
}

/// The scope that a node opened for its child.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OwnScope {
    pub(super) scope: ScopeIndex,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let read = plan.props.read(run, frame).and_then(|props| {
        let inputs = props.get("inputs").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok((inputs, props::flag(&props, "isolated", false)?))
    });
    let (inputs, isolated): (Map<String, Value>, bool) = match read {
        Ok(read) => read,
        Err(error) => return run.fail(frame, error),
    };
    let mut data = ScopeData::new(run.frame(frame).scope, ScopeKind::Tree { isolated });
    data.values = inputs.into_iter().map(|(key, value)| (key.into(), Arc::new(value))).collect();
    let scope = run.new_scope(data);
    *run.state_of(frame) = State::Scope(OwnScope { scope });
    run.start_node(frame, plan.tree, 0, NO_ITERATION, scope);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan, end: End) {
    let State::Scope(own) = run.state_of(frame) else { return };
    let inside = own.scope;
    if end.status == NodeStatus::Success {
        let outside = run.frame(frame).scope;
        for (key, template) in &plan.outputs {
            match run.render_in(inside, template) {
                Ok(rendered) => run.write(outside, key, rendered.value),
                Err(error) => return run.fail(frame, error),
            }
        }
    }
    run.end(frame, end);
}
