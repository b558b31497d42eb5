//! The parsed form of an expression.
//!
//! Chains (`a + b + c`, `x | f | g`, `a and b and c`) are flat lists, so that the tree is never deeper than the nesting
//! that [`crate::limits::NESTING_MAX`] allows, however long the source is.

use crate::{checks::Check, filters::Filter, scope::Namespace};
use serde_json::Value;

/// An expression ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) node: Node,
    /// What the paths start from; fetched once before anything is evaluated.
    pub(crate) roots: Vec<Root>,
}

/// A namespace, or one key of a namespace that is read key by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) namespace: Namespace,
    pub(crate) key: Option<String>,
    /// Written without its namespace: `orders` for `bb.orders`.
    pub(crate) bare: bool,
    /// Where it stands in the source, in bytes.
    pub(crate) offset: usize,
}

#[derive(Debug)]
pub(crate) enum Node {
    Literal(Value),
    Path(Path),
    Chain(Box<Node>, Vec<Link>),
    Negate(Box<Node>),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    Arithmetic(Box<Node>, Vec<(Operator, Node)>),
    Concatenate(Vec<Node>),
    Choose { condition: Box<Node>, then: Box<Node>, otherwise: Box<Node> },
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    Range(Vec<Node>),
}

/// A path that is known before the run.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) root: usize,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(i64),
}

/// What can follow a value: an index, a slice, a filter or a check.
#[derive(Debug)]
pub(crate) enum Link {
    Segment(Segment),
    Index(Node),
    Slice(Option<Node>, Option<Node>),
    Filter(&'static Filter, Vec<Option<Node>>),
    Check { check: Check, negated: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Operator {
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
        }
    }
}

impl Comparison {
    pub(crate) fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "in" => Self::In,
            "not in" => Self::NotIn,
            _ => return None,
        })
    }
}
