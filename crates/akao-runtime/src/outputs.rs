//! What a node answers against what its manifest declares.
//!
//! Both come from the package's author, so the work is bounded: no references, patterns in linear time, and each part of
//! the schema times each part of the value within a budget.

use crate::{declared::Declared, mask::Masks};
use akao_contract::{ErrorKind, Properties, StepError, manifest::PATTERN_BYTES_MAX, shortened};
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

/// Parts of the schema times parts of the value; the time that the validator takes grows with it.
const QUESTIONS_MAX: usize = 10_000_000;

/// Beyond so many questions, or so many bytes of text, a check is done where it may block.
const INLINE_QUESTIONS_MAX: usize = 20_000;
const INLINE_BYTES_MAX: usize = 128 * 1024;

/// What an error quotes of the validator's words.
const SAID_BYTES_MAX: usize = 300;

/// Keywords that lead to another place, after which nobody could say how often a part is asked.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Why declared outputs cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum OutputSchemaError {
    /// A reference.
    #[error("they hold `{0}`; write the schema out in its place")]
    Reference(&'static str),
    /// Not a schema.
    #[error("they are not valid JSON Schema: {0}")]
    Invalid(String),
}

/// Checks outputs.
#[derive(Debug)]
pub(crate) struct OutputSchema {
    validator: Validator,
    parts: usize,
    declared: Declared,
}

impl OutputSchema {
    pub(crate) fn new(outputs: &Properties, declared: Declared) -> Result<Self, OutputSchemaError> {
        let schema = outputs.to_json_schema();
        if let Some(reference) = REFERENCES.into_iter().find(|name| has_key(&schema, name)) {
            return Err(OutputSchemaError::Reference(reference));
        }
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let built = jsonschema::options().offline().with_pattern_options(patterns).build(&schema);
        let validator =
            built.map_err(|error| OutputSchemaError::Invalid(shortened(error.to_string(), SAID_BYTES_MAX)))?;
        Ok(Self { validator, parts: parts_of(&schema), declared })
    }

    /// Whether checking these outputs takes so long that nothing else should wait for it.
    pub(crate) fn is_work(&self, outputs: &Map<String, Value>) -> bool {
        let (mut parts, mut bytes) = (0, 0);
        outputs.values().for_each(|value| {
            parts += parts_of(value);
            bytes += text_bytes_of(value);
        });
        self.parts.saturating_mul(parts) > INLINE_QUESTIONS_MAX || bytes > INLINE_BYTES_MAX
    }

    /// Checks the outputs of `node`; gives them back when they are what the manifest says.
    pub(crate) fn check(
        &self,
        node: &str,
        outputs: Map<String, Value>,
        masks: &Masks,
    ) -> Result<Map<String, Value>, StepError> {
        let outputs = Value::Object(outputs);
        let questions = self.parts.saturating_mul(parts_of(&outputs));
        if questions > QUESTIONS_MAX {
            let message =
                format!("the outputs of `{node}` are too large to be checked against its {}", self.declared.place());
            return Err(StepError::new(ErrorKind::Resource, message)
                .with_detail("reason", "outputs_too_large")
                .with_suggestion("Hand over large results as blobs, or declare them with a simpler schema."));
        }
        if let Err(error) = self.validator.validate(&outputs) {
            let place = error.instance_path().to_string();
            let said = masks.shortened(error.to_string(), SAID_BYTES_MAX);
            let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
            let declared = self.declared.place();
            let message = format!("the outputs of `{node}` are not what its {declared} says{at}: {said}");
            return Err(StepError::new(ErrorKind::Protocol, message)
                .with_detail("reason", "bad_outputs")
                .with_detail("path", place)
                .with_suggestion(format!("Correct the node, or `outputs` in its {declared}.")));
        }
        match outputs {
            Value::Object(outputs) => Ok(outputs),
            _ => Ok(Map::new()),
        }
    }
}

/// Whether a schema uses a keyword. What values may be is not a schema.
fn has_key(schema: &Value, name: &str) -> bool {
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) if map.get(name).is_some_and(Value::is_string) => return true,
            Value::Object(map) => {
                let data = ["const", "enum", "default", "example", "examples"];
                open.extend(map.iter().filter(|(key, _)| !data.contains(&key.as_str())).map(|(_, value)| value));
            }
            _ => {}
        }
    }
    false
}

/// Values within a value, itself included. A stack instead of recursion: nobody bounds the depth here.
fn parts_of(value: &Value) -> usize {
    let (mut parts, mut open) = (0_usize, vec![value]);
    while let Some(value) = open.pop() {
        parts += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    parts
}

/// Bytes of the texts within a value, keys included.
fn text_bytes_of(value: &Value) -> usize {
    let (mut bytes, mut open) = (0_usize, vec![value]);
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => {
                bytes += map.keys().map(String::len).sum::<usize>();
                open.extend(map.values());
            }
            _ => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(outputs: Value) -> Result<OutputSchema, OutputSchemaError> {
        OutputSchema::new(&serde_json::from_value(outputs).unwrap(), Declared::Manifest)
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn outputs_are_checked_and_named() {
        let declared = json!({"rows": {"type": "array", "items": {"type": "integer"}, "required": true}, "note": {}});
        let schema = schema(declared).unwrap();
        assert!(schema.check("n", map(json!({"rows": [1, 2]})), &Masks::default()).is_ok());
        assert!(schema.check("n", map(json!({"rows": [], "note": null})), &Masks::default()).is_ok());
        let cases = [
            (json!({}), "\"rows\" is a required property"),
            (json!({"rows": [1, "x"]}), "at /rows/1: \"x\" is not of type \"integer\""),
            (json!({"rows": [], "more": 1}), "('more' was unexpected)"),
        ];
        for (outputs, fragment) in cases {
            let error = schema.check("n", map(outputs), &Masks::default()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Protocol);
            assert!(error.message.contains(fragment), "{error}");
        }
        let bare = super::tests::schema(json!({})).unwrap();
        assert!(bare.check("n", Map::new(), &Masks::default()).is_ok());
        assert!(bare.check("n", map(json!({"x": 1})), &Masks::default()).is_err());
    }

    #[test]
    fn a_secret_at_the_cut_does_not_show() {
        let schema = schema(json!({"token": {"type": "integer"}})).unwrap();
        let masks = Masks::default();
        let token = "correct-horse-battery-staple";
        masks.add(token);
        for before in SAID_BYTES_MAX - 40..SAID_BYTES_MAX {
            let outputs = map(json!({"token": format!("{}{token}", "x".repeat(before))}));
            let error = schema.check("n", outputs, &masks).unwrap_err();
            assert!(!error.message.contains(&token[..4]), "{before}: {error}");
        }
    }

    #[test]
    fn a_pattern_that_a_manifest_may_hold_is_compiled() {
        let mut seen = [0, 0];
        for letters in (5..=200).step_by(5) {
            let pattern = format!("\\pL{{{letters}}}");
            let text = format!(
                "manifest: 1\nid: com.example.one\nname: One\nversion: 1.0.0\n\
                 runtime: {{ type: executable, command: one }}\n\
                 nodes: [{{ id: com.example.one, outputs: {{ a: {{ type: string, pattern: '{pattern}' }} }} }}]\n"
            );
            let is_valid = akao_manifest::read(&text).is_ok();
            let compiled = schema(json!({"a": {"type": "string", "pattern": pattern}}));
            assert_eq!(is_valid, compiled.is_ok(), "{letters} letters: {compiled:?}");
            seen[usize::from(is_valid)] += 1;
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}: the bound lies between");
    }

    #[test]
    fn what_could_take_without_an_end_is_refused() {
        assert!(matches!(schema(json!({"a": {"$ref": "#"}})), Err(OutputSchemaError::Reference("$ref"))));
        assert!(matches!(schema(json!({"a": {"type": "nothing"}})), Err(OutputSchemaError::Invalid(_))));
        assert!(schema(json!({"a": {"enum": [{"$ref": "#"}]}})).is_ok());
        assert!(schema(json!({"a": {"properties": {"$ref": {"type": "string"}}}})).is_ok());
        let wide = json!({"a": {"items": {"anyOf": vec![json!({"type": "null"}); 100]}}});
        let error =
            schema(wide).unwrap().check("n", map(json!({"a": vec![0; 200_000]})), &Masks::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Resource);
    }
}
