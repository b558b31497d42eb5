//! How often a schema is asked of a value and its parts, counted before the validator begins.
//!
//! The validator cannot be interrupted, and a dozen references that each occur twice visit a value a billion times. The
//! count follows every branch, also those that the validator leaves early, so it is never too low. References lead through
//! one document: an `$id` inside it would make its parts documents of their own, which the count could not follow.

use crate::{props::bad_input, text::excerpt};
use akao_contract::{ErrorKind, StepError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Times that a schema may be asked of a value; the time that the validator takes grows with them.
const QUESTIONS_MAX: usize = 5_000_000;

/// Schemas that may stand in each other while they are asked, references followed.
const DEPTH_MAX: usize = 500;

/// Keywords whose value is data and no schema.
const DATA: [&str; 5] = ["const", "enum", "default", "example", "examples"];

/// Refuses a schema that asks too much of a value.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), StepError> {
    let mut count = Count { root: schema, anchors: BTreeMap::new(), left: QUESTIONS_MAX };
    count.collect(schema)?;
    count.ask(schema, value, 0)
}

struct Count<'s> {
    root: &'s Value,
    anchors: BTreeMap<&'s str, &'s Value>,
    left: usize,
}

impl<'s> Count<'s> {
    /// Notes the names that references may use. The depth of a schema is bounded where its size is.
    fn collect(&mut self, schema: &'s Value) -> Result<(), StepError> {
        match schema {
            Value::Array(items) => items.iter().try_for_each(|item| self.collect(item)),
            Value::Object(map) => {
                let own_id = ["$id", "id"].into_iter().find(|key| map.get(*key).is_some_and(Value::is_string));
                if let Some(key) = own_id.filter(|key| !std::ptr::eq(schema, self.root) && self.is_identity(key)) {
                    return Err(bad_input(format!("only the schema as a whole may have an `{key}`")));
                }
                for key in ["$anchor", "$dynamicAnchor"] {
                    if let Some(name) = map.get(key).and_then(Value::as_str) {
                        self.anchors.insert(name, schema);
                    }
                }
                map.iter().filter(|(key, _)| !DATA.contains(&key.as_str())).try_for_each(|(_, part)| self.collect(part))
            }
            _ => Ok(()),
        }
    }

    /// Whether a key names a document; `id` did in the fourth draft.
    fn is_identity(&self, key: &str) -> bool {
        let dialect = self.root.get("$schema").and_then(Value::as_str).unwrap_or_default();
        key == "$id" || dialect.contains("draft-04")
    }

    fn ask(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Result<(), StepError> {
        self.pay(1)?;
        let Value::Object(map) = schema else { return Ok(()) };
        if depth >= DEPTH_MAX {
            return Err(too_much("the schema refers to itself without an end"));
        }
        self.in_place(map, value, depth + 1)?;
        match value {
            Value::Array(items) => self.items(map, items, depth + 1),
            Value::Object(entries) => self.entries(map, entries, depth + 1),
            _ => Ok(()),
        }
    }

    fn pay(&mut self, questions: usize) -> Result<(), StepError> {
        self.left = self.left.checked_sub(questions).ok_or_else(|| {
            too_much(&format!("the schema would be asked more than {QUESTIONS_MAX} times of the value and its parts"))
        })?;
        Ok(())
    }

    /// What is asked of the same value.
    fn in_place(&mut self, map: &'s Map<String, Value>, value: &Value, depth: usize) -> Result<(), StepError> {
        for (key, part) in map {
            match key.as_str() {
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    if let Some(target) = self.target(part.as_str().unwrap_or_default())? {
                        self.ask(target, value, depth)?;
                    }
                }
                "allOf" | "anyOf" | "oneOf" => {
                    for part in part.as_array().into_iter().flatten() {
                        self.ask(part, value, depth)?;
                    }
                }
                "not" | "if" | "then" | "else" => self.ask(part, value, depth)?,
                "dependentSchemas" | "dependencies" => {
                    for part in part.as_object().into_iter().flat_map(Map::values) {
                        self.ask(part, value, depth)?;
                    }
                }
                "enum" | "required" => self.pay(part.as_array().map_or(0, Vec::len))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn items(&mut self, map: &'s Map<String, Value>, items: &[Value], depth: usize) -> Result<(), StepError> {
        for (key, part) in map {
            let parts = match key.as_str() {
                "items" | "prefixItems" => part.as_array().map_or(std::slice::from_ref(part), Vec::as_slice),
                "additionalItems" | "contains" | "unevaluatedItems" => std::slice::from_ref(part),
                _ => continue,
            };
            // A list of schemas belongs to the first items, one each.
            let in_order = part.is_array();
            for (at, item) in items.iter().enumerate() {
                let Some(part) = parts.get(if in_order { at } else { 0 }) else { break };
                self.ask(part, item, depth)?;
            }
        }
        Ok(())
    }

    fn entries(
        &mut self,
        map: &'s Map<String, Value>,
        entries: &Map<String, Value>,
        depth: usize,
    ) -> Result<(), StepError> {
        for (key, part) in map {
            match key.as_str() {
                "properties" => {
                    for (name, part) in part.as_object().into_iter().flatten() {
                        self.pay(1)?;
                        if let Some(entry) = entries.get(name) {
                            self.ask(part, entry, depth)?;
                        }
                    }
                }
                "patternProperties" => {
                    for part in part.as_object().into_iter().flat_map(Map::values) {
                        entries.values().try_for_each(|entry| self.ask(part, entry, depth))?;
                    }
                }
                "additionalProperties" | "unevaluatedProperties" => {
                    entries.values().try_for_each(|entry| self.ask(part, entry, depth))?;
                }
                "propertyNames" => entries.keys().try_for_each(|_| self.ask(part, &Value::Null, depth))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Where a reference leads; nowhere when it is to one of the standard's own schemas, which are small.
    fn target(&self, reference: &str) -> Result<Option<&'s Value>, StepError> {
        let own = self.root.get("$id").and_then(Value::as_str).unwrap_or_default();
        let own = own.trim_end_matches('#');
        let inside = reference.strip_prefix(own).unwrap_or(reference);
        let Some(fragment) = inside.strip_prefix('#') else {
            let standard = |text: &str| text.contains("//json-schema.org/");
            return match inside {
                "" => Ok(Some(self.root)),
                // Relative ones would be another spelling of the document's own address.
                outside if standard(outside) && outside.starts_with("http") && !standard(own) => Ok(None),
                _ => Err(bad_input(format!("the reference `{}` leaves the schema", excerpt(reference)))
                    .with_suggestion("A schema stands alone: references go to its own `$defs`.")),
            };
        };
        if fragment.contains('%') {
            return Err(bad_input("a reference in the schema holds `%`; rename what it leads to"));
        }
        Ok(match fragment {
            "" => Some(self.root),
            pointer if pointer.starts_with('/') => self.root.pointer(pointer),
            name => self.anchors.get(name).copied(),
        })
    }
}

fn too_much(message: &str) -> StepError {
    StepError::new(ErrorKind::Resource, message)
        .with_suggestion("Check fewer values in one step, or write the schema with fewer branches.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Forty definitions, each of which names the next one twice.
    fn doubling(reference: impl Fn(usize) -> Value) -> Map<String, Value> {
        (0..40).map(|n| (format!("p{n}"), json!({"allOf": [reference(n + 1), reference(n + 1)]}))).collect()
    }

    #[test]
    fn what_would_never_end_is_refused() {
        let by_pointer = doubling(|n| json!({"$ref": format!("#/$defs/p{n}")}));
        let absolute = doubling(|n| json!({"$ref": format!("https://a.example/s#/$defs/p{n}")}));
        let mut named = doubling(|n| json!({"$ref": format!("#p{n}")}));
        named.iter_mut().for_each(|(name, part)| part["$anchor"] = json!(name));
        let deep = (0..60).fold(json!(1), |value, _| json!([value]));
        let branching = json!({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]});
        let many = json!(vec![0; 100_000]);
        for (schema, value) in [
            (json!({"$defs": by_pointer, "$ref": "#/$defs/p0"}), json!(1)),
            (json!({"$id": "https://a.example/s", "$defs": absolute, "$ref": "#/$defs/p0"}), json!(1)),
            (json!({"$defs": named, "$ref": "#p0"}), json!(1)),
            (branching, deep),
            (json!({"items": {"enum": (0..1000).collect::<Vec<_>>()}}), many.clone()),
            (json!({"items": {"anyOf": vec![json!({"type": "null"}); 60]}}), many),
            (json!({"$ref": "#"}), json!(1)),
            (json!({"not": {"$dynamicRef": "#"}}), json!(1)),
        ] {
            let started = std::time::Instant::now();
            assert_eq!(check(&schema, &value).unwrap_err().kind, ErrorKind::Resource, "{:.100}", schema.to_string());
            assert!(started.elapsed().as_secs() < 10, "it took {:?}", started.elapsed());
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        for schema in [
            json!({"$defs": {"a": {"$id": "other", "type": "null"}}}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "not": {"id": "other"}}),
            json!({"$ref": "#/$defs/a%25b"}),
            json!({"$id": "https://a.example/s", "$ref": "s#/$defs/a"}),
            json!({"$id": "https://a.example/s", "$ref": "HTTPS://a.example/s#/$defs/a"}),
            json!({"$id": "https://json-schema.org/s", "$ref": "http://json-schema.org/../s"}),
        ] {
            assert_eq!(check(&schema, &json!(1)).unwrap_err().kind, ErrorKind::Input, "{schema}");
        }
    }

    #[test]
    fn honest_recursive_schemas_pass() {
        let tree = json!({
            "$defs": {"node": {
                "properties": {"id": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
                "required": ["id"],
            }},
            "$ref": "#/$defs/node",
        });
        let leaves: Vec<Value> = (0..50_000).map(|n| json!({"id": n.to_string(), "children": []})).collect();
        check(&tree, &json!({"id": "root", "children": leaves})).unwrap();
        let chain = (0..50).fold(json!({"id": "x"}), |value, _| json!({"id": "y", "children": [value]}));
        check(&tree, &chain).unwrap();
        check(&json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}), &json!({})).unwrap();
        check(&json!({"properties": {"id": {"const": {"$id": "data"}}, "$id": true}}), &json!({"id": 1})).unwrap();
    }
}
