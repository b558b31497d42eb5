//! Arithmetic on JSON numbers: exact on integers, floating otherwise, and never an infinity or a NaN.

use crate::props::bad_input;
use akao_contract::StepError;
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Largest whole number up to which every whole number is a double: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A number while it is calculated with. Integers stay integers as long as the result is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Amount {
    /// An exact whole number.
    Integer(i128),
    /// Anything else; finite in every result of this module.
    Float(f64),
}

impl Amount {
    /// Zero.
    pub(crate) const ZERO: Self = Self::Integer(0);

    /// A number's amount.
    pub(crate) fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Integer(i128::from(integer)),
            (_, Some(integer)) => Self::Integer(i128::from(integer)),
            _ => Self::Float(number.as_f64().unwrap_or_default()),
        }
    }

    /// The amount of a value that is a number.
    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        value.as_number().map(Self::of)
    }

    /// The amount that a text spells, such as `12`, `-0.5` or `1e3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Self::Integer(i128::from(integer)));
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        text.parse::<f64>().ok().filter(|float| plain && float.is_finite()).map(Self::Float)
    }

    /// The amount as a double.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// The amount as a value. A float without a fraction below 2^53 becomes an integer, as people write it.
    pub(crate) fn to_value(self) -> Value {
        let float = match self {
            Self::Integer(integer) => match (i64::try_from(integer), u64::try_from(integer)) {
                (Ok(integer), _) => return integer.into(),
                (_, Ok(integer)) => return integer.into(),
                _ => integer as f64,
            },
            Self::Float(float) => float,
        };
        if float.fract() == 0.0 && float.abs() <= EXACT_MAX { (float as i64).into() } else { float.into() }
    }

    /// The sum.
    pub(crate) fn plus(self, other: Self) -> Result<Self, StepError> {
        self.calculate(other, "+", i128::checked_add, |a, b| a + b)
    }

    /// The difference.
    pub(crate) fn minus(self, other: Self) -> Result<Self, StepError> {
        self.calculate(other, "-", i128::checked_sub, |a, b| a - b)
    }

    /// The product.
    pub(crate) fn times(self, other: Self) -> Result<Self, StepError> {
        self.calculate(other, "*", i128::checked_mul, |a, b| a * b)
    }

    /// The quotient; whole when it is exact.
    pub(crate) fn divided_by(self, other: Self) -> Result<Self, StepError> {
        self.not_by_zero(other, "division")?;
        let exact = |a: i128, b: i128| (a.checked_rem(b)? == 0).then(|| a.checked_div(b))?;
        self.calculate(other, "/", exact, |a, b| a / b)
    }

    /// The remainder, with the sign of the dividend.
    pub(crate) fn remainder(self, other: Self) -> Result<Self, StepError> {
        self.not_by_zero(other, "remainder of a division")?;
        self.calculate(other, "%", i128::checked_rem, |a, b| a % b)
    }

    /// The same amount with the other sign.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Integer(integer) => integer.checked_neg().map_or(Self::Float(-(integer as f64)), Self::Integer),
            Self::Float(float) => Self::Float(-float),
        }
    }

    /// The order of two amounts, exact between integers.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_mixed(b, a).reverse(),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        }
    }

    fn not_by_zero(self, other: Self, what: &str) -> Result<(), StepError> {
        if other.as_f64() == 0.0 {
            return Err(bad_input(format!("{what} of {} by zero", self.to_value())));
        }
        Ok(())
    }

    fn calculate(
        self,
        other: Self,
        sign: &str,
        exact: fn(i128, i128) -> Option<i128>,
        float: fn(f64, f64) -> f64,
    ) -> Result<Self, StepError> {
        if let (Self::Integer(a), Self::Integer(b)) = (self, other)
            && let Some(result) = exact(a, b)
        {
            return Ok(Self::Integer(result));
        }
        let result = float(self.as_f64(), other.as_f64());
        if result.is_finite() {
            return Ok(Self::Float(result));
        }
        Err(bad_input(format!("{} {sign} {} is not a finite number", self.to_value(), other.to_value())))
    }
}

/// Compares through the float's whole part, because turning a large integer into a double would round it.
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    // Casting saturates, which keeps the order for floats beyond the integers.
    integer.cmp(&(float.trunc() as i128)).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Calculation = fn(Amount, Amount) -> Result<Amount, StepError>;

    #[test]
    fn integers_stay_integers_when_exact() {
        let cases: [(Calculation, Value, Value, Value); 9] = [
            (Amount::plus, json!(1), json!(2), json!(3)),
            (Amount::plus, json!(0.5), json!(0.5), json!(1)),
            (Amount::plus, json!(i64::MAX), json!(1), json!(9_223_372_036_854_775_808_u64)),
            (Amount::minus, json!(1), json!(2.5), json!(-1.5)),
            (Amount::times, json!(u64::MAX), json!(u64::MAX), json!(u64::MAX as f64 * u64::MAX as f64)),
            (Amount::divided_by, json!(10), json!(5), json!(2)),
            (Amount::divided_by, json!(7), json!(2), json!(3.5)),
            (Amount::remainder, json!(-7), json!(3), json!(-1)),
            (Amount::remainder, json!(5.5), json!(2), json!(1.5)),
        ];
        for (calculation, left, right, expected) in cases {
            let (a, b) = (Amount::of_value(&left).unwrap(), Amount::of_value(&right).unwrap());
            assert_eq!(calculation(a, b).unwrap().to_value(), expected, "{left} and {right}");
        }
    }

    #[test]
    fn nothing_infinite_comes_out() {
        let (one, huge) = (Amount::Integer(1), Amount::Float(1e308));
        assert_eq!(one.divided_by(Amount::Float(-0.0)).unwrap_err().message, "division of 1 by zero");
        assert_eq!(one.remainder(Amount::ZERO).unwrap_err().message, "remainder of a division of 1 by zero");
        assert_eq!(huge.times(huge).unwrap_err().message, "1e+308 * 1e+308 is not a finite number");
    }

    #[test]
    fn order_is_exact_beyond_doubles() {
        let cases = [
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), Ordering::Greater),
            (json!(1), json!(1.0), Ordering::Equal),
            (json!(1), json!(1.5), Ordering::Less),
            (json!(-1), json!(-1.5), Ordering::Greater),
            (json!(u64::MAX), json!(1e300), Ordering::Less),
        ];
        for (left, right, expected) in cases {
            let (a, b) = (Amount::of_value(&left).unwrap(), Amount::of_value(&right).unwrap());
            assert_eq!(a.compare(b), expected, "{left} and {right}");
            assert_eq!(b.compare(a), expected.reverse(), "{right} and {left}");
        }
    }

    #[test]
    fn only_plain_numbers_are_read() {
        assert_eq!(Amount::parse("1e3").map(Amount::to_value), Some(json!(1000)));
        assert_eq!(Amount::parse("-12").map(Amount::to_value), Some(json!(-12)));
        for text in ["", "inf", "NaN", "1x", "1e999", " 1"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }
}
