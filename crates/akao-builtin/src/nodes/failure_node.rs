//! `FailureNode`: ends in failure at once, with a message of the author's choice.

use crate::{BuiltIn, Run, declare::Leaf, props::Props, text::display};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// What the failure says when the author says nothing.
const MESSAGE: &str = "this node always fails";

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("FailureNode", Category::Test, "Ends in failure at once.")
        .alias("AlwaysFailure")
        .description(
            "A leaf that does nothing and fails with kind `user`. Useful to stop with a message, as a placeholder for \
            what is not built yet, and in tests.",
        )
        .prop("message", json!({"description": "What the failure says.", "default": MESSAGE}))
        .error(ErrorKind::User, "always")
        .example("type: FailureNode\nprops: { message: no order was found }\n", Value::Null)
        .run(Run::Inline(run))
}

fn run(invocation: &Invocation) -> Outcome {
    let message = Props::of(invocation).value("message").map_or_else(|| MESSAGE.to_owned(), display);
    Outcome::failure(StepError::new(ErrorKind::User, message))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::json;

    #[test]
    fn it_fails_with_its_message() {
        let cases = [
            (json!({}), json!({}), failure("user", "this node always fails")),
            (json!({"message": "no stock"}), json!({}), failure("user", "no stock")),
            (json!({"message": {"code": 7}}), json!({}), failure("user", "{\"code\":7}")),
        ];
        check(&super::built_in(), &cases);
    }
}
