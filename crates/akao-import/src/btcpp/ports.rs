//! Attribute values: literals, `{key}` pointers to the blackboard, `json:` values.

use super::document::{Direction, Port};
use super::scope::Scope;
use crate::build;
use crate::formula::Unsupported;
use serde_json::Value;

/// An attribute's value, before it is known what it is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PortValue<'a> {
    /// `{key}`; `{=}` is the attribute's own name.
    Pointer(&'a str),
    /// `json:…`.
    Json(Value),
    /// Anything else.
    Literal(&'a str),
}

/// Reads the value of the attribute called `name`.
pub(super) fn parse<'a>(name: &'a str, raw: &'a str) -> Result<PortValue<'a>, Unsupported> {
    let trimmed = raw.trim();
    if let Some(text) = trimmed.strip_prefix("json:") {
        let value = serde_json::from_str(text)
            .map_err(|error| Unsupported::new(format!("`{name}` is not valid JSON: {error}")))?;
        return Ok(PortValue::Json(value));
    }
    let inner = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    Ok(match inner.map(str::trim) {
        Some("=") => PortValue::Pointer(name),
        Some(key) if !key.is_empty() && !key.contains(['{', '}']) => PortValue::Pointer(key),
        _ => PortValue::Literal(raw),
    })
}

/// What a literal is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Text stays text.
    Text,
    /// A whole number; anything else is an error.
    Integer,
    /// Numbers and booleans are recognised by their look.
    Guess,
}

/// The prop for an attribute value.
pub(super) fn to_prop(value: PortValue<'_>, wanted: Wanted, scope: &mut Scope) -> Result<Value, Unsupported> {
    match value {
        PortValue::Pointer(key) => Ok(build::whole(&format!("bb.{}", scope.key(key)))),
        PortValue::Json(value) => Ok(build::escape_value(value)),
        PortValue::Literal(text) => literal(text, wanted),
    }
}

/// A literal as `wanted`.
pub(super) fn literal(text: &str, wanted: Wanted) -> Result<Value, Unsupported> {
    let trimmed = text.trim();
    match wanted {
        Wanted::Text => Ok(Value::String(build::escape(text))),
        Wanted::Integer => match trimmed.parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err(Unsupported::new(format!("`{trimmed}` is not a whole number"))),
        },
        Wanted::Guess => Ok(match (trimmed, trimmed.parse::<i64>(), trimmed.parse::<f64>()) {
            ("true", ..) => Value::Bool(true),
            ("false", ..) => Value::Bool(false),
            (_, Ok(number), _) => Value::from(number),
            (_, _, Ok(number)) if looks_numeric(trimmed) && number.is_finite() => build::number(number),
            _ => Value::String(build::escape(text)),
        }),
    }
}

/// `inf`, `nan` and `1e5` parse as floats; only digits with a point are taken for one.
fn looks_numeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
}

/// How the value of a declared port is read: by its type, by its look where none is declared.
pub(super) fn wanted_for(port: Option<&Port>) -> Wanted {
    match port.and_then(|port| port.port_type.as_deref()) {
        Some("std::string" | "string" | "std::__cxx11::string") => Wanted::Text,
        _ => Wanted::Guess,
    }
}

/// Whether a port may be read.
pub(super) fn reads(port: Option<&Port>) -> bool {
    port.is_none_or(|port| port.direction != Direction::Out)
}

/// The blackboard key that an attribute names: `{key}` and `key` are the same where a key is asked for.
pub(super) fn key_of(value: &PortValue<'_>) -> Result<String, Unsupported> {
    match value {
        PortValue::Pointer(key) => Ok((*key).to_owned()),
        PortValue::Literal(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err(Unsupported::new("a blackboard key is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attribute_values_are_told_apart() {
        let cases = [
            ("{target}", PortValue::Pointer("target")),
            (" {target} ", PortValue::Pointer("target")),
            ("{=}", PortValue::Pointer("goal")),
            ("{@count}", PortValue::Pointer("@count")),
            ("1;2;3", PortValue::Literal("1;2;3")),
            ("{}", PortValue::Literal("{}")),
            ("json:{\"x\": 1}", PortValue::Json(json!({ "x": 1 }))),
        ];
        for (raw, expected) in cases {
            assert_eq!(parse("goal", raw), Ok(expected), "{raw}");
        }
        assert!(parse("goal", "json:{").is_err());
    }

    #[test]
    fn literals_take_the_type_that_is_wanted() {
        let cases = [
            ("3", json!(3)),
            ("-2.5", json!(-2.5)),
            ("true", json!(true)),
            ("1e5", json!("1e5")),
            ("a ${b}", json!("a $${b}")),
            ("{{b}}", json!("${'{{'}b}}")),
        ];
        for (text, expected) in cases {
            assert_eq!(literal(text, Wanted::Guess), Ok(expected), "{text}");
        }
        assert_eq!(literal("3", Wanted::Text), Ok(json!("3")));
        assert!(literal("three", Wanted::Integer).is_err());
    }
}
