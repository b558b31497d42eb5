//! The operators of `ArrayFilter`, shared by every node that compares: `CheckCondition`, `ThresholdCheck`.
//!
//! Equality is by type and value (1 equals 1.0, never "1"). Order exists between numbers and between texts only.

use crate::{
    numbers::Amount,
    pattern,
    props::{Props, bad_input},
    text::kind_of,
};
use akao_contract::StepError;
use regex::Regex;
use serde_json::Value;
use std::cmp::Ordering;

/// Every operator: its name, the sign that means the same, and what it asks.
pub(crate) const OPERATORS: [(&str, &str); 12] = [
    ("eq", "=="),
    ("ne", "!="),
    ("gt", ">"),
    ("lt", "<"),
    ("gte", ">="),
    ("lte", "<="),
    ("in", ""),
    ("nin", ""),
    ("exists", ""),
    ("regex", ""),
    ("between", ""),
    ("contains", ""),
];

/// The names and signs that a prop `operator` accepts, names first.
pub(crate) fn operator_words() -> Vec<&'static str> {
    let signs = OPERATORS.iter().map(|(_, sign)| *sign).filter(|sign| !sign.is_empty());
    OPERATORS.iter().map(|(name, _)| *name).chain(signs).collect()
}

/// A value that cannot be put in order with the operand.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{value} cannot be ordered against {operand}")]
pub(crate) struct Unordered {
    value: &'static str,
    operand: &'static str,
}

/// Length of the texts that a pattern must be fit for; what is filtered is bounded by what a blackboard holds.
const MATCHED_BYTES_MAX: usize = 8 << 20;

/// One comparison, ready to be asked of many values.
pub(crate) enum Test<'a> {
    /// Equal, or not equal when false.
    Equal(&'a Value, bool),
    /// Ordered as one of these two against the operand.
    Ordered(&'a Value, [Ordering; 2]),
    /// Between both, both included.
    Between(&'a Value, &'a Value),
    /// One of these, or none of these when false.
    OneOf(&'a [Value], bool),
    /// There and not null, or the contrary when false.
    Exists(bool),
    /// A text that matches.
    Matches(Box<Regex>),
    /// A text that holds this text, a list that holds this element, or an object that holds this key.
    Contains(&'a Value),
}

impl<'a> Test<'a> {
    /// Reads `operator`, `value` and `range` of `props`; `default` is the operator when none is given.
    pub(crate) fn read(props: Props<'a>, default: &'static str) -> Result<Self, StepError> {
        let word = props.text_or("operator", default)?;
        let known = OPERATORS.iter().find(|(name, sign)| *name == word || (*sign == word && !sign.is_empty()));
        let Some((name, _)) = known else {
            let list = operator_words().join(", ");
            return Err(bad_input(format!("there is no operator `{word}`; the operators are {list}")));
        };
        let operand = || {
            let missing = || bad_input(format!("the operator `{word}` needs the prop {}", props.call("value")));
            props.value_or_null("value").ok_or_else(missing)
        };
        Ok(match *name {
            "eq" => Self::Equal(operand()?, true),
            "ne" => Self::Equal(operand()?, false),
            "gt" => Self::ordered(props, operand()?, [Ordering::Greater; 2])?,
            "lt" => Self::ordered(props, operand()?, [Ordering::Less; 2])?,
            "gte" => Self::ordered(props, operand()?, [Ordering::Greater, Ordering::Equal])?,
            "lte" => Self::ordered(props, operand()?, [Ordering::Less, Ordering::Equal])?,
            "in" => Self::OneOf(props.list("value")?, true),
            "nin" => Self::OneOf(props.list("value")?, false),
            "exists" => Self::Exists(props.flag_or("value", true)?),
            "regex" => {
                let pattern = pattern::compile(props.text("value")?, "")?;
                pattern.check_work(MATCHED_BYTES_MAX)?;
                Self::Matches(Box::new(pattern.regex))
            }
            "between" => Self::between(props)?,
            _ => Self::Contains(operand()?),
        })
    }

    fn ordered(props: Props<'a>, operand: &'a Value, wanted: [Ordering; 2]) -> Result<Self, StepError> {
        orderable(props, "value", operand)?;
        Ok(Self::Ordered(operand, wanted))
    }

    /// The bounds stand in `range`, or in `value` as older files have it.
    fn between(props: Props<'a>) -> Result<Self, StepError> {
        let name = if props.value("range").is_some() { "range" } else { "value" };
        let [low, high] = props.list(name)? else {
            return Err(bad_input(format!("the prop {} must hold two bounds: [low, high]", props.call(name))));
        };
        orderable(props, name, low)?;
        orderable(props, name, high)?;
        Ok(Self::Between(low, high))
    }

    /// Whether `value` passes. A missing value is null.
    pub(crate) fn passes(&self, value: &Value) -> Result<bool, Unordered> {
        Ok(match self {
            Self::Equal(operand, wanted) => equal(value, operand) == *wanted,
            Self::Ordered(operand, wanted) => wanted.contains(&order(value, operand)?),
            Self::Between(low, high) => order(value, low)?.is_ge() && order(value, high)?.is_le(),
            Self::OneOf(values, wanted) => values.iter().any(|one| equal(value, one)) == *wanted,
            Self::Exists(wanted) => value.is_null() != *wanted,
            Self::Matches(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Self::Contains(part) => contains(value, part),
        })
    }

    /// Whether the test is about presence, so that an unknown name is an answer and not an error.
    pub(crate) fn asks_presence(&self) -> bool {
        matches!(self, Self::Exists(_))
    }
}

fn orderable(props: Props<'_>, name: &str, operand: &Value) -> Result<(), StepError> {
    match operand {
        Value::Number(_) | Value::String(_) => Ok(()),
        other => Err(props.wrong_type(name, other, "a number or text, because values are ordered by it")),
    }
}

/// Equality by type and value; numbers are equal when they are the same amount.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Amount::of(a).compare(Amount::of(b)).is_eq(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (left, right) => left == right,
    }
}

fn order(value: &Value, operand: &Value) -> Result<Ordering, Unordered> {
    match (value, operand) {
        (Value::Number(a), Value::Number(b)) => Ok(Amount::of(a).compare(Amount::of(b))),
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (value, operand) => Err(Unordered { value: kind_of(value), operand: kind_of(operand) }),
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), part) => items.iter().any(|item| equal(item, part)),
        (Value::Object(map), Value::String(key)) => map.contains_key(key),
        _ => false,
    }
}
