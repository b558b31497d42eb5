//! `CounterAction`: adds to a number on the blackboard.

use crate::{BuiltIn, Run, declare::Leaf, numbers::Amount, path, props::Props};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("CounterAction", Category::Data, "Adds to a number on the blackboard.")
        .description(
            "Adds `increment` to the number under `counterKey` and writes it back. A counter that does not exist yet \
            starts at 0. An increment may be negative or a fraction; 0 leaves the number as it is. What is not a \
            number is an error.",
        )
        .prop(
            "counterKey",
            json!({
                "type": "string", "description": "Blackboard key of the counter.", "default": "counter",
                "x-akao-reads": true, "x-akao-writes": true,
            }),
        )
        .prop("increment", json!({"type": "number", "description": "What is added.", "default": 1}))
        .output("value", json!({"type": "number", "description": "The number after adding."}))
        .error(ErrorKind::Input, "the counter or the increment is not a number, or the sum is not finite")
        .example(include_str!("examples/counter_action.yaml"), json!({"visits": 5}))
        .run(Run::Inline(|invocation| count(invocation).unwrap_or_else(Outcome::failure)))
}

fn count(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let key = props.key_or("counterKey", "counter")?;
    let increment = match props.value("increment") {
        Some(value) => Amount::of_value(value).ok_or_else(|| props.wrong_type("increment", value, "a number"))?,
        None => Amount::Integer(1),
    };
    let current = match path::read(&invocation.blackboard, key) {
        None | Some(Value::Null) => Amount::ZERO,
        Some(value) => Amount::of_value(value).ok_or_else(|| not_a_number(key, value))?,
    };
    let value = current.plus(increment)?.to_value();
    Ok(Outcome::success().output("value", value.clone()).write(key, value))
}

fn not_a_number(key: &str, value: &Value) -> StepError {
    let kind = crate::text::kind_of(value);
    StepError::new(ErrorKind::Input, format!("the counter `{key}` is {kind}; it must be a number"))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn counted(key: &str, value: Value) -> Value {
        json!({"outputs": {"value": value}, "writes": {key: value}})
    }

    #[test]
    fn increments_are_added_as_they_are() {
        let cases = [
            (json!({}), json!({}), counted("counter", json!(1))),
            (json!({}), json!({"counter": 41}), counted("counter", json!(42))),
            (json!({"increment": 0}), json!({"counter": 3}), counted("counter", json!(3))),
            (json!({"counterKey": "n", "increment": -2.5}), json!({"n": 1}), counted("n", json!(-1.5))),
            (json!({}), json!({"counter": null}), counted("counter", json!(1))),
            (
                json!({}),
                json!({"counter": "7"}),
                failure("input", "the counter `counter` is text; it must be a number"),
            ),
            (
                json!({"increment": "x"}),
                json!({}),
                failure("input", "the prop `increment` is text; it must be a number"),
            ),
            (
                json!({"counterKey": "a b"}),
                json!({}),
                failure("input", "the prop `counterKey` is `a b`, which is not a blackboard key"),
            ),
            (
                json!({"increment": 1.7e308}),
                json!({"counter": 1.7e308}),
                failure("input", "1.7e+308 + 1.7e+308 is not a finite number"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
