//! The same document in OpenAPI 3.0.3, for tools that do not read 3.1 yet: what JSON Schema says with types in lists and `null` is
//! said with `nullable`.

use serde_json::{Map, Value, json};

/// Keys under which a schema may stand, by what they hold.
const ONE: [&str; 3] = ["items", "additionalProperties", "not"];
const MANY: [&str; 3] = ["anyOf", "allOf", "oneOf"];

/// The document in 3.0.3.
pub(crate) fn document(newest: &Value) -> Value {
    let mut document = newest.clone();
    document["openapi"] = json!("3.0.3");
    if let Some(info) = document["info"].as_object_mut() {
        let summary = info.shift_remove("summary");
        info.extend(summary.map(|text| ("description".to_owned(), text)));
        if let Some(license) = info.get_mut("license").and_then(Value::as_object_mut) {
            license.shift_remove("identifier");
        }
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.values_mut().for_each(schema);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.values_mut().for_each(in_operations);
    }
    document
}

/// Every schema that stands under a key `schema`.
fn in_operations(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.iter_mut().for_each(|(key, value)| if key == "schema" { schema(value) } else { in_operations(value) })
        }
        Value::Array(items) => items.iter_mut().for_each(in_operations),
        _ => {}
    }
}

fn schema(value: &mut Value) {
    let Value::Object(map) = value else { return };
    if let Some(Value::Array(types)) = map.get("type") {
        let named: Vec<Value> = types.iter().filter(|name| **name != "null").cloned().collect();
        let nullable = named.len() < types.len();
        if let [one] = named.as_slice() {
            map.insert("type".to_owned(), one.clone());
        } else {
            map.shift_remove("type");
        }
        if nullable {
            map.insert("nullable".to_owned(), json!(true));
        }
    }
    let null = json!({"type": "null"});
    if let Some(Value::Array(choices)) = map.get_mut("anyOf")
        && choices.contains(&null)
    {
        choices.retain(|choice| *choice != null);
        if let [one] = choices.as_slice() {
            let one = one.clone();
            map.shift_remove("anyOf");
            // Beside a reference nothing else counts, so that it is wrapped.
            if one.get("$ref").is_some() {
                map.insert("allOf".to_owned(), json!([one]));
            } else if let Value::Object(one) = one {
                map.extend(one);
            }
        }
        map.insert("nullable".to_owned(), json!(true));
    }
    if let Some(only) = map.shift_remove("const") {
        map.insert("enum".to_owned(), json!([only]));
    }
    inner(map);
}

fn inner(map: &mut Map<String, Value>) {
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(schema);
    }
    for key in ONE {
        map.get_mut(key).into_iter().for_each(schema);
    }
    for key in MANY {
        map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(schema);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_only_3_1_knows_is_left() {
        let made = document(crate::openapi::document());
        fn walk(value: &Value, place: &str) {
            match value {
                Value::Object(map) => {
                    assert!(!matches!(map.get("type"), Some(Value::Array(_))), "{place} has a list of types");
                    assert_ne!(map.get("type"), Some(&json!("null")), "{place}");
                    assert!(!map.contains_key("const"), "{place}");
                    assert!(map.get("$ref").is_none() || map.len() == 1, "{place} has something beside a reference");
                    map.iter().for_each(|(key, value)| walk(value, &format!("{place}/{key}")));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, place)),
                _ => {}
            }
        }
        walk(&made["paths"], "paths");
        walk(&made["components"]["schemas"], "schemas");
        assert_eq!(made["openapi"], "3.0.3");
        assert!(made["info"].get("summary").is_none() && made["info"]["license"].get("identifier").is_none());
        let newest = crate::openapi::document();
        assert_eq!(made["paths"].as_object().map(Map::len), newest["paths"].as_object().map(Map::len));
    }

    #[test]
    fn null_becomes_nullable() {
        let one = |mut value: Value| {
            schema(&mut value);
            value
        };
        assert_eq!(one(json!({"type": ["string", "null"]})), json!({"type": "string", "nullable": true}));
        let wrapped = one(json!({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}));
        assert_eq!(wrapped, json!({"allOf": [{"$ref": "#/x"}], "nullable": true}));
        let plain = one(json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}));
        assert_eq!(plain, json!({"type": "integer", "nullable": true}));
    }
}
