//! Checking an execution's input against the workflow's schema, and a task's form against its own.

use akao_flow::Definition;
use jsonschema::PatternOptions;
use serde_json::{Map, Value};

/// The input with the schema's defaults filled in.
///
/// # Errors
/// Every problem of the input, as fragments that name the property.
pub fn accept(definition: &Definition, input: Value) -> Result<Value, Vec<String>> {
    let input = if input.is_null() { Value::Object(Map::new()) } else { input };
    if definition.inputs.is_empty() {
        return Ok(input);
    }
    let mut input = input;
    if let Value::Object(map) = &mut input {
        for (name, property) in &definition.inputs.0 {
            if let Some(default) = property.get("default")
                && !map.contains_key(name)
            {
                map.insert(name.clone(), default.clone());
            }
        }
    }
    check(&definition.inputs.to_json_schema(), &input)?;
    Ok(input)
}

/// Checks a completed form.
///
/// # Errors
/// Every problem of the data, as fragments that name the place.
pub(crate) fn check_form(schema: &Value, data: &Value) -> Result<(), Vec<String>> {
    check(schema, data)
}

/// Longest schema, in bytes of JSON.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;

/// Memory of one compiled pattern, and steps back that matching one may take.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
const BACKTRACKS_MAX: usize = 10_000;

/// Bytes of one problem; the library quotes whole values.
const PROBLEM_BYTES_MAX: usize = 300;

/// Keywords that lead elsewhere in a schema. A dozen of them can visit a value a billion times, and schemas are checked on
/// the engine's own thread.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

fn check(schema: &Value, value: &Value) -> Result<(), Vec<String>> {
    if let Some(reason) = unfit(schema) {
        return Err(vec![format!("the schema is not valid: {reason}")]);
    }
    let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS_MAX);
    let patterns = patterns.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    let validator = jsonschema::options().offline().with_pattern_options(patterns).build(schema);
    let validator = validator.map_err(|problem| vec![cut(format!("the schema is not valid: {problem}"))])?;
    let problems: Vec<String> = validator
        .iter_errors(value)
        .take(50)
        .map(|problem| {
            let place = problem.instance_path().to_string().trim_start_matches('/').replace('/', ".");
            cut(if place.is_empty() { problem.to_string() } else { format!("{place}: {problem}") })
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Why a schema is not even compiled.
fn unfit(schema: &Value) -> Option<String> {
    let (mut waiting, mut bytes) = (vec![schema], 0);
    while let Some(value) = waiting.pop() {
        bytes += 4;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => {
                if let Some(keyword) = REFERENCES.iter().find(|keyword| map.contains_key(**keyword)) {
                    return Some(format!("`{keyword}` is not supported here; write the schema out"));
                }
                bytes += map.keys().map(String::len).sum::<usize>();
                waiting.extend(map.values());
            }
            _ => {}
        }
        if bytes > SCHEMA_BYTES_MAX {
            return Some(format!("it is longer than {} KiB", SCHEMA_BYTES_MAX / 1024));
        }
    }
    None
}

fn cut(text: String) -> String {
    akao_contract::shortened(text, PROBLEM_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Instant;

    #[test]
    fn hostile_schemas_end_soon_in_short_problems() {
        let doubling: Map<String, Value> = (0..40)
            .map(|n| (format!("p{n}"), json!({"allOf": vec![json!({"$ref": format!("#/$defs/p{}", n + 1)}); 2]})))
            .collect();
        let long = "a".repeat(100_000);
        let cases = [
            (json!({"$defs": doubling, "$ref": "#/$defs/p0"}), json!(1), "`$ref` is not supported here"),
            (
                json!({"properties": {"a": {"$dynamicRef": "#"}}}),
                json!({"a": 1}),
                "`$dynamicRef` is not supported here",
            ),
            (json!({"pattern": "(a{1,900}){1,900}"}), json!("a"), "the schema is not valid"),
            (json!({"pattern": "^(?=(a+)+$)(a|aa)+\\1b"}), json!(long), ""),
            (json!({"type": "number"}), json!(long), ""),
            (json!({"enum": vec![long.clone(); 3]}), json!(1), "longer than 256 KiB"),
        ];
        for (schema, value, message) in cases {
            let started = Instant::now();
            let problems = check(&schema, &value).expect_err(message);
            assert!(started.elapsed().as_millis() < 1_000, "{message} took {:?}", started.elapsed());
            assert!(problems[0].contains(message) || message.is_empty(), "{message}: {problems:?}");
            assert!(problems.iter().all(|problem| problem.len() < 400), "{message}");
        }
    }
}
