//! Conditions: what `if` and the condition props take.

use crate::{
    error::{CompileError, EvalError},
    expression::Expression,
    scan::{Piece, is_plain, pieces},
    scope::{Reference, Scope},
};
use serde_json::Value;

/// A compiled condition.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The same in every scope.
    Always(bool),
    /// Holds when the expression's value is true.
    Expression(Expression),
}

impl Condition {
    /// Whether the condition holds.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self {
            Self::Always(holds) => Ok(*holds),
            Self::Expression(expression) => expression.holds(scope),
        }
    }

    /// What the condition reads.
    pub fn references(&self) -> &[Reference] {
        match self {
            Self::Always(_) => &[],
            Self::Expression(expression) => expression.references(),
        }
    }
}

/// Compiles a condition: a boolean, a bare expression, or one whole `${…}` or `{{ … }}`.
pub fn condition(value: &Value) -> Result<Condition, CompileError> {
    let text = match value {
        Value::Bool(holds) => return Ok(Condition::Always(*holds)),
        Value::String(text) => text,
        other => {
            let found = crate::operators::type_name(other);
            return Err(CompileError::new(0, format!("a condition is a boolean or an expression, not {found}"))
                .suggest("Write `if: \"steps.fetch.outputs.count > 0\"`."));
        }
    };
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let (source, offset) = match whole(trimmed) {
        Some(Ok((source, offset))) => (source, start + offset),
        Some(Err(error)) => return Err(error.shifted(start)),
        None => (trimmed, start),
    };
    let expression = Expression::compile(source).map_err(|error| {
        let mixed = source.contains("${") && error.suggestion.as_deref().is_none_or(|hint| hint.contains("`$`"));
        let error = error.shifted(offset);
        if mixed { error.suggest("Write the names bare: a condition is an expression already.") } else { error }
    })?;
    Ok(match expression.literal() {
        Some(value) => Condition::Always(Expression::is_true(value)),
        None => Condition::Expression(expression),
    })
}

/// The inside of a text that starts with a delimiter; nothing when the text is a bare expression.
fn whole(text: &str) -> Option<Result<(&str, usize), CompileError>> {
    if is_plain(text) || !(text.starts_with("${") || text.starts_with("{{")) {
        return None;
    }
    Some(pieces(text).and_then(|pieces| {
        match pieces.as_slice() {
            [Piece::Expression { source, offset }] => Ok((*source, *offset)),
            _ => Err(CompileError::new(0, "a condition is one expression, not a text with expressions in it")
                .suggest("Write it bare, such as `input.a > 1 and input.b > 1`.")),
        }
    }))
}
