//! Large values that are only present as references. An expression sees the reference, never the bytes.

use crate::error::EvalError;
use serde_json::Value;

/// Whether a value is a reference such as `{"$blob": "sha256:…", "bytes": 70000}`.
pub(crate) fn is_blob(value: &Value) -> bool {
    let Value::Object(entries) = value else { return false };
    matches!(entries.get("$blob"), Some(Value::String(_))) && matches!(entries.get("bytes"), Some(Value::Number(_)))
}

/// The number of elements of a stored list, when the reference tells it.
pub(crate) fn blob_items(value: &Value) -> Option<u64> {
    value.get("items")?.as_u64()
}

/// Refuses to treat a reference as the value that it stands for.
pub(crate) fn refuse_blob(value: &Value, what: &str) -> Result<(), EvalError> {
    if !is_blob(value) {
        return Ok(());
    }
    let bytes = value.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    Err(EvalError::new(format!("the value is large ({bytes} bytes), is kept as a blob and cannot be {what} here"))
        .suggest("Pass the value whole to a node, such as `${steps.fetch.outputs.body}`; the node receives the data."))
}
