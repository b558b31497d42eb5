//! Dotted paths over JSON: `order.items.0.price`. A segment is a key of an object or a zero-based index of a list.

use akao_contract::{ErrorKind, StepError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Segments that a path may have.
const SEGMENTS_MAX: usize = 32;

/// The value at `path` below `value`. The empty path is the value itself.
pub(crate) fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    path.split('.').try_fold(value, |value, segment| match value {
        Value::Object(map) => map.get(segment),
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The value at `path` among the blackboard values that a step was given: under exactly this name, or below the longest
/// name that starts the path.
pub(crate) fn read<'a>(blackboard: &'a BTreeMap<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = blackboard.get(path) {
        return Some(value);
    }
    let dots = path.match_indices('.').map(|(at, _)| at).rev().take(SEGMENTS_MAX);
    dots.filter_map(|at| Some((blackboard.get(&path[..at])?, &path[at + 1..])))
        .find_map(|(value, rest)| get(value, rest))
}

/// Puts `value` at `path` below `target`, making the objects in between.
pub(crate) fn set(target: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), StepError> {
    let bad = |reason: &str| StepError::new(ErrorKind::Input, format!("the path `{path}` {reason}"));
    let segments: Vec<&str> = path.split('.').collect();
    if segments.len() > SEGMENTS_MAX {
        return Err(bad(&format!("has more than {SEGMENTS_MAX} segments")));
    }
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err(bad("has an empty segment"));
    }
    let mut map = target;
    let (last, parents) = segments.split_last().ok_or_else(|| bad("is empty"))?;
    for segment in parents {
        let next = map.entry(*segment).or_insert_with(|| Value::Object(Map::new()));
        map = next.as_object_mut().ok_or_else(|| bad(&format!("goes through `{segment}`, which is not an object")))?;
    }
    map.insert((*last).to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_reach_into_objects_and_lists() {
        let value = json!({"a": {"b": [10, {"c": true}]}});
        let cases = [
            ("", Some(value.clone())),
            ("a.b.0", Some(json!(10))),
            ("a.b.1.c", Some(json!(true))),
            ("a.b.2", None),
            ("a.x", None),
            ("a..b", None),
            ("a.b.-1", None),
            ("a.b.0.c", None),
        ];
        for (path, expected) in cases {
            assert_eq!(get(&value, path).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn a_blackboard_is_read_by_exact_name_first() {
        let blackboard =
            BTreeMap::from([("a.b".to_owned(), json!({"c": 1})), ("a".to_owned(), json!({"b": 2, "d": 3}))]);
        let cases = [("a.b.c", Some(1)), ("a.d", Some(3)), ("x", None), ("a.d.e", None)];
        for (path, expected) in cases {
            assert_eq!(read(&blackboard, path).and_then(Value::as_i64), expected, "{path}");
        }
    }

    #[test]
    fn setting_makes_objects_and_refuses_bad_paths() {
        let mut target = Map::new();
        set(&mut target, "a.b", json!(1)).unwrap();
        set(&mut target, "a.c", json!(2)).unwrap();
        assert_eq!(Value::Object(target.clone()), json!({"a": {"b": 1, "c": 2}}));
        for path in ["", ".", "a.", "a.b.c", &"x.".repeat(40)] {
            assert_eq!(set(&mut target, path, json!(0)).unwrap_err().kind, ErrorKind::Input, "{path}");
        }
    }
}
