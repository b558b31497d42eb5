//! Checks values against JSON Schemas that come from outside: no references elsewhere, patterns in linear time, bounded
//! size and, by `schema/work.rs`, bounded work.

mod work;

use crate::{limits::size_of, props::bad_input, text::excerpt};
use akao_contract::StepError;
use jsonschema::PatternOptions;
use serde_json::Value;

/// Longest schema, in bytes.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;

/// Memory of one compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// One thing that is wrong with a value.
pub(crate) struct Problem {
    /// JSON pointer of the value.
    pub(crate) path: String,
    /// What is wrong, shortened.
    pub(crate) message: String,
}

/// What is wrong with `value`, at most `max` problems. A schema that is not valid itself is an error.
pub(crate) fn problems(schema: &Value, value: &Value, max: usize) -> Result<Vec<Problem>, StepError> {
    if size_of(schema)? > SCHEMA_BYTES_MAX {
        return Err(bad_input(format!("the schema is longer than {SCHEMA_BYTES_MAX} bytes")));
    }
    work::check(schema, value)?;
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    let validator = jsonschema::options().offline().with_pattern_options(patterns).build(schema);
    let validator = validator.map_err(|error| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
        bad_input(format!("the schema is not valid{place}: {}", excerpt(&error.to_string())))
            .with_suggestion("A schema stands alone: references go to its own `$defs`.")
    })?;
    let problem = |error: jsonschema::ValidationError<'_>| Problem {
        path: error.instance_path().to_string(),
        message: excerpt(&error.to_string()),
    };
    Ok(validator.iter_errors(value).take(max).map(problem).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn problems_have_their_place() {
        let schema = json!({"$defs": {"n": {"type": "number"}}, "properties": {"a": {"items": {"$ref": "#/$defs/n"}}}});
        let found = problems(&schema, &json!({"a": [1, "x"]}), 10).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].message.as_str()), ("/a/1", "\"x\" is not of type \"number\""));
    }

    #[test]
    fn schemas_from_elsewhere_are_refused() {
        for reference in ["http://example.com/s.json", "file:///etc/passwd", "https://localhost/x", "other.json"] {
            assert!(problems(&json!({"$ref": reference}), &json!(1), 10).is_err(), "{reference}");
        }
        assert!(problems(&json!({"type": "nothing"}), &json!(1), 10).is_err());
        assert!(problems(&json!({"pattern": "(a+)+(?=b)"}), &json!("a"), 10).is_err());
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let cases = [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            json!({"not": {"$ref": "#"}}),
            json!({"$dynamicRef": "#"}),
        ];
        for schema in cases {
            // Whatever the verdict is: it comes back.
            let _ = problems(&schema, &json!({"a": 1}), 10);
        }
    }
}
