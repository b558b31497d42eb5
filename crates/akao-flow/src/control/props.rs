//! Props of control nodes: read when the node starts, with the bounds that the interpreter itself needs.

use crate::machine::{FrameIndex, Run};
use akao_contract::{BareNumber, ErrorKind, StepError, parse_duration_ms};
use akao_expression::Template;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Props as the definition has them; rendered anew for each activation unless they are constant.
#[derive(Debug)]
pub(crate) enum ControlProps {
    Constant(Arc<Map<String, Value>>),
    Template(Template),
}

impl ControlProps {
    /// The props for this activation.
    pub(crate) fn read(&self, run: &Run<'_>, frame: FrameIndex) -> Result<Arc<Map<String, Value>>, StepError> {
        match self {
            Self::Constant(map) => Ok(Arc::clone(map)),
            Self::Template(template) => match run.render_plain(frame, template)? {
                Value::Object(map) => Ok(Arc::new(map)),
                _ => Err(StepError::new(ErrorKind::Internal, "props are not an object")),
            },
        }
    }
}

fn wrong(key: &str, wanted: &str, found: &Value) -> StepError {
    StepError::new(ErrorKind::Input, format!("prop `{key}` must be {wanted}, found {found}"))
}

/// A prop that counts something, or its default.
pub(super) fn count(props: &Map<String, Value>, key: &str, default: u64) -> Result<u64, StepError> {
    match props.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_u64().ok_or_else(|| wrong(key, "a whole number that is not negative", value)),
    }
}

/// A prop that counts something where -1 means without end; none is without end.
pub(super) fn count_or_endless(props: &Map<String, Value>, key: &str, default: u64) -> Result<Option<u64>, StepError> {
    match props.get(key) {
        Some(value) if value.as_i64() == Some(-1) => Ok(None),
        _ => count(props, key, default)
            .map(Some)
            .map_err(|_| wrong(key, "a whole number, or -1 for endless", props.get(key).unwrap_or(&Value::Null))),
    }
}

/// A prop that is a number, or its default.
pub(super) fn number(props: &Map<String, Value>, key: &str, default: f64) -> Result<f64, StepError> {
    match props.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_f64().ok_or_else(|| wrong(key, "a number", value)),
    }
}

/// A prop that is a text; none when it is absent.
pub(super) fn text<'a>(props: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, StepError> {
    match props.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(value) => Err(wrong(key, "a text", value)),
    }
}

/// A prop that is a truth value, or its default.
pub(super) fn flag(props: &Map<String, Value>, key: &str, default: bool) -> Result<bool, StepError> {
    match props.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(value) => Err(wrong(key, "true or false", value)),
    }
}

/// The first of `keys` that is given, as milliseconds.
pub(crate) fn duration_ms(props: &Map<String, Value>, keys: &[&str]) -> Result<Option<u64>, StepError> {
    for key in keys {
        let text = match props.get(*key) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(value) => return Err(wrong(key, "a duration such as `30s`", value)),
        };
        let parsed = parse_duration_ms(&text, BareNumber::Milliseconds);
        let parsed = parsed.map_err(|problem| StepError::new(ErrorKind::Input, format!("prop `{key}`: {problem}")))?;
        return Ok(Some(parsed));
    }
    Ok(None)
}
