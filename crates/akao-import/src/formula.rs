//! The small expression language that BehaviorTree.CPP's scripts and Akao's stage conditions share: lexer, parser, tree.
//!
//! It only reads. What it cannot read is an [`Unsupported`] with the reason, never a guess. Nesting and length are bounded.

mod lexer;
mod parser;
mod render;

pub(crate) use parser::parse;
pub(crate) use render::{assigned, condition, expression, negated, script_text};

/// Why a formula has no counterpart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsupported(pub(crate) String);

impl Unsupported {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// How an assignment treats a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assign {
    /// `:=` creates or sets.
    Create,
    /// `=` sets what exists.
    Set,
    /// `+=` and its like.
    Change(Binary),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    /// A key gets a value.
    Assign { key: String, how: Assign, value: Expr },
    /// A value alone.
    Value(Expr),
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Bool(bool),
    Null,
    /// A name, dotted where the source allows it.
    Name(String),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// Condition, value if true, value if false.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
}

impl Expr {
    /// Calls `visit` with every name.
    pub(crate) fn names(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Self::Name(name) => visit(name),
            Self::Not(inner) | Self::Negate(inner) => inner.names(visit),
            Self::Binary(_, left, right) => {
                left.names(visit);
                right.names(visit);
            }
            Self::Choice(test, yes, no) => {
                test.names(visit);
                yes.names(visit);
                no.names(visit);
            }
            Self::Number(_) | Self::Text(_) | Self::Bool(_) | Self::Null => {}
        }
    }
}

/// Reads text that has to be one expression.
pub(crate) fn parse_expression(text: &str) -> Result<Expr, Unsupported> {
    let mut statements = parse(text)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Value(expr)), true) => Ok(expr),
        (None, _) => Err(Unsupported::new("the expression is empty")),
        _ => Err(Unsupported::new("a condition that also assigns has no counterpart")),
    }
}
