//! The checks after `is`.

use crate::operators::{Numeric, is_true};
use serde_json::Value;

/// A check of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Defined,
    Undefined,
    None,
    Text,
    Number,
    Integer,
    Float,
    Boolean,
    True,
    False,
    Object,
    List,
    Iterable,
    Empty,
    Odd,
    Even,
}

/// Every name of a check; Jinja's words and JSON's words are both understood.
const NAMES: &[(&str, Check)] = &[
    ("defined", Check::Defined),
    ("undefined", Check::Undefined),
    ("none", Check::None),
    ("null", Check::None),
    ("string", Check::Text),
    ("number", Check::Number),
    ("integer", Check::Integer),
    ("float", Check::Float),
    ("boolean", Check::Boolean),
    ("true", Check::True),
    ("false", Check::False),
    ("mapping", Check::Object),
    ("object", Check::Object),
    ("sequence", Check::List),
    ("list", Check::List),
    ("iterable", Check::Iterable),
    ("empty", Check::Empty),
    ("odd", Check::Odd),
    ("even", Check::Even),
];

impl Check {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether the check asks about presence and therefore accepts a missing value.
    pub(crate) const fn accepts_missing(self) -> bool {
        matches!(self, Self::Defined | Self::Undefined)
    }

    /// Whether a value that is there passes.
    pub(crate) fn holds(self, value: &Value) -> bool {
        match self {
            Self::Defined => true,
            Self::Undefined => false,
            Self::None => value.is_null(),
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => whole(value).is_some(),
            Self::Float => value.is_f64(),
            Self::Boolean => value.is_boolean(),
            Self::True => *value == Value::Bool(true),
            Self::False => *value == Value::Bool(false),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Iterable => value.is_array() || value.is_object() || value.is_string(),
            Self::Empty => match value {
                Value::Null => true,
                Value::String(_) | Value::Array(_) | Value::Object(_) => !is_true(value),
                Value::Bool(_) | Value::Number(_) => false,
            },
            Self::Odd => rest_of_two(value) == Some(1.0),
            Self::Even => rest_of_two(value) == Some(0.0),
        }
    }
}

/// What division by two leaves. A division makes `4.0` out of whole numbers, which is as even as `4`.
fn rest_of_two(value: &Value) -> Option<f64> {
    match Numeric::of(value.as_number()?) {
        Numeric::Whole(whole) => Some(if whole % 2 == 0 { 0.0 } else { 1.0 }),
        Numeric::Fraction(fraction) => Some(fraction.rem_euclid(2.0)),
    }
}

fn whole(value: &Value) -> Option<i128> {
    match Numeric::of(value.as_number()?) {
        Numeric::Whole(whole) => Some(whole),
        Numeric::Fraction(_) => None,
    }
}
