//! `Switch`: runs the child whose `case` equals a value.
//!
//! - `on` is a value, usually a template. Each child carries `case: value`; one child, the last, may carry
//!   `default: true` instead. `case` may be a list: any of its values matches.
//! - Values are compared as JSON; 1 and 1.0 are equal, 1 and "1" are not.
//! - The first child that matches runs; its end is the node's end.
//! - When nothing matches and there is no default, the node is skipped.
//! - Halt: the running child is halted.

use super::declare::declare;
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{End, FrameIndex, Run},
};
use akao_contract::{Category, NodeType};
use akao_expression::Template;
use serde_json::{Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: switch-example\nversion: 1.0.0\noutputs: { lane: \"${lane}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, props: { key: level, value: high } }\n    - type: Switch\n      props: { on: \"${level}\" }\n      children:\n        - { type: SetVariable, case: high, props: { key: lane, value: express } }\n        - { type: SetVariable, default: true, props: { key: lane, value: slow } }\n";
    let properties = json!({ "on": { "description": "The value that the cases are compared with." } });
    let mut node_type = declare(
        include_str!("switch.rs"),
        Category::Composite,
        properties,
        (1, None),
        example,
        json!({"lane": "express"}),
    );
    node_type.props["required"] = json!(["on"]);
    node_type
}

/// What is compared: the value and, for each child, its cases; none for the default.
#[derive(Debug)]
pub(crate) struct Plan {
    on: Template,
    cases: Vec<Option<Vec<Value>>>,
}

pub(super) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    let on = lowering.template(definition.props.get("on").unwrap_or(&Value::Null))?;
    let cases = definition.children.iter().map(|child| match (&child.case, child.default) {
        (_, true) => None,
        (Some(Value::Array(values)), _) => Some(values.clone()),
        (Some(value), _) => Some(vec![value.clone()]),
        (None, false) => Some(Vec::new()),
    });
    Ok(Plan { on, cases: cases.collect() })
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64().zip(y.as_f64()).is_some_and(|(x, y)| x == y),
        _ => a == b,
    }
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let on = match run.render_plain(frame, &plan.on) {
        Ok(on) => on,
        Err(error) => return run.fail(frame, error),
    };
    let matches =
        |cases: &Option<Vec<Value>>| cases.as_ref().is_none_or(|cases| cases.iter().any(|case| same(case, &on)));
    match plan.cases.iter().position(matches) {
        Some(slot) => run.start_child(frame, u32::try_from(slot).unwrap_or(u32::MAX)),
        None => run.end(frame, End::SKIPPED),
    }
}
