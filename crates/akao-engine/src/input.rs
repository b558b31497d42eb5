//! Checking an execution's input against the workflow's schema, and a task's form against its own.

use akao_flow::Definition;
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

fn check(schema: &Value, value: &Value) -> Result<(), Vec<String>> {
    let validator =
        jsonschema::validator_for(schema).map_err(|problem| vec![format!("the schema is not valid: {problem}")])?;
    let problems: Vec<String> = validator
        .iter_errors(value)
        .take(50)
        .map(|problem| {
            let place = problem.instance_path().to_string().trim_start_matches('/').replace('/', ".");
            if place.is_empty() { problem.to_string() } else { format!("{place}: {problem}") }
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
