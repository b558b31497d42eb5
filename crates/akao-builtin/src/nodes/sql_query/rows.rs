//! The answer of a statement, gathered within bounds.

use akao_contract::{ErrorKind, StepError};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Largest sum of the rows' JSON, in bytes (32 MiB).
const ROWS_BYTES_MAX: usize = 32 << 20;

/// Rows and counts.
#[derive(Default)]
pub(super) struct Answer {
    rows: Vec<Value>,
    bytes: usize,
    pub(super) rows_affected: u64,
    truncated: bool,
}

impl Answer {
    /// Adds a row; false when it is one too many and reading should end.
    pub(super) fn add(&mut self, row: Map<String, Value>, rows_max: usize) -> Result<bool, StepError> {
        if self.rows.len() >= rows_max {
            self.truncated = true;
            return Ok(false);
        }
        let row = Value::Object(row);
        let bytes = row.to_string().len();
        self.check_row(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        self.rows.push(row);
        Ok(true)
    }

    /// Refuses a row that has grown to `bytes` when the rows would be too large with it.
    pub(super) fn check_row(&self, bytes: usize) -> Result<(), StepError> {
        if self.bytes.saturating_add(bytes) <= ROWS_BYTES_MAX {
            return Ok(());
        }
        let message = format!("the rows are larger than {ROWS_BYTES_MAX} bytes");
        Err(StepError::new(ErrorKind::Resource, message))
    }

    pub(super) fn into_value(self) -> Value {
        let count = self.rows.len();
        json!({"rows": self.rows, "rowCount": count, "rowsAffected": self.rows_affected, "truncated": self.truncated})
    }
}

/// An integer; beyond 2^53 readers of JSON would round it, so it becomes text.
pub(super) fn integer(number: i64) -> Value {
    if number.unsigned_abs() <= 1 << 53 { number.into() } else { number.to_string().into() }
}

/// A float; JSON has no infinity and no NaN, so these become text.
pub(super) fn float(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// Bytes, marked as what they are.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    json!({"$base64": STANDARD.encode(bytes)})
}

/// The text of a parameter that is stored as text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
