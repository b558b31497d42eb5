//! Values as people read them.

use serde_json::Value;

/// A value inside a text: text as it is, everything else as compact JSON.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a value is, with its article, for error messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The first characters of a text, for error messages; never cuts a character.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_shown_as_people_read_them() {
        let cases =
            [(json!("a \"b\""), "a \"b\""), (json!(null), "null"), (json!(1.5), "1.5"), (json!([1, "x"]), "[1,\"x\"]")];
        for (value, shown) in cases {
            assert_eq!(display(&value), shown);
        }
    }

    #[test]
    fn an_excerpt_never_cuts_a_character() {
        assert_eq!(excerpt("short"), "short");
        let long = excerpt(&"ü".repeat(200));
        assert_eq!(long.chars().count(), 81);
        assert!(long.ends_with('…'));
    }
}
