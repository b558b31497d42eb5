//! `SetVariable`: puts a value on the blackboard.

use crate::{BuiltIn, Run, declare::Leaf, limits::check_result, props::Props};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::json;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("SetVariable", Category::Data, "Puts a value on the blackboard.")
        .description(
            "Writes `value` under `key`. Templates in the value are filled in first; a value that is exactly one \
            `${…}` keeps its type. The write goes to the scope of the surrounding tree. Null is a value.",
        )
        .required("key", json!({"type": "string", "description": "Blackboard key to write.", "x-akao-writes": true}))
        .required("value", json!({"description": "The value: anything."}))
        .error(ErrorKind::Input, "`key` is not a blackboard key, or `value` is missing")
        .error(ErrorKind::Resource, "the value is larger than 16 MiB or nested deeper than 64 levels")
        .example(include_str!("examples/set_variable.yaml"), json!({"total": 42}))
        .run(Run::Inline(|invocation| set(invocation).unwrap_or_else(Outcome::failure)))
}

fn set(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    props.text("key")?;
    let key = props.key_or("key", "")?;
    let missing = || StepError::new(ErrorKind::Input, "the prop `value` is missing");
    let value = props.value_or_null("value").ok_or_else(missing)?;
    check_result(value)?;
    Ok(Outcome::success().write(key, value.clone()))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::json;

    #[test]
    fn values_are_written_as_they_are() {
        let cases = [
            (json!({"key": "a", "value": {"b": [1]}}), json!({}), json!({"outputs": {}, "writes": {"a": {"b": [1]}}})),
            (json!({"key": "a", "value": null}), json!({}), json!({"outputs": {}, "writes": {"a": null}})),
            (json!({"key": "a"}), json!({}), failure("input", "the prop `value` is missing")),
            (json!({"value": 1}), json!({}), failure("input", "the prop `key` is missing")),
            (
                json!({"key": "a-b", "value": 1}),
                json!({}),
                failure("input", "the prop `key` is `a-b`, which is not a blackboard key"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
