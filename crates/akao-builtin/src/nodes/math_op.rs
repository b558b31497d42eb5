//! `MathOp`: calculates an arithmetic expression.

use crate::{
    BuiltIn, Run, arithmetic,
    declare::Leaf,
    numbers::Amount,
    props::{Props, bad_input},
    text::display,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// Decimal places that a double can hold.
const PRECISION_MAX: u64 = 15;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("MathOp", Category::Data, "Calculates an arithmetic expression.")
        .description(
            "Calculates `expression` with `+ - * / %`, signs and parentheses after its templates are filled in. Whole \
            numbers stay exact. `round` says how, `precision` to how many decimal places; a precision alone rounds to \
            the nearest.",
        )
        .required(
            "expression",
            json!({
                "type": ["string", "number"], "description": "What is calculated, such as `${price} * ${quantity}`.",
            }),
        )
        .prop(
            "round",
            json!({
                "enum": ["none", "round", "floor", "ceil"], "description": "Rounding of the result.", "default": "none",
            }),
        )
        .prop(
            "precision",
            json!({
                "type": "integer", "minimum": 0, "maximum": PRECISION_MAX,
                "description": "Decimal places that are kept. Absent: all, or none when `round` is given.",
            }),
        )
        .main_output("result", json!({"type": "number", "description": "The result."}))
        .error(ErrorKind::Input, "the expression is not arithmetic, divides by zero, or its result is not finite")
        .example(include_str!("examples/math_op.yaml"), json!({"total": 29.99}))
        .example(include_str!("examples/math_op_floor.yaml"), json!({"pages": 10}))
        .run(Run::Inline(|invocation| calculate(invocation).unwrap_or_else(Outcome::failure)))
}

fn calculate(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let expression = match props.value("expression") {
        Some(value @ (Value::String(_) | Value::Number(_))) => display(value),
        _ => props.text("expression")?.to_owned(),
    };
    let precision = props.count("precision", PRECISION_MAX)?;
    let rounding: Option<fn(f64) -> f64> = match props.choice("round", &["none", "round", "floor", "ceil"])? {
        "round" => Some(f64::round),
        "floor" => Some(f64::floor),
        "ceil" => Some(f64::ceil),
        _ => precision.map(|_| f64::round as fn(f64) -> f64),
    };
    let amount = arithmetic::evaluate(&expression)?;
    let amount = match rounding {
        Some(rounding) => rounded(amount, rounding, precision.unwrap_or(0)),
        None => amount,
    };
    if !amount.as_f64().is_finite() {
        return Err(bad_input("the result is not a finite number"));
    }
    Ok(Outcome::success().output("result", amount.to_value()))
}

/// Rounds to decimal places. A float too large to have a fraction is left as it is.
fn rounded(amount: Amount, rounding: fn(f64) -> f64, precision: u64) -> Amount {
    let Amount::Float(float) = amount else { return amount };
    let factor = 10f64.powi(i32::try_from(precision).unwrap_or(0));
    let shifted = float * factor;
    if shifted.abs() >= 2f64.powi(52) {
        return amount;
    }
    Amount::Float(rounding(shifted) / factor)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn is(value: Value) -> Value {
        json!({"outputs": {"result": value}})
    }

    #[test]
    fn expressions_are_calculated_and_rounded() {
        let none = || json!({});
        let cases = [
            (json!({"expression": "2 + 3 * 4"}), none(), is(json!(14))),
            (json!({"expression": 7}), none(), is(json!(7))),
            (json!({"expression": "10 / 3", "precision": 3}), none(), is(json!(3.333))),
            (json!({"expression": "10 / 3", "round": "ceil"}), none(), is(json!(4))),
            (json!({"expression": "-7 / 2", "round": "floor"}), none(), is(json!(-4))),
            (json!({"expression": "5 / 2", "round": "round"}), none(), is(json!(3))),
            (json!({"expression": "1.239", "round": "floor", "precision": 2}), none(), is(json!(1.23))),
            (json!({"expression": "1e300 / 3", "precision": 15}), none(), is(json!(1e300 / 3.0))),
            (json!({"expression": "4 / 0"}), none(), failure("input", "division of 4 by zero")),
            (json!({}), none(), failure("input", "the prop `expression` is missing")),
            (json!({"expression": [1]}), none(), failure("input", "the prop `expression` is a list; it must be text")),
            (
                json!({"expression": "1", "precision": 16}),
                none(),
                failure("input", "the prop `precision` is 16; it must be at most 15"),
            ),
            (
                json!({"expression": "1", "round": "up"}),
                none(),
                failure("input", "the prop `round` is `up`; it must be one of none, round, floor, ceil"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
