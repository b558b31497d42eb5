//! `node.validate`: whether parameters are usable.

use super::{bad, name::VALIDATE, object};
use crate::{RpcError, json::check_outgoing_map};
use serde::Serialize;
use serde_json::{Map, Value};

/// Asks whether parameters are usable, without doing anything.
#[derive(Debug, Clone, Serialize)]
pub struct ValidateRequest<'a> {
    /// Which node of the package.
    pub node: &'a str,
    /// What it would be given.
    pub parameters: &'a Map<String, Value>,
}

impl ValidateRequest<'_> {
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        check_outgoing_map(self.parameters, 2)
    }
}

/// One thing that is wrong with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateProblem {
    /// A JSON pointer into the parameters.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// Whether parameters are usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateAnswer {
    /// They are.
    pub valid: bool,
    /// Why they are not.
    pub problems: Vec<ValidateProblem>,
}

impl ValidateAnswer {
    pub(crate) fn read(value: Value) -> Result<Self, RpcError> {
        let mut map = object(VALIDATE, value)?;
        let Some(valid) = map.get("valid").and_then(Value::as_bool) else {
            return Err(bad(VALIDATE, "`valid` is not a boolean"));
        };
        let problems = match map.remove("problems") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(problems)) => problems.into_iter().map(problem).collect::<Result<_, _>>()?,
            Some(_) => return Err(bad(VALIDATE, "`problems` is not a list")),
        };
        Ok(Self { valid, problems })
    }
}

fn problem(value: Value) -> Result<ValidateProblem, RpcError> {
    let mut map = object(VALIDATE, value)?;
    let mut text = |key| match map.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Ok(ValidateProblem {
        path: text("path").unwrap_or_default(),
        message: text("message").ok_or_else(|| bad(VALIDATE, "a problem has no `message`"))?,
        suggestion: text("suggestion"),
    })
}
