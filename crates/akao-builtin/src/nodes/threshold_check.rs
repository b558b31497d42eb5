//! `ThresholdCheck`: labels a number by the first threshold it meets, and fails on labels that alarm.

use crate::{
    BuiltIn, Run,
    compare::{Test, operator_words},
    declare::Leaf,
    numbers::Amount,
    props::{Props, bad_input},
    text::display,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// The label of a number that meets no threshold.
const NORMAL: &str = "normal";

const OPERATORS: [&str; 7] = ["lte", "lt", "gte", "gt", "eq", "ne", "between"];

pub(super) fn built_in() -> BuiltIn {
    let signs = operator_words().into_iter().filter(|word| !word.starts_with(char::is_alphabetic));
    let operators: Vec<_> = OPERATORS.into_iter().chain(signs).collect();
    let threshold = json!({
        "type": "object",
        "required": ["operator", "label"],
        "additionalProperties": false,
        "properties": {
            "operator": {"enum": operators, "description": "How the number is compared."},
            "value": {"type": "number", "description": "What the number is compared with. Absent: only for `between`."},
            "range": {
                "type": "array", "minItems": 2, "maxItems": 2,
                "description": "The two bounds of `between`, both included.",
            },
            "label": {"type": "string", "description": "The label of a number that meets this threshold."},
        },
    });
    Leaf::new("ThresholdCheck", Category::Condition, "Labels a number by thresholds.")
        .description(
            "Compares `value` with `thresholds` from the first to the last; the first that is met gives the label, \
            else it is `normal`. Fails with kind `user` when the label is in `failOn`; the outputs are there in both \
            cases. A text that spells a number counts as the number.",
        )
        .required(
            "value",
            json!({
                "type": ["number", "string"], "description": "The number, such as `${metrics.cpu}`.",
            }),
        )
        .required(
            "thresholds",
            json!({
                "type": "array", "items": threshold, "description": "Thresholds, in the order of asking.",
            }),
        )
        .prop(
            "failOn",
            json!({
                "type": "array", "items": {"type": "string"},
                "description": "Labels on which the node fails.", "default": [],
            }),
        )
        .main_output(
            "label",
            json!({
                "type": "string",
                "description": "Label of the first threshold that is met, else `normal`.",
            }),
        )
        .output("value", json!({"type": "number", "description": "The number."}))
        .error(ErrorKind::User, "the label is in `failOn`")
        .error(ErrorKind::Input, "the value is not a number, or a threshold is not complete")
        .example(include_str!("examples/threshold_check.yaml"), json!({"state": "warning"}))
        .run(Run::Inline(|invocation| label(invocation).unwrap_or_else(Outcome::failure)))
}

fn label(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let given = props.value("value").ok_or_else(|| bad_input("the prop `value` is missing"))?;
    let amount = match given {
        Value::String(text) => Amount::parse(text.trim()),
        other => Amount::of_value(other),
    };
    let value =
        amount.ok_or_else(|| props.wrong_type("value", given, "a number or a text that spells one"))?.to_value();
    let mut label = NORMAL;
    for threshold in props.objects("thresholds")? {
        threshold.text("operator")?;
        let name = threshold.text("label")?;
        let passes = Test::read(threshold, "eq")?.passes(&value);
        if passes.map_err(|error| bad_input(format!("{}: {error}", threshold.call("value"))))? {
            label = name;
            break;
        }
    }
    let outcome = Outcome::success().output("label", label).output("value", value.clone());
    if !props.texts("failOn")?.contains(&label) {
        return Ok(outcome);
    }
    let error = StepError::new(ErrorKind::User, format!("{} is {label}", display(&value))).with_detail("label", label);
    Ok(Outcome { outputs: outcome.outputs, ..Outcome::failure(error) })
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure, run};
    use serde_json::{Value, json};

    fn props(value: Value) -> Value {
        json!({
            "value": value,
            "thresholds": [
                {"operator": "gt", "value": 90, "label": "high"},
                {"operator": "between", "range": [40, 90], "label": "middle"},
                {"operator": "<", "value": 0, "label": "broken"},
            ],
            "failOn": ["high", "broken"],
        })
    }

    fn is(label: &str, value: Value) -> Value {
        json!({"outputs": {"label": label, "value": value}})
    }

    #[test]
    fn the_first_threshold_gives_the_label() {
        let cases = [
            (props(json!(90)), json!({}), is("middle", json!(90))),
            (props(json!("40.0")), json!({}), is("middle", json!(40))),
            (props(json!(10.5)), json!({}), is("normal", json!(10.5))),
            (props(json!(91)), json!({}), failure("user", "91 is high")),
            (props(json!(-1)), json!({}), failure("user", "-1 is broken")),
            (
                props(json!("warm")),
                json!({}),
                failure("input", "the prop `value` is text; it must be a number or a text that spells one"),
            ),
            (json!({"thresholds": []}), json!({}), failure("input", "the prop `value` is missing")),
            (
                json!({"value": 1, "thresholds": [{"operator": "gt", "label": "x"}]}),
                json!({}),
                failure("input", "the operator `gt` needs the prop `thresholds[0].value`"),
            ),
            (
                json!({"value": 1, "thresholds": [{"operator": "gt", "value": "a", "label": "x"}]}),
                json!({}),
                failure("input", "`thresholds[0].value`: a number cannot be ordered against text"),
            ),
        ];
        check(&super::built_in(), &cases);
    }

    #[test]
    fn an_alarm_keeps_its_outputs() {
        let outcome = run(&super::built_in(), &props(json!(99)), &json!({}));
        assert_eq!(json!(outcome.outputs), json!({"label": "high", "value": 99}));
        assert_eq!(outcome.error.unwrap().detail, json!({"label": "high"}));
    }
}
