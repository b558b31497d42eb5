//! Filters that convert to numbers and booleans, and that round.

use super::{Call, Filtered, owned};
use crate::{
    error::EvalError,
    operators::{Numeric, is_true},
};
use serde_json::{Number, Value};
use std::borrow::Cow;

/// The texts that people write for yes and no are read as such; any other text is an error, not a surprise.
pub(super) fn boolean<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let flag = match call.input.as_ref() {
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" | "" => false,
            _ => return Err(unreadable(text, "a boolean").suggest("Write true, yes, on, 1, false, no, off or 0.")),
        },
        other => is_true(other),
    };
    owned(flag)
}

/// Towards zero, as in Jinja.
pub(super) fn int<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    converted(call, |number| match number {
        Numeric::Whole(whole) => Numeric::Whole(whole).into_value("int"),
        Numeric::Fraction(fraction) => whole_of(fraction.trunc(), "int"),
    })
}

pub(super) fn float<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    converted(call, |number| Numeric::Fraction(number.as_f64()).into_value("float"))
}

fn converted<'v>(call: &mut Call<'_, 'v>, convert: impl Fn(Numeric) -> Result<Value, EvalError>) -> Filtered<'v> {
    let number = match call.input.as_ref() {
        Value::Number(number) => Ok(Numeric::of(number)),
        Value::Bool(flag) => Ok(Numeric::Whole((*flag).into())),
        Value::String(text) => {
            call.budget.read_text(text.len())?;
            parse(text.trim()).ok_or_else(|| unreadable(text, "a number"))
        }
        _ => Err(call.wrong_input("a number or a text")),
    };
    match (number.and_then(convert), call.arguments.first_mut().and_then(Option::take)) {
        (Ok(value), _) => Ok(Cow::Owned(value)),
        (Err(_), Some(default)) => Ok(default),
        (Err(error), None) => Err(error),
    }
}

fn unreadable(text: &str, wanted: &str) -> EvalError {
    const SHOWN: usize = 40;
    EvalError::new(format!("{:?} is not {wanted}", text.chars().take(SHOWN).collect::<String>()))
}

/// Decimal numbers only: no infinity, no hexadecimal, no underscores.
fn parse(text: &str) -> Option<Numeric> {
    if let Ok(whole) = text.parse::<i128>() {
        return Some(Numeric::Whole(whole));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|float| plain && float.is_finite()).map(Numeric::Fraction)
}

/// A whole number from a fraction without a fractional part.
fn whole_of(fraction: f64, operation: &str) -> Result<Value, EvalError> {
    // The cast saturates; a value that does not come back unchanged does not fit and is refused.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates and 128 bits hold every number that is allowed"
    )]
    let whole = fraction as i128;
    Numeric::Whole(whole).into_value(operation)
}

fn number(call: &Call<'_, '_>) -> Result<Numeric, EvalError> {
    match call.input.as_ref() {
        Value::Number(number) => Ok(Numeric::of(number)),
        _ => Err(call.wrong_input("a number").suggest("Convert a text with `| float` first.")),
    }
}

/// Half away from zero. Without a precision the result is a whole number.
pub(super) fn round<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    /// Beyond this many digits a fraction of 64 bits has nothing left to round.
    const PRECISION_MAX: i64 = 15;
    let fraction = match number(call)? {
        Numeric::Whole(_) => return Ok(call.take()),
        Numeric::Fraction(fraction) => fraction,
    };
    let precision = call.whole_argument(0, "precision")?.unwrap_or(0);
    if !(0..=PRECISION_MAX).contains(&precision) {
        return Err(EvalError::new(format!("`precision` of the filter `round` must be 0 to {PRECISION_MAX}")));
    }
    if precision == 0 {
        return whole_of(fraction.round(), "round").map(Cow::Owned);
    }
    // Written and read back in decimal: scaling by a power of ten would round 1.005 twice.
    let rounded =
        format!("{fraction:.*}", usize::try_from(precision).unwrap_or(0)).parse().ok().and_then(Number::from_f64);
    rounded.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(|| EvalError::new("number cannot be rounded"))
}

pub(super) fn floor<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    match number(call)? {
        Numeric::Whole(_) => Ok(call.take()),
        Numeric::Fraction(fraction) => whole_of(fraction.floor(), "floor").map(Cow::Owned),
    }
}

pub(super) fn ceil<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    match number(call)? {
        Numeric::Whole(_) => Ok(call.take()),
        Numeric::Fraction(fraction) => whole_of(fraction.ceil(), "ceil").map(Cow::Owned),
    }
}

pub(super) fn abs<'v>(call: &mut Call<'_, 'v>) -> Filtered<'v> {
    let positive = match number(call)? {
        Numeric::Whole(whole) => Numeric::Whole(whole.abs()),
        Numeric::Fraction(fraction) => Numeric::Fraction(fraction.abs()),
    };
    positive.into_value("abs").map(Cow::Owned)
}
