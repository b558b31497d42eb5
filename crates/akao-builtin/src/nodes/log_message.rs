//! `LogMessage`: writes a message to the execution's log at a level.

use crate::{BuiltIn, Run, declare::Leaf, limits::check_result, props::Props, text::display};
use akao_contract::{Category, ErrorKind, Invocation, LogLevel, Outcome, StepError};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("LogMessage", Category::Data, "Writes a message to the log at a level.")
        .description(
            "Writes `message` to the execution's log. Templates in it are filled in before the node runs; values that \
            are not text are written as JSON.",
        )
        .required("message", json!({"description": "What to write."}))
        .prop(
            "level",
            json!({
                "enum": ["info", "warn", "error", "debug"], "description": "How much it matters.", "default": "info",
            }),
        )
        .output("message", json!({"type": "string", "description": "The text that was written."}))
        .error(ErrorKind::Input, "`message` is missing, or `level` is none of the four")
        .error(ErrorKind::Resource, "the message is larger than 16 MiB")
        .example(include_str!("examples/log_message.yaml"), json!({"said": "ship to Hanoi"}))
        .run(Run::Inline(|invocation| log(invocation).unwrap_or_else(Outcome::failure)))
}

fn log(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let level = match props.choice("level", &["info", "warn", "error", "debug"])? {
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        "debug" => LogLevel::Debug,
        _ => LogLevel::Info,
    };
    let message = match props.value_or_null("message") {
        Some(value) => display(value),
        None => props.text("message")?.to_owned(),
    };
    let value = Value::String(message.clone());
    check_result(&value)?;
    Ok(Outcome::success().output("message", value).log(level, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, failure, summary};

    #[test]
    fn messages_are_logged_at_their_level() {
        let cases = [
            (json!({"message": "a"}), "a", LogLevel::Info),
            (json!({"message": {"k": 1}, "level": "debug"}), "{\"k\":1}", LogLevel::Debug),
            (json!({"message": 3, "level": "error"}), "3", LogLevel::Error),
        ];
        for (props, text, level) in cases {
            let expected = Outcome::success().output("message", text).log(level, text);
            assert_eq!(testing::run(&built_in(), &props, &json!({})), expected, "{props}");
        }
    }

    #[test]
    fn a_message_is_required() {
        let outcome = testing::run(&built_in(), &json!({}), &json!({}));
        assert_eq!(summary(&outcome), failure("input", "the prop `message` is missing"));
    }
}
