//! The schema of a node's props, which a tenant wrote: compiled once and within bounds, because it is held against values in
//! the server's own process.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest schema, in bytes of JSON.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;
/// Patterns in it: each takes memory of its own.
const PATTERNS_MAX: usize = 100;
/// Parts of it, where each reference counts as what it leads to: a dozen references that each lead to two others are thousands.
const PARTS_MAX: u64 = 20_000;
/// Memory of one compiled pattern, and steps back that matching one may take.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
const BACKTRACKS_MAX: usize = 10_000;
/// A check of so many parts against so many bytes is left to a thread that may take its time.
const QUICK_MAX: u64 = 1 << 20;

/// A schema that was compiled.
pub(super) struct Schema {
    pub(super) validator: Validator,
    parts: u64,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It is none, leads elsewhere or to itself, or is beyond the bounds; the reason is a fragment.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        let mut measure = Measure { root: schema, bytes: 0, patterns: 0, known: BTreeMap::new() };
        let parts = measure.parts(schema, 0)?;
        if measure.patterns > PATTERNS_MAX {
            return Err(format!("it has more than {PATTERNS_MAX} patterns"));
        }
        let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS_MAX);
        let patterns = patterns.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options().offline().with_pattern_options(patterns).build(schema);
        let validator = validator.map_err(|error| akao_contract::shortened(error.to_string(), 300))?;
        Ok(Self { validator, parts })
    }

    /// Whether a value of so many bytes is soon checked.
    pub(super) fn is_quick(&self, bytes: usize) -> bool {
        self.parts.saturating_mul(bytes as u64) <= QUICK_MAX
    }
}

/// Deeper schemas are refused, which also ends those that lead to themselves.
const DEPTH_MAX: usize = 64;

/// Adds up a schema.
struct Measure<'a> {
    root: &'a Value,
    bytes: usize,
    patterns: usize,
    /// How many parts a reference leads to; none while that is being found out.
    known: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Measure<'a> {
    fn parts(&mut self, value: &'a Value, depth: usize) -> Result<u64, String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        self.bytes += 4;
        let mut parts: u64 = 1;
        match value {
            Value::String(text) => self.bytes += text.len(),
            Value::Array(items) => {
                for item in items {
                    parts = parts.saturating_add(self.parts(item, depth + 1)?);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.bytes += key.len();
                    parts = parts.saturating_add(self.of_key(key, value, depth)?);
                }
            }
            _ => {}
        }
        if self.bytes > SCHEMA_BYTES_MAX {
            return Err(format!("it is longer than {} KiB", SCHEMA_BYTES_MAX / 1024));
        }
        match parts > PARTS_MAX {
            true => Err(format!("it has more than {PARTS_MAX} parts, with those that its references lead to")),
            false => Ok(parts),
        }
    }

    fn of_key(&mut self, key: &'a str, value: &'a Value, depth: usize) -> Result<u64, String> {
        match (key, value) {
            ("$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor", Value::String(_)) => {
                Err(format!("`{key}` is not supported here; write the schema out"))
            }
            ("$id", Value::String(_)) if depth > 0 => Err("`$id` is not supported below its top".to_owned()),
            ("$ref", Value::String(target)) => self.reference(target, depth),
            ("pattern", Value::String(_)) => {
                self.patterns += 1;
                self.parts(value, depth + 1)
            }
            ("patternProperties", Value::Object(map)) => {
                self.patterns += map.len();
                self.parts(value, depth + 1)
            }
            _ => self.parts(value, depth + 1),
        }
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<u64, String> {
        match self.known.get(target) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("`{target}` leads to itself, and such schemas are not supported here")),
            None => {}
        }
        let root = self.root;
        let found = target.strip_prefix('#').filter(|pointer| pointer.starts_with('/')).and_then(|at| root.pointer(at));
        let found = found.ok_or_else(|| {
            format!("`{}` is not a place within it", akao_contract::shortened(target.to_owned(), 100))
        })?;
        self.known.insert(target, None);
        let parts = self.parts(found, depth + 1)?;
        self.known.insert(target, Some(parts));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};
    use std::time::Instant;

    #[test]
    fn hostile_schemas_are_refused_and_hostile_patterns_end_soon() {
        let doubling: Map<String, Value> = (0..16)
            .map(|n| (format!("p{n}"), json!({"allOf": vec![json!({"$ref": format!("#/$defs/p{}", n + 1)}); 2]})))
            .chain([("p16".to_owned(), json!({}))])
            .collect();
        let deep = (0..100).fold(json!({}), |inner, _| json!({"not": inner}));
        for (schema, reason) in [
            (json!({"$defs": doubling, "$ref": "#/$defs/p0"}), "parts"),
            (
                json!({"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}),
                "leads to itself",
            ),
            (json!({"$ref": "https://example.com/schema.json"}), "not a place within it"),
            (json!({"$ref": "file:///etc/passwd"}), "not a place within it"),
            (json!({"properties": {"a": {"$dynamicRef": "#"}}}), "`$dynamicRef` is not supported"),
            (json!({"pattern": "(a{1,900}){1,900}"}), "is not a \"regex\""),
            (json!({"allOf": vec![json!({"pattern": "a"}); 101]}), "patterns"),
            (json!({"enum": vec!["a".repeat(100_000); 3]}), "longer than 256 KiB"),
            (deep, "nested deeper"),
            (json!({"type": "nothing"}), "nothing"),
        ] {
            let started = Instant::now();
            let told = Schema::compile(&schema).err().unwrap_or_default();
            assert!(told.contains(reason) && told.len() < 400, "{reason}: {told}");
            assert!(started.elapsed().as_millis() < 1_000, "{reason} took {:?}", started.elapsed());
        }
        let slow = Schema::compile(&json!({"pattern": "^(?=(a+)+$)(a|aa)+\\1b"})).unwrap();
        let started = Instant::now();
        assert!(!slow.validator.is_valid(&json!("a".repeat(10_000))));
        assert!(started.elapsed().as_millis() < 1_000, "matching took {:?}", started.elapsed());
    }

    #[test]
    fn schemas_as_converters_write_them_hold() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"a": {"$ref": "#/$defs/word"}, "b": {"$ref": "#/$defs/word"}}, "required": ["a"],
            "$defs": {"word": {"type": "string", "minLength": 2}},
        });
        let schema = Schema::compile(&schema).unwrap();
        assert!(schema.validator.is_valid(&json!({"a": "ab"})) && !schema.validator.is_valid(&json!({"a": "a"})));
        assert!(schema.is_quick(1_000) && !schema.is_quick(10 << 20));
    }
}
