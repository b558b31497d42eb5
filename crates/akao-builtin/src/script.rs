//! The small assignment language of the `Script` node, kept for old trees: `total = price * 2; greeting = "hi " + name`.
//!
//! A script is a list of assignments and expressions without loops, functions of its own or indexing. So it always ends;
//! what is left to bound are its length, its nesting and the bytes it copies.

mod evaluate;
mod parse;
mod token;

pub(crate) use evaluate::{Scope, run};
pub(crate) use parse::parse;

use serde_json::Value;

/// Longest script, in bytes.
const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of parentheses and signs.
const DEPTH_MAX: u32 = 64;

/// Bytes that one run may copy, compare and join.
const COPIED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One statement: an expression whose value is kept under a name, or only calculated.
#[derive(Debug, PartialEq)]
pub(crate) struct Statement {
    target: Option<String>,
    expression: Expression,
}

/// A parsed expression. Chains are flat, so that nothing that walks it recurses deeper than parentheses and signs go.
#[derive(Debug, PartialEq)]
enum Expression {
    Literal(Value),
    Name { name: String, offset: usize },
    Property(Box<Expression>, Vec<String>),
    Parameter(String),
    Environment(String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

/// The line and column, from 1, of a byte offset.
fn place(source: &str, offset: usize) -> String {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}
