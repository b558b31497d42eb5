//! The scripts of BehaviorTree.CPP, as `Script` nodes where that language has the operators, else as `SetVariable` nodes
//! with expressions.

use super::scope::Scope;
use crate::build::{self, composite};
use crate::formula::{self, Assign, Statement, Unsupported};
use akao_flow::NodeDef;
use serde_json::json;

/// A script's condition as an expression that is a boolean.
pub(super) fn condition(scope: &mut Scope, code: &str) -> Result<String, Unsupported> {
    let parsed = formula::parse_expression(code)?;
    formula::condition(&parsed, &mut |name| Ok(format!("bb.{}", scope.key(name))))
}

/// The opposite of a script's condition.
pub(super) fn negated(scope: &mut Scope, code: &str) -> Result<String, Unsupported> {
    let parsed = formula::parse_expression(code)?;
    formula::negated(&parsed, &mut |name| Ok(format!("bb.{}", scope.key(name))))
}

/// The node that runs a script.
pub(super) fn script(scope: &mut Scope, code: &str, notes: &mut Vec<String>) -> Result<NodeDef, Unsupported> {
    let statements = formula::parse(code)?;
    if statements.is_empty() {
        return Ok(build::node("SuccessNode"));
    }
    let sets = |statement: &Statement| matches!(statement, Statement::Assign { how: Assign::Set, .. });
    if statements.iter().any(sets) {
        notes.push("`=` creates a missing key, where the library fails".to_owned());
    }
    if statements.iter().any(mentions_enumeration) {
        notes.push("names in capitals are read as keys; enumerations of the application are not known".to_owned());
    }
    match formula::script_text(&statements, &mut |name| Ok(scope.key(name))) {
        Ok(text) => Ok(build::with_props("Script", [("textContent", json!(text))])),
        Err(_) => assignments(scope, &statements),
    }
}

/// One `SetVariable` for each assignment: expressions know choices, which scripts do not.
fn assignments(scope: &mut Scope, statements: &[Statement]) -> Result<NodeDef, Unsupported> {
    let mut nodes = Vec::new();
    for statement in statements {
        // A value alone changes nothing.
        let Statement::Assign { key, how, value } = statement else { continue };
        let value = formula::assigned(key, *how, value);
        let value = formula::expression(&value, &mut |name| Ok(format!("bb.{}", scope.key(name))))?;
        nodes.push(build::with_props("SetVariable", [("key", json!(scope.key(key))), ("value", build::whole(&value))]));
    }
    Ok(match nodes.len() {
        0 => build::node("SuccessNode"),
        1 => nodes.remove(0),
        _ => composite("Sequence", nodes),
    })
}

fn mentions_enumeration(statement: &Statement) -> bool {
    let (Statement::Assign { value, .. } | Statement::Value(value)) = statement;
    let mut found = false;
    value.names(&mut |name| {
        found |= name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    });
    found
}
