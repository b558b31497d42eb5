//! What operators mean on values: order, equality, arithmetic, membership, truth and text.
//!
//! Whole numbers stay whole and exact; an overflow is an error. Only operations that IEEE 754 defines exactly are used
//! on fractions, so that every platform computes the same bits.

use crate::{error::EvalError, limits::Budget, program::Operator};
use serde_json::{Number, Value};
use std::{cmp::Ordering, io};

/// The word for a value's type in messages.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Null, false, zero and everything empty are false; all else is true.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

/// A whole number, exactly, or a fraction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Numeric {
    Whole(i128),
    Fraction(f64),
}

impl Numeric {
    pub(crate) fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Self::Whole(whole.into()),
            (None, Some(whole)) => Self::Whole(whole.into()),
            (None, None) => Self::Fraction(number.as_f64().unwrap_or_default()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "arithmetic with a fraction is done in fractions")]
    pub(crate) const fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Fraction(fraction) => fraction,
        }
    }

    /// Exact order, also between a whole number and a fraction.
    pub(crate) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Fraction(left), Self::Fraction(right)) => float_order(left, right),
            (Self::Whole(left), Self::Fraction(right)) => whole_and_fraction(left, right),
            (Self::Fraction(left), Self::Whole(right)) => whole_and_fraction(right, left).reverse(),
        }
    }

    /// As a JSON value; a whole number outside 64 bits and a fraction that is not finite are errors.
    pub(crate) fn into_value(self, operation: &str) -> Result<Value, EvalError> {
        match self {
            Self::Whole(whole) => i64::try_from(whole)
                .map(Value::from)
                .or_else(|_| u64::try_from(whole).map(Value::from))
                .map_err(|_| EvalError::new(format!("result of `{operation}` does not fit a 64-bit whole number"))),
            Self::Fraction(fraction) => Number::from_f64(fraction)
                .map(Value::Number)
                .ok_or_else(|| EvalError::new(format!("result of `{operation}` is not a finite number"))),
        }
    }
}

/// JSON numbers are never NaN; zero and minus zero are equal.
fn float_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

fn whole_and_fraction(whole: i128, fraction: f64) -> Ordering {
    // Whole numbers here fit 65 bits, so a saturating cast keeps every order.
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates and the remainder decides ties")]
    let floor = fraction.floor() as i128;
    whole.cmp(&floor).then(float_order(0.0, fraction - fraction.floor()))
}

/// Structural equality; `1` equals `1.0`, values of different types are unequal.
pub(crate) fn equal(left: &Value, right: &Value, budget: &Budget) -> Result<bool, EvalError> {
    budget.visit(left)?;
    Ok(same(left, right))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Numeric::of(left).order(Numeric::of(right)).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// The order of two numbers or two texts (by code point); anything else has none.
pub(crate) fn order(left: &Value, right: &Value, budget: &Budget) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(Numeric::of(left).order(Numeric::of(right))),
        (Value::String(left), Value::String(right)) => {
            budget.read_text(left.len().min(right.len()))?;
            Ok(left.cmp(right))
        }
        _ => Err(EvalError::new(format!("cannot order {} and {}", type_name(left), type_name(right)))
            .suggest("Convert one side with the filters `int`, `float` or `string`.")),
    }
}

/// `needle in haystack`: part of a text, element of a list, key of an object.
pub(crate) fn contains(haystack: &Value, needle: &Value, budget: &Budget) -> Result<bool, EvalError> {
    match (haystack, needle) {
        (Value::String(text), Value::String(part)) => {
            budget.read_text(text.len())?;
            Ok(text.contains(part.as_str()))
        }
        (Value::Array(items), _) => {
            budget.visit(haystack)?;
            Ok(items.iter().any(|item| same(item, needle)))
        }
        (Value::Object(entries), Value::String(key)) => Ok(entries.contains_key(key)),
        _ => Err(EvalError::new(format!("cannot look for {} in {}", type_name(needle), type_name(haystack)))
            .suggest("The right side is a list, an object (its keys) or a text.")),
    }
}

/// Applies an arithmetic operator.
pub(crate) fn arithmetic(operator: Operator, left: &Value, right: &Value, budget: &Budget) -> Result<Value, EvalError> {
    match (left, right, operator) {
        (Value::Number(left), Value::Number(right), _) => numbers(operator, Numeric::of(left), Numeric::of(right)),
        (Value::String(left), Value::String(right), Operator::Add) => {
            budget.write_text(left.len().saturating_add(right.len()))?;
            Ok(Value::String([left.as_str(), right].concat()))
        }
        (Value::Array(first), Value::Array(second), Operator::Add) => {
            budget.list(first.len().saturating_add(second.len()))?;
            let both = first.iter().chain(second).map(|item| budget.copy(item));
            Ok(Value::Array(both.collect::<Result<_, _>>()?))
        }
        (left, right, _) => {
            let symbol = operator.symbol();
            let error =
                EvalError::new(format!("cannot apply `{symbol}` to {} and {}", type_name(left), type_name(right)));
            Err(match (left, right, operator) {
                (Value::String(_), _, Operator::Add) | (_, Value::String(_), Operator::Add) => {
                    error.suggest("Write `~` to join texts, or convert with `| int` or `| float` to add numbers.")
                }
                (Value::Object(_), Value::Object(_), Operator::Add) => error.suggest("Write `a | merge(b)`."),
                _ => error,
            })
        }
    }
}

fn numbers(operator: Operator, left: Numeric, right: Numeric) -> Result<Value, EvalError> {
    let symbol = operator.symbol();
    if matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder) && right.as_f64() == 0.0 {
        return Err(EvalError::new(format!("division by zero in `{symbol}`")));
    }
    let overflow = || EvalError::new(format!("result of `{symbol}` does not fit a 64-bit whole number"));
    let result = match (operator, left, right) {
        (Operator::Add, Numeric::Whole(a), Numeric::Whole(b)) => Numeric::Whole(a.checked_add(b).ok_or_else(overflow)?),
        (Operator::Subtract, Numeric::Whole(a), Numeric::Whole(b)) => {
            Numeric::Whole(a.checked_sub(b).ok_or_else(overflow)?)
        }
        (Operator::Multiply, Numeric::Whole(a), Numeric::Whole(b)) => {
            Numeric::Whole(a.checked_mul(b).ok_or_else(overflow)?)
        }
        (Operator::FloorDivide, Numeric::Whole(a), Numeric::Whole(b)) => Numeric::Whole(floor_divide(a, b)),
        (Operator::Remainder, Numeric::Whole(a), Numeric::Whole(b)) => Numeric::Whole(a - b * floor_divide(a, b)),
        (Operator::Power, base, Numeric::Whole(exponent)) => return power(base, exponent),
        (Operator::Power, _, Numeric::Fraction(_)) => {
            return Err(EvalError::new("exponent of `**` must be a whole number"));
        }
        (_, left, right) => Numeric::Fraction(fractions(operator, left.as_f64(), right.as_f64())),
    };
    result.into_value(symbol)
}

/// Division towards minus infinity, so that the remainder has the divisor's sign. Operands fit 65 bits.
const fn floor_divide(left: i128, right: i128) -> i128 {
    let quotient = left / right;
    if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient }
}

fn fractions(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::FloorDivide => floor_quotient(left, right),
        Operator::Remainder => {
            let remainder = left % right;
            if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) { remainder + right } else { remainder }
        }
        Operator::Divide | Operator::Power => left / right,
    }
}

/// The whole number below the true quotient, as Python has it. The quotient itself may have been rounded up to the next
/// one: 1.0 divided by 0.1 is 10.0, and nine tenths fit into it with nearly a tenth left over.
fn floor_quotient(left: f64, right: f64) -> f64 {
    let remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64).copysign(left / right);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// Powers by squaring: `powf` may differ in the last bit between platforms.
fn power(base: Numeric, exponent: i128) -> Result<Value, EvalError> {
    let steps = u32::try_from(exponent.unsigned_abs()).map_err(|_| EvalError::new("exponent of `**` is too large"))?;
    if let (Numeric::Whole(base), true) = (base, exponent >= 0) {
        let result = base.checked_pow(steps);
        return result
            .ok_or_else(|| EvalError::new("result of `**` does not fit a 64-bit whole number"))
            .and_then(|whole| Numeric::Whole(whole).into_value("**"));
    }
    let (mut result, mut factor, mut left) = (1.0, base.as_f64(), steps);
    while left > 0 {
        if left & 1 == 1 {
            result *= factor;
        }
        factor *= factor;
        left >>= 1;
    }
    Numeric::Fraction(if exponent < 0 { 1.0 / result } else { result }).into_value("**")
}

/// The negative of a number.
pub(crate) fn negate(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Number(number) => match Numeric::of(number) {
            Numeric::Whole(whole) => Numeric::Whole(-whole).into_value("-"),
            Numeric::Fraction(fraction) => Numeric::Fraction(-fraction).into_value("-"),
        },
        other => Err(EvalError::new(format!("cannot negate {}", type_name(other)))),
    }
}

/// Appends a value as it appears inside a text: texts bare, whole-valued fractions without `.0`, lists and objects as
/// compact JSON. The budget is charged before anything is written.
pub(crate) fn write_text(value: &Value, text: &mut String, budget: &Budget) -> Result<(), EvalError> {
    match value {
        Value::String(content) => push(text, content, budget),
        Value::Number(number) => push(text, &number_text(number), budget),
        Value::Bool(true) => push(text, "true", budget),
        Value::Bool(false) => push(text, "false", budget),
        Value::Null => push(text, "null", budget),
        Value::Array(_) | Value::Object(_) => write_json(value, text, budget),
    }
}

fn push(text: &mut String, content: &str, budget: &Budget) -> Result<(), EvalError> {
    budget.read_text(content.len())?;
    // A growing string may hold twice its length.
    budget.allocate(content.len().saturating_mul(2))?;
    text.push_str(content);
    Ok(())
}

/// A number as people write it: `3` for 3.0, the shortest form that reads back for every other fraction.
pub(crate) fn number_text(number: &Number) -> String {
    /// Above this, neighbouring fractions are more than one apart and the exponent form says so.
    const PLAIN_MAX: f64 = 1e15;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < PLAIN_MAX => format!("{}", float + 0.0),
        _ => number.to_string(),
    }
}

/// Appends compact JSON.
pub(crate) fn write_json(value: &Value, text: &mut String, budget: &Budget) -> Result<(), EvalError> {
    budget.visit(value)?;
    let mut writer = Charged { text: Vec::new(), budget, refused: None };
    let written = serde_json::to_writer(&mut writer, value);
    match (writer.refused, written) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(EvalError::new(format!("value cannot be written as JSON: {error}"))),
        (None, Ok(())) => {
            text.push_str(&String::from_utf8_lossy(&writer.text));
            Ok(())
        }
    }
}

/// A writer that charges every byte before it keeps it.
struct Charged<'b> {
    text: Vec<u8>,
    budget: &'b Budget,
    refused: Option<EvalError>,
}

impl io::Write for Charged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.budget.allocate(bytes.len().saturating_mul(3)) {
            Ok(()) => {
                self.text.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Err(error) => {
                self.refused = Some(error);
                Err(io::ErrorKind::OutOfMemory.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
