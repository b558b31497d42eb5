//! `AlwaysCondition`: a condition whose answer is fixed.

use crate::{BuiltIn, Run, declare::Leaf, props::Props};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("AlwaysCondition", Category::Condition, "Answers always the same.")
        .description(
            "A condition that holds when `returnStatus` is `SUCCESS` and fails with kind `user` when it is `FAILURE`.",
        )
        .prop(
            "returnStatus",
            json!({"enum": ["SUCCESS", "FAILURE"], "description": "The answer.", "default": "SUCCESS"}),
        )
        .error(ErrorKind::User, "`returnStatus` is `FAILURE`")
        .example("type: AlwaysCondition\nprops: { returnStatus: SUCCESS }\n", Value::Null)
        .run(Run::Inline(run))
}

fn run(invocation: &Invocation) -> Outcome {
    match Props::of(invocation).choice("returnStatus", &["SUCCESS", "FAILURE"]) {
        Ok("SUCCESS") => Outcome::success(),
        Ok(_) => Outcome::failure(StepError::new(ErrorKind::User, "the condition never holds")),
        Err(error) => Outcome::failure(error),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::json;

    #[test]
    fn the_answer_is_the_one_that_was_given() {
        let cases = [
            (json!({}), json!({}), json!({"outputs": {}})),
            (json!({"returnStatus": "FAILURE"}), json!({}), failure("user", "the condition never holds")),
            (
                json!({"returnStatus": "RUNNING"}),
                json!({}),
                failure("input", "the prop `returnStatus` is `RUNNING`; it must be one of SUCCESS, FAILURE"),
            ),
        ];
        check(&super::built_in(), &cases);
    }
}
