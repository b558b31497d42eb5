//! What a node declares as its inputs, and the check of parameters against it.
//!
//! The check is a net below the host's own, which knows the whole schema: here are names, types, choices and defaults.

use crate::{
    failure::{Failure, Kind},
    wire::INTEGER_MAX,
};
use serde::de::DeserializeOwned;
use serde_json::{json, Map, Value};

/// What one input may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// Its type in JSON Schema's words, if it has one.
    pub kind: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where it was not given.
    pub default: Option<Value>,
    /// What it may be, where not everything is allowed.
    pub choices: Vec<Value>,
}

impl Schema {
    pub(crate) fn to_json(&self) -> Value {
        let mut schema = Map::new();
        if let Some(kind) = self.kind {
            schema.insert("type".into(), json!(kind));
        }
        if self.required {
            schema.insert("required".into(), json!(true));
        }
        if let Some(default) = &self.default {
            schema.insert("default".into(), default.clone());
        }
        if !self.choices.is_empty() {
            schema.insert("enum".into(), Value::Array(self.choices.clone()));
        }
        Value::Object(schema)
    }

    fn mismatch(&self, value: &Value) -> Option<String> {
        let found = type_name(value);
        let fits = |kind| kind == found || (kind == "number" && found == "integer");
        if let Some(kind) = self.kind.filter(|kind| !fits(*kind)) {
            return Some(format!("expected {kind}, found {found}"));
        }
        if is_beyond(value) {
            return Some("is beyond 2^53, send it as a string".into());
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let text = |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
            let choices: Vec<String> = self.choices.iter().map(text).collect();
            return Some(format!("is none of {}", choices.join(", ")));
        }
        None
    }
}

/// Something that is wrong with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place, as a JSON pointer.
    pub path: String,
    /// What is wrong there, as a fragment.
    pub message: String,
    /// What to do, as a sentence.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem with the input `name`.
    pub fn of(name: &str, message: impl Into<String>) -> Self {
        let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        Self { path, message: message.into(), suggestion: None }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"path": self.path, "message": self.message, "suggestion": self.suggestion})
    }
}

/// Inputs of a node; [`inputs!`](crate::inputs) makes them of a struct.
pub trait Inputs: Sized {
    /// What the node takes, in order.
    fn schemas() -> Vec<Schema>;

    /// The inputs in parameters that fit the schemas and hold the defaults.
    ///
    /// # Errors
    ///
    /// Where a value does not fit its field all the same.
    fn from_parameters(parameters: Map<String, Value>) -> Result<Self, Failure>;
}

/// A node without inputs takes `()`.
impl Inputs for () {
    fn schemas() -> Vec<Schema> {
        Vec::new()
    }

    fn from_parameters(_: Map<String, Value>) -> Result<Self, Failure> {
        Ok(())
    }
}

/// Declares a struct of inputs.
///
/// A field is required, unless it is an `Option` or has a default. `as one_of [...]` after the type lists what a value may be.
///
/// ```
/// akao_node::inputs! {
///     /// What the node takes.
///     pub struct Greet {
///         name: String,
///         times: u32 = 1,
///         tone: Option<String> as one_of ["kind", "short"],
///     }
/// }
/// ```
#[macro_export]
macro_rules! inputs {
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field:ident : $type:ty $(as one_of [$($choice:expr),* $(,)?])? $(= $default:expr)?),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name { $($(#[$field_meta])* $visibility $field: $type),* }

        impl $crate::Inputs for $name {
            fn schemas() -> ::std::vec::Vec<$crate::Schema> {
                ::std::vec![$({
                    let default = $crate::default_of!($type $(, $default)?);
                    $crate::Schema {
                        name: $crate::name_of(stringify!($field)),
                        kind: <$type as $crate::InputType>::KIND,
                        required: !<$type as $crate::InputType>::IS_OPTIONAL && default.is_none(),
                        default,
                        choices: ::std::vec![$($($crate::json!($choice)),*)?],
                    }
                }),*]
            }

            #[allow(unused_mut, unused_variables)]
            fn from_parameters(
                mut parameters: $crate::Map<::std::string::String, $crate::Value>,
            ) -> ::std::result::Result<Self, $crate::Failure> {
                Ok(Self { $($field: $crate::field(&mut parameters, $crate::name_of(stringify!($field)))?),* })
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! default_of {
    ($type:ty) => {
        ::std::option::Option::<$crate::Value>::None
    };
    ($type:ty, $default:expr) => {
        ::std::option::Option::Some($crate::json!($default))
    };
}

/// A field's name in parameters.
#[doc(hidden)]
pub fn name_of(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Takes a field out of parameters.
#[doc(hidden)]
pub fn field<T: InputType>(parameters: &mut Map<String, Value>, name: &str) -> Result<T, Failure> {
    let value = parameters.shift_remove(name).unwrap_or(Value::Null);
    let value = if T::KIND == Some("integer") { as_integer(value) } else { value };
    serde_json::from_value(value).map_err(|error| Failure::new(Kind::Input, format!("/{name} does not fit: {error}")))
}

/// A number like 1.0 is an integer in JSON Schema, but not for serde.
fn as_integer(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.abs() <= INTEGER_MAX as f64 => json!(number as i64),
        _ => value,
    }
}

/// A type that a field of inputs may have.
pub trait InputType: DeserializeOwned {
    /// The type's name in JSON Schema, if it has one.
    const KIND: Option<&'static str>;
    /// Whether the input may be left out.
    const IS_OPTIONAL: bool = false;
}

macro_rules! input_types {
    ($($kind:expr => $($type:ty),*;)*) => { $($(impl InputType for $type { const KIND: Option<&'static str> = $kind; })*)* };
}

input_types!(
    Some("string") => String, std::path::PathBuf;
    Some("integer") => i8, i16, i32, i64, isize, u8, u16, u32, u64, usize;
    Some("number") => f32, f64;
    Some("boolean") => bool;
    Some("object") => Map<String, Value>;
    None => Value;
);

impl<T: DeserializeOwned> InputType for Vec<T> {
    const KIND: Option<&'static str> = Some("array");
}

impl<T: InputType> InputType for Option<T> {
    const KIND: Option<&'static str> = T::KIND;
    const IS_OPTIONAL: bool = true;
}

/// What is wrong with parameters, in their order, then what is missing.
pub(crate) fn problems(schemas: &[Schema], parameters: &Map<String, Value>) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, value) in parameters {
        match schemas.iter().find(|schema| schema.name == name) {
            Some(schema) => found.extend(schema.mismatch(value).map(|message| Problem::of(name, message))),
            None => {
                let known: Vec<&str> = schemas.iter().map(|schema| schema.name).collect();
                let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                let suggestion = Some(format!("Known inputs: {known}."));
                found.push(Problem { suggestion, ..Problem::of(name, "is not an input of this node") });
            }
        }
    }
    let missing = schemas.iter().filter(|schema| schema.required && !parameters.contains_key(schema.name));
    found.extend(missing.map(|schema| Problem::of(schema.name, "is required")));
    found
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
    }
}

fn is_beyond(value: &Value) -> bool {
    match (value.as_u64(), value.as_i64()) {
        (Some(number), _) => number > INTEGER_MAX,
        (None, Some(number)) => number.unsigned_abs() > INTEGER_MAX,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::inputs! {
        struct Everything {
            text: String,
            r#type: Option<u8>,
            count: i64 = 1,
            choice: Option<String> as one_of ["a", "b"],
            items: Vec<Value> = json!([]),
        }
    }

    #[test]
    fn a_struct_declares_its_inputs() {
        let schemas: Vec<Value> = Everything::schemas().iter().map(Schema::to_json).collect();
        let expected = json!([
            {"type": "string", "required": true},
            {"type": "integer"},
            {"type": "integer", "default": 1},
            {"type": "string", "enum": ["a", "b"]},
            {"type": "array", "default": []},
        ]);
        assert_eq!(Value::Array(schemas), expected);
        assert_eq!(Everything::schemas()[1].name, "type");
    }

    #[test]
    fn parameters_are_checked_and_taken() {
        let cases = [
            (json!({"text": "a"}), ""),
            (json!({"text": "a", "count": 2.0}), ""),
            (json!({"text": "a", "count": 2.5}), "/count expected integer, found number"),
            (json!({"text": 1, "nope": 1}), "/text expected string, found integer; /nope is not an input of this node"),
            (json!({"choice": "c"}), "/choice is none of a, b; /text is required"),
            (json!({"text": "a", "count": 9007199254740992_i64}), "/count is beyond 2^53, send it as a string"),
        ];
        for (parameters, expected) in cases {
            let parameters = parameters.as_object().expect("an object");
            let found = problems(&Everything::schemas(), parameters);
            let found: Vec<String> = found.iter().map(|p| format!("{} {}", p.path, p.message)).collect();
            assert_eq!(found.join("; "), expected);
        }
        let parameters = json!({"text": "a", "count": 2.0, "items": [1]});
        let taken = Everything::from_parameters(parameters.as_object().expect("an object").clone()).expect("it fits");
        assert_eq!((taken.text.as_str(), taken.r#type, taken.count, taken.items.len()), ("a", None, 2, 1));
        assert_eq!(taken.choice, None);
    }
}
