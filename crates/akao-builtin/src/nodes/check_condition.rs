//! `CheckCondition`: compares a blackboard value and succeeds or fails by the answer.

use crate::{
    BuiltIn, Run,
    compare::{Test, operator_words},
    declare::Leaf,
    path,
    props::{Props, bad_input, named},
    text::{display, excerpt},
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("CheckCondition", Category::Condition, "Compares a blackboard value.")
        .description(
            "Succeeds when the value under `key` passes, fails with kind `user` when it does not.\n\nEquality is by \
            type and value: 1 equals 1.0, never `\"1\"`. Order (`gt`, `lt`, `gte`, `lte`, `between`) exists between \
            two numbers and between two texts; anything else is an error. `in` and `nin` look into the list `value`, \
            `contains` for `value` in a text, a list or the keys of an object, `exists` for presence (`value: false` \
            for absence), `regex` for a match anywhere in a text.",
        )
        .required(
            "key",
            json!({"type": "string", "description": "Blackboard path, such as `order.total`.", "x-akao-reads": true}),
        )
        .prop("operator", json!({"enum": operator_words(), "description": "What is asked.", "default": "=="}))
        .prop(
            "value",
            json!({
                "description": "What the value is compared with. Absent: only for `exists` and `between`.",
            }),
        )
        .prop(
            "range",
            json!({
                "type": "array", "minItems": 2, "maxItems": 2,
                "description": "The two bounds of `between`, both included. Absent: `value` holds them.",
            }),
        )
        .output("value", json!({"description": "The value that was compared; absent when it is a list or an object."}))
        .error(ErrorKind::User, "the value does not pass")
        .error(ErrorKind::NotFound, "nothing on the blackboard has this path, and the operator is not `exists`")
        .error(ErrorKind::Input, "the operator is unknown, its operand is missing, or the two cannot be ordered")
        .example(include_str!("examples/check_condition.yaml"), json!({"checked": 120}))
        .run(Run::Inline(|invocation| check(invocation).unwrap_or_else(Outcome::failure)))
}

fn check(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let key = props.text("key")?;
    let test = Test::read(props, "==")?;
    let value = match path::read(&invocation.blackboard, key) {
        None if test.asks_presence() => &Value::Null,
        _ => named(invocation, key)?,
    };
    let passes = test.passes(value).map_err(|error| bad_input(format!("`{key}`: {error}")))?;
    if passes {
        // A large value stays where it is: its copy would be recorded with every condition that looks at it.
        return Ok(match value {
            Value::Array(_) | Value::Object(_) => Outcome::success(),
            plain => Outcome::success().output("value", plain.clone()),
        });
    }
    let operator = props.text_or("operator", "==")?;
    let operand = props.value("range").or_else(|| props.value_or_null("value")).map(display).unwrap_or_default();
    let (operand, value) = (excerpt(&operand), excerpt(&display(value)));
    let question = format!("`{key}` {operator} {operand}");
    let message = format!("{} does not hold: `{key}` is {value}", question.trim_end());
    Err(StepError::new(ErrorKind::User, message))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn props(key: &str, operator: &str, value: Value) -> Value {
        json!({"key": key, "operator": operator, "value": value})
    }

    #[test]
    fn every_operator_answers_yes_and_no() {
        let board = json!({"n": 5, "t": "hello", "l": [1, "x"], "o": {"k": {"deep": 1.0}}, "nothing": null});
        let yes = [
            ("n", "==", json!(5.0)),
            ("n", "eq", json!(5)),
            ("n", "!=", json!("5")),
            ("n", ">", json!(4)),
            ("n", "<", json!(5.5)),
            ("n", ">=", json!(5)),
            ("n", "lte", json!(5)),
            ("n", "in", json!([1, 5])),
            ("n", "nin", json!([])),
            ("n", "between", json!([5, 9])),
            ("t", "between", json!(["a", "i"])),
            ("t", "regex", json!("^h.*o$")),
            ("t", "contains", json!("ell")),
            ("l", "contains", json!("x")),
            ("o", "contains", json!("k")),
            ("o.k.deep", "==", json!(1)),
            ("l.1", "==", json!("x")),
            ("nothing", "==", Value::Null),
            ("nothing", "exists", json!(false)),
            ("missing.path", "exists", json!(false)),
            ("t", "exists", json!(true)),
        ];
        for (key, operator, value) in yes {
            let found = crate::path::get(&board, key).cloned().unwrap_or_default();
            let outputs = if found.is_array() || found.is_object() { json!({}) } else { json!({"value": found}) };
            check(&super::built_in(), &[(props(key, operator, value), board.clone(), json!({"outputs": outputs}))]);
        }
        let no = [
            ("n", "==", json!("5"), "`n` == 5 does not hold: `n` is 5"),
            ("n", "between", json!([6, 9]), "`n` between [6,9] does not hold: `n` is 5"),
            ("t", "regex", json!("x"), "`t` regex x does not hold: `t` is hello"),
            ("n", "regex", json!("5"), "`n` regex 5 does not hold: `n` is 5"),
            ("missing", "exists", json!(true), "`missing` exists true does not hold: `missing` is null"),
            ("l", "in", json!([[1]]), "`l` in [[1]] does not hold: `l` is [1,\"x\"]"),
        ];
        for (key, operator, value, message) in no {
            check(&super::built_in(), &[(props(key, operator, value), board.clone(), failure("user", message))]);
        }
    }

    #[test]
    fn mistakes_are_not_answers() {
        let board = json!({"n": 5, "t": "hello"});
        let cases = [
            (json!({"key": "x", "value": 1}), failure("not_found", "there is no `x` on the blackboard")),
            (json!({"key": "n"}), failure("input", "the operator `==` needs the prop `value`")),
            (props("t", ">", json!(1)), failure("input", "`t`: text cannot be ordered against a number")),
            (
                props("n", ">", json!([])),
                failure(
                    "input",
                    "the prop `value` is a list; it must be a number or text, because values are ordered by it",
                ),
            ),
            (props("n", "between", json!([1])), failure("input", "the prop `value` must hold two bounds: [low, high]")),
            (props("n", "in", json!(5)), failure("input", "the prop `value` is a number; it must be a list")),
            (
                props("n", "~", json!(5)),
                failure(
                    "input",
                    "there is no operator `~`; the operators are eq, ne, gt, lt, gte, lte, in, nin, exists, regex, \
                    between, contains, ==, !=, >, <, >=, <=",
                ),
            ),
            (json!({"value": 1}), failure("input", "the prop `key` is missing")),
        ];
        for (props, expected) in cases {
            check(&super::built_in(), &[(props, board.clone(), expected)]);
        }
    }
}
