//! Large values: what is longer than 64 KiB goes to the blob store before the interpreter sees it, and comes back before a
//! node does.

use akao_contract::{BlobRef, ErrorKind, INLINE_VALUE_BYTES_MAX, Outcome, StepError, Tenant};
use akao_step::{BlobError, BlobStore};
use serde_json::{Map, Value};

/// Levels that are walked; deeper values are stored whole.
const DEPTH_MAX: usize = 64;

/// Bytes of a value's JSON, counted until `limit` is passed.
fn json_bytes(value: &Value, limit: usize) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => {
            let mut total = 2;
            for item in items {
                total += json_bytes(item, limit) + 1;
                if total > limit {
                    break;
                }
            }
            total
        }
        Value::Object(map) => {
            let mut total = 2;
            for (key, value) in map {
                total += key.len() + 4 + json_bytes(value, limit);
                if total > limit {
                    break;
                }
            }
            total
        }
    }
}

fn is_large(value: &Value) -> bool {
    json_bytes(value, INLINE_VALUE_BYTES_MAX) > INLINE_VALUE_BYTES_MAX
}

/// Replaces what is large inside a value by references. Members of objects are stored on their own first, so that the
/// small ones beside them stay visible to expressions.
///
/// # Errors
/// The blob store failed.
pub fn externalise(blobs: &dyn BlobStore, tenant: &Tenant, value: &mut Value) -> Result<(), BlobError> {
    store_large(blobs, tenant, value, 0)
}

fn store_large(blobs: &dyn BlobStore, tenant: &Tenant, value: &mut Value, depth: usize) -> Result<(), BlobError> {
    if !is_large(value) {
        return Ok(());
    }
    if let Value::Object(map) = value
        && depth < DEPTH_MAX
    {
        for member in map.values_mut() {
            store_large(blobs, tenant, member, depth + 1)?;
        }
        if !is_large(value) {
            return Ok(());
        }
    }
    let bytes = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    let mut reference = blobs.put(tenant, &bytes, "application/json")?;
    reference.items = value.as_array().map(|items| items.len() as u64);
    *value = reference.to_value();
    Ok(())
}

/// Moves the large values of an outcome to the blob store. A failing store fails the step.
pub(crate) fn externalise_outcome(blobs: &dyn BlobStore, tenant: &Tenant, outcome: &mut Outcome) {
    let mut stored = Ok(());
    for value in outcome.outputs.values_mut().chain(outcome.writes.values_mut()) {
        stored = stored.and_then(|()| externalise(blobs, tenant, value));
    }
    if let Err(problem) = stored {
        let kind = match problem {
            BlobError::Full { .. } => ErrorKind::Resource,
            _ => ErrorKind::Internal,
        };
        let error = StepError::new(kind, format!("the result could not be stored: {problem}"));
        *outcome = Outcome::failure(error);
    }
    shorten_error(outcome);
}

/// Errors and logs stay inline; what is too long in them is cut, because people read them and programs do not.
fn shorten_error(outcome: &mut Outcome) {
    const TEXT_BYTES_MAX: usize = 8 * 1024;
    const LOG_LINES_MAX: usize = 2_100;
    if let Some(error) = &mut outcome.error {
        shorten(&mut error.message, TEXT_BYTES_MAX);
        if is_large(&error.detail) {
            error.detail = Value::Null;
        }
    }
    let dropped = outcome.logs.len().saturating_sub(LOG_LINES_MAX);
    outcome.logs.truncate(LOG_LINES_MAX);
    for line in &mut outcome.logs {
        shorten(&mut line.message, TEXT_BYTES_MAX);
    }
    if dropped > 0 {
        let message = format!("{dropped} more lines were dropped");
        outcome.logs.push(akao_contract::LogLine { level: akao_contract::LogLevel::Warn, message });
    }
}

fn shorten(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let cut = text.floor_char_boundary(bytes_max);
        text.truncate(cut);
        text.push('…');
    }
}

/// Whether some value inside is a reference.
pub(crate) fn holds_blob(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_blob),
        Value::Object(map) => map.contains_key(akao_contract::BLOB_KEY) || map.values().any(holds_blob),
        _ => false,
    }
}

/// Loads every JSON value that is referred to inside `value`. References to files (other media types) stay references.
///
/// # Errors
/// A blob that is damaged or cannot be read. A reference to nothing is data that only looks like one, and stays.
pub fn load(blobs: &dyn BlobStore, tenant: &Tenant, value: &mut Value) -> Result<(), BlobError> {
    if let Some(reference) = BlobRef::from_value(value) {
        if reference.media_type != "application/json" {
            return Ok(());
        }
        let bytes = match blobs.get(tenant, &reference.digest) {
            Err(BlobError::NotFound(_)) => return Ok(()),
            other => other?,
        };
        *value = serde_json::from_slice(&bytes).map_err(std::io::Error::from)?;
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| load(blobs, tenant, item)),
        Value::Object(map) => load_members(blobs, tenant, map),
        _ => Ok(()),
    }
}

pub(crate) fn load_members(
    blobs: &dyn BlobStore,
    tenant: &Tenant,
    map: &mut Map<String, Value>,
) -> Result<(), BlobError> {
    map.values_mut().try_for_each(|value| load(blobs, tenant, value))
}
