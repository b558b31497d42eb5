//! A JSON document that describes others: equal but for the places that say otherwise.
//!
//! A string in angle brackets stands for any value of a kind: `<any>`, `<string>`, `<number>`, `<integer>`, `<boolean>`,
//! `<object>`, `<array>`. `<contains TEXT>` is a string that holds the text, `<capture NAME>` is any string and is kept
//! under the name. An object with the key `<more>` may hold keys that are not named.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was kept by `<capture NAME>`.
pub type Captures = BTreeMap<String, String>;

/// Where a document differs from its pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: expected {expected}, found {found}")]
pub struct Mismatch {
    /// The place, such as `result.outputs.value`.
    pub path: String,
    /// What the pattern says there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// The key that allows keys beside those that are named.
const MORE: &str = "<more>";
/// Longer values are cut in messages.
const SHOWN_CHARS_MAX: usize = 200;

/// Compares `found` with `pattern` and keeps captures.
///
/// # Errors
///
/// The first place where they differ.
pub fn matches(pattern: &Value, found: &Value, captures: &mut Captures) -> Result<(), Mismatch> {
    let mut kept = Captures::new();
    compare(pattern, found, "the message", &mut kept)?;
    captures.extend(kept);
    Ok(())
}

fn compare(pattern: &Value, found: &Value, path: &str, captures: &mut Captures) -> Result<(), Mismatch> {
    let differs = || Err(Mismatch { path: path.to_owned(), expected: shown(pattern), found: shown(found) });
    match (pattern, found) {
        (Value::String(text), _) if text.starts_with('<') && text.ends_with('>') => {
            if special(&text[1..text.len() - 1], found, captures) { Ok(()) } else { differs() }
        }
        (Value::Object(expected), Value::Object(found)) => compare_objects(expected, found, path, captures),
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            for (index, (pattern, item)) in expected.iter().zip(items).enumerate() {
                compare(pattern, item, &format!("{path}[{index}]"), captures)?;
            }
            Ok(())
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if pattern == found => Ok(()),
        _ => differs(),
    }
}

fn compare_objects(
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    path: &str,
    captures: &mut Captures,
) -> Result<(), Mismatch> {
    for (name, pattern) in expected.iter().filter(|(name, _)| *name != MORE) {
        let inner = format!("{path}.{name}");
        match found.get(name) {
            Some(value) => compare(pattern, value, &inner, captures)?,
            None => return Err(Mismatch { path: inner, expected: shown(pattern), found: "nothing".into() }),
        }
    }
    let unnamed = found.iter().find(|(name, _)| !expected.contains_key(*name));
    match unnamed {
        Some((name, value)) if !expected.contains_key(MORE) => {
            Err(Mismatch { path: format!("{path}.{name}"), expected: "nothing".into(), found: shown(value) })
        }
        _ => Ok(()),
    }
}

fn special(word: &str, found: &Value, captures: &mut Captures) -> bool {
    match word {
        "any" => true,
        "string" => found.is_string(),
        "number" => found.is_number(),
        "integer" => found.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => found.is_boolean(),
        "object" => found.is_object(),
        "array" => found.is_array(),
        _ => {
            let Some(text) = found.as_str() else { return false };
            match word.split_once(' ') {
                Some(("contains", part)) => text.contains(part),
                Some(("capture", name)) => {
                    captures.insert(name.to_owned(), text.to_owned());
                    true
                }
                _ => false,
            }
        }
    }
}

/// A value as a person reads it in a message.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_match_and_name_the_place_that_differs() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1.0}), None),
            (json!({"a": "<any>"}), json!({"a": null}), None),
            (json!({"a": "<integer>"}), json!({"a": 2}), None),
            (json!({"a": "<integer>"}), json!({"a": 2.5}), Some("at the message.a: expected \"<integer>\", found 2.5")),
            (json!({"a": "<contains or>"}), json!({"a": "word"}), None),
            (json!({"a": "<string>"}), json!({"a": 1}), Some("at the message.a: expected \"<string>\", found 1")),
            (json!({"a": 1, "<more>": "<any>"}), json!({"a": 1, "b": 2}), None),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), Some("at the message.b: expected nothing, found 2")),
            (json!({"a": 1}), json!({}), Some("at the message.a: expected 1, found nothing")),
            (json!([1, [2]]), json!([1, [3]]), Some("at the message[1][0]: expected 2, found 3")),
            (json!([1]), json!([1, 2]), Some("at the message: expected [1], found [1,2]")),
        ];
        for (pattern, found, expected) in cases {
            let result = matches(&pattern, &found, &mut Captures::new());
            assert_eq!(result.err().map(|e| e.to_string()).as_deref(), expected, "{pattern} and {found}");
        }
    }

    #[test]
    fn captures_are_kept_only_when_everything_matches() {
        let pattern = json!({"id": "<capture call>", "method": "m"});
        let mut captures = Captures::new();
        assert!(matches(&pattern, &json!({"id": "n1", "method": "other"}), &mut captures).is_err());
        assert!(captures.is_empty());
        assert!(matches(&pattern, &json!({"id": "n1", "method": "m"}), &mut captures).is_ok());
        assert_eq!(captures["call"], "n1");
    }
}
