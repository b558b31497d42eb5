//! JSON Lines and TOML as values, which are counted before anything is built.

use super::bad;
use crate::{limits::refuse_many_values, outside};
use akao_contract::StepError;
use serde_json::{Map, Value};

/// A list of the values of the lines.
pub(super) fn json_lines(text: &str) -> Result<Value, StepError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let values = lines.enumerate().map(|(number, (at, line))| {
        refuse_many_values(number)?;
        serde_json::from_str(line).map_err(|error| outside::input(format!("line {} is not JSON: {error}", at + 1)))
    });
    values.collect::<Result<Vec<Value>, _>>().map(Value::Array)
}

/// A TOML document as JSON; dates become text. The parser bounds the depth.
pub(super) fn toml(text: &str) -> Result<Value, StepError> {
    // Quotes are not looked at: a configuration has far fewer of these in all.
    refuse_many_values(text.bytes().filter(|byte| matches!(byte, b',' | b'=' | b'[' | b'{')).count())?;
    Ok(toml_value(::toml::from_str(text).map_err(|error| bad("toml", error))?))
}

fn toml_value(value: ::toml::Value) -> Value {
    match value {
        ::toml::Value::String(text) => text.into(),
        ::toml::Value::Integer(number) => number.into(),
        // JSON has no infinity and no NaN.
        ::toml::Value::Float(number) => serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number),
        ::toml::Value::Boolean(flag) => flag.into(),
        ::toml::Value::Datetime(date) => date.to_string().into(),
        ::toml::Value::Array(items) => items.into_iter().map(toml_value).collect(),
        ::toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, toml_value(value))).collect::<Map<_, _>>())
        }
    }
}
