//! Differences of JSON values, named by JSON pointer.

use crate::canonical_json;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer (RFC 6901).
    pub path: String,
    /// The earlier value; absent when there was none. A JSON null is a value.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// The later value; absent when there is none. A JSON null is a value.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// A key that is there holds a value, even if that is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The innermost values that differ. Lists of the same length are compared element by element, others as wholes.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", before, after, usize::MAX, &mut found);
    found
}

/// Like [`changes`], but props are looked at one by one and every other field as a whole.
pub(super) fn shallow_changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    let empty = Value::Object(serde_json::Map::new());
    for (path, depth) in [("/props", 1), ("", 1)] {
        let side = |whole: &Value| match path {
            "" => without_props(whole),
            _ => whole.get("props").cloned().unwrap_or_else(|| empty.clone()),
        };
        compare(path, &side(before), &side(after), depth, &mut found);
    }
    found
}

fn without_props(fields: &Value) -> Value {
    let entries = fields.as_object().into_iter().flatten().filter(|(key, _)| *key != "props");
    Value::Object(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn compare(path: &str, before: &Value, after: &Value, depth: usize, found: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if depth > 0 => {
            for (key, value) in old {
                let path = child_path(path, key);
                match new.get(key) {
                    Some(other) => compare(&path, value, other, depth - 1, found),
                    None => found.push(Change { path, before: Some(value.clone()), after: None }),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                found.push(Change { path: child_path(path, key), before: None, after: Some(value.clone()) });
            }
        }
        (Value::Array(old), Value::Array(new)) if depth > 0 && old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}/{at}"), old, new, depth - 1, found);
            }
        }
        _ if same(before, after) => {}
        _ => found.push(Change { path: path.to_owned(), before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

/// Equality as the content hash sees it: `1` and `1.0` are the same.
fn same(before: &Value, after: &Value) -> bool {
    before == after || canonical_json(before) == canonical_json(after)
}

fn child_path(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}
