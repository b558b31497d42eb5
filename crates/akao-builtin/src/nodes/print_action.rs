//! `PrintAction`: writes a message to the execution's log.

use crate::{BuiltIn, Run, declare::Leaf, limits::check_result, props::Props, text::display};
use akao_contract::{Category, ErrorKind, Invocation, LogLevel, Outcome};
use serde_json::{Value, json};

/// What is printed when nothing is given.
const MESSAGE: &str = "Hello from PrintAction!";

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("PrintAction", Category::Test, "Writes a message to the log.")
        .description(
            "Writes `message` to the execution's log at level `info` and hands it on as output. Values that are not \
            text are written as JSON.",
        )
        .prop("message", json!({"description": "What to print.", "default": MESSAGE}))
        .main_output("message", json!({"type": "string", "description": "The text that was printed."}))
        .error(ErrorKind::Resource, "the message is larger than 16 MiB")
        .example(include_str!("examples/print_action.yaml"), json!({"said": "two and two is 4"}))
        .run(Run::Inline(run))
}

fn run(invocation: &Invocation) -> Outcome {
    let message = Props::of(invocation).value_or_null("message").map_or_else(|| MESSAGE.to_owned(), display);
    let value = Value::String(message.clone());
    match check_result(&value) {
        Ok(()) => Outcome::success().output("message", value).log(LogLevel::Info, message),
        Err(error) => Outcome::failure(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run as run_node;

    #[test]
    fn the_message_is_logged_and_handed_on() {
        let cases = [
            (json!({}), MESSAGE),
            (json!({"message": "hi"}), "hi"),
            (json!({"message": [1, {"a": null}]}), "[1,{\"a\":null}]"),
            (json!({"message": null}), "null"),
        ];
        for (props, text) in cases {
            let expected = Outcome::success().output("message", text).log(LogLevel::Info, text);
            assert_eq!(run_node(&built_in(), &props, &json!({})), expected, "{props}");
        }
    }
}
