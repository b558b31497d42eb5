//! `Precondition`: runs its child only when a condition holds.
//!
//! - `if`: a bare expression, one whole `${…}`, or a boolean; looked at once, when the node starts. Absent: the child runs.
//! - `else`: how the node ends when it does not hold: `failure` (default, kind `user`), `success` or `skipped`.
//! - Otherwise the child's end is its end. Halt: the child is halted.

use super::declare::declare;
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{End, FrameIndex, Run},
};
use akao_contract::{Category, ErrorKind, NodeType, StepError};
use akao_expression::Condition;
use serde_json::{Value, json};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: precondition-example\nversion: 1.0.0\noutputs: { sent: \"${sent | default(false)}\" }\nroot:\n  type: Precondition\n  props: { if: \"1 > 2\", else: success }\n  children:\n    - { type: SetVariable, props: { key: sent, value: true } }\n";
    let properties = json!({
        "if": { "type": ["string", "boolean"], "x-akao-condition": true, "description": "Expression that must hold." },
        "else": { "enum": ["failure", "success", "skipped"], "default": "failure", "description": "How the node ends when it does not hold." },
    });
    declare(
        include_str!("precondition.rs"),
        Category::Decorator,
        properties,
        (1, Some(1)),
        example,
        json!({"sent": false}),
    )
}

/// The condition and the end when it does not hold.
#[derive(Debug)]
pub(crate) struct Plan {
    condition: Option<(Condition, String)>,
    otherwise: String,
}

pub(super) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    let condition = match definition.props.get("if") {
        None | Some(Value::Null) => None,
        Some(value) => {
            Some((lowering.condition(value)?, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        }
    };
    let otherwise = definition.props.get("else").and_then(Value::as_str).unwrap_or("failure").to_owned();
    Ok(Plan { condition, otherwise })
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let Some((condition, source)) = &plan.condition else { return run.start_child(frame, 0) };
    match run.condition_holds(frame, condition) {
        Ok(true) => run.start_child(frame, 0),
        Ok(false) => match plan.otherwise.as_str() {
            "success" => run.end(frame, End::SUCCESS),
            "skipped" => run.end(frame, End::SKIPPED),
            _ => run.fail(frame, StepError::new(ErrorKind::User, format!("the condition `{source}` does not hold"))),
        },
        Err(error) => run.fail(frame, error),
    }
}
