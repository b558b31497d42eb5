//! How large a leaf's result may be. A value that passes here can be stored, sent and walked by everything behind it.

use akao_contract::{ErrorKind, StepError};
use serde_json::Value;

/// Longest result of a leaf: 16 MiB of JSON, roughly counted.
pub(crate) const RESULT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Levels that a result may be nested; the contract refuses deeper documents.
pub(crate) const RESULT_DEPTH_MAX: usize = 64;

/// Values that a document from outside may hold, keys not counted.
const VALUES_MAX: usize = 2_000_000;

/// The error of a result that is too long.
pub(crate) fn too_large(what: &str) -> StepError {
    let message = format!("{what} is larger than {} MiB", RESULT_BYTES_MAX / (1024 * 1024));
    StepError::new(ErrorKind::Resource, message).with_suggestion("Work on fewer values in one step.")
}

/// Refuses a result that is too long or nested too deeply. Never recurses deeper than the bound.
pub(crate) fn check_result(value: &Value) -> Result<(), StepError> {
    let mut left = RESULT_BYTES_MAX;
    check(value, RESULT_DEPTH_MAX, &mut left)
}

/// Roughly the length of a value's JSON in bytes, or none when it is above the bound for results.
pub(crate) fn size_of(value: &Value) -> Result<usize, StepError> {
    let mut left = RESULT_BYTES_MAX;
    check(value, RESULT_DEPTH_MAX, &mut left)?;
    Ok(RESULT_BYTES_MAX - left)
}

fn check(value: &Value, levels: usize, left: &mut usize) -> Result<(), StepError> {
    let own = match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.len() + 2,
        Value::Object(map) => map.keys().map(|key| key.len() + 4).sum::<usize>() + 2,
    };
    *left = left.checked_sub(own).ok_or_else(|| too_large("the result"))?;
    if levels == 0 && matches!(value, Value::Array(_) | Value::Object(_)) {
        let message = format!("the result is nested deeper than {RESULT_DEPTH_MAX} levels");
        return Err(StepError::new(ErrorKind::Resource, message));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check(item, levels - 1, left)),
        Value::Object(map) => map.values().try_for_each(|item| check(item, levels - 1, left)),
        _ => Ok(()),
    }
}

/// Refuses a JSON text with too many values. A value takes many times the memory of the two bytes that can ask for it, so
/// they are counted before anything is built. What is in quotes is passed over; whether it is JSON is for the parser to say.
pub(crate) fn check_json_values(text: &[u8]) -> Result<(), StepError> {
    let (mut marks, mut quoted, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => marks += 1,
            _ => {}
        }
    }
    refuse_many_values(marks)
}

/// Refuses a document of more than [`VALUES_MAX`] values.
pub(crate) fn refuse_many_values(values: usize) -> Result<(), StepError> {
    if values <= VALUES_MAX {
        return Ok(());
    }
    let message = format!("the document has more than {VALUES_MAX} values");
    Err(StepError::new(ErrorKind::Resource, message).with_suggestion("Split the document."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, _| json!([value]))
    }

    #[test]
    fn results_within_the_bounds_pass() {
        assert_eq!(size_of(&json!({"a": [1, "xy"]})).unwrap(), 7 + 4 + 8 + 4);
        assert!(check_result(&nested(RESULT_DEPTH_MAX)).is_ok());
    }

    #[test]
    fn deep_and_long_results_are_refused() {
        assert_eq!(check_result(&nested(RESULT_DEPTH_MAX + 1)).unwrap_err().kind, ErrorKind::Resource);
        let long = json!(["x".repeat(RESULT_BYTES_MAX)]);
        assert_eq!(check_result(&long).unwrap_err().message, "the result is larger than 16 MiB");
    }
}
