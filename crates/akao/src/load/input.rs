//! An execution's input as the command line gives it: `--input JSON|@FILE|@-` and any number of `--set a.b=value`.

use serde_json::{Map, Value};
use std::path::Path;

/// Why the input cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The file after `@` cannot be read.
    #[error(transparent)]
    Read(#[from] super::LoadError),
    /// Not JSON.
    #[error("{origin} is not JSON")]
    Json {
        /// Where the text came from.
        origin: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Not YAML.
    #[error("{origin} is not YAML: {message}")]
    Yaml {
        /// Where the text came from.
        origin: String,
        /// What the parser said.
        message: String,
    },
    /// `--set` without `=`, or with an empty part in its path.
    #[error("`--set {0}` is not of the form `path=value`")]
    Assignment(String),
    /// `--set` below something that is not an object.
    #[error("`--set {path}` cannot be done: `{at}` is not an object")]
    NotAnObject {
        /// The whole path.
        path: String,
        /// The part that is no object.
        at: String,
    },
}

impl InputError {
    /// What the reader can do now.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Read(_) | Self::Yaml { .. } => None,
            Self::Json { .. } => Some("Write JSON such as `'{\"name\": \"Ada\"}'`, or `@FILE` for a file."),
            Self::Assignment(_) => Some("Write for example `--set customer.name=Ada`."),
            Self::NotAnObject { .. } => Some("Give the whole value with `--input`."),
        }
    }
}

/// The value that an option such as `--input` gives; null when it is not there. Assignments are made over it in order.
///
/// # Errors
/// See [`InputError`].
pub(crate) fn read_input(option: &str, input: Option<&str>, assignments: &[String]) -> Result<Value, InputError> {
    let mut value = input.map(|text| read_value(option, text)).transpose()?.unwrap_or(Value::Null);
    for assignment in assignments {
        let (path, new) = read_assignment(assignment)?;
        set(&mut value, &path, new)?;
    }
    Ok(value)
}

/// The path and the value of `a.b=value`: JSON if it is JSON, else text.
///
/// # Errors
/// There is no `=`, or a part of the path is empty.
pub(crate) fn read_assignment(text: &str) -> Result<(String, Value), InputError> {
    let refused = || InputError::Assignment(text.to_owned());
    let (path, value) = text.split_once('=').ok_or_else(refused)?;
    if path.split('.').any(str::is_empty) {
        return Err(refused());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((path.to_owned(), value))
}

/// The value of `JSON`, `@FILE` or `@-`. A file whose name ends in `.yaml` or `.yml` is YAML.
fn read_value(option: &str, text: &str) -> Result<Value, InputError> {
    let Some(file) = text.strip_prefix('@') else {
        return from_json(text.as_bytes(), &format!("the value of {option}"));
    };
    let path = Path::new(file);
    let (name, bytes) = super::read_bytes(path)?;
    if !path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return from_json(&bytes, &name);
    }
    match akao_yaml::load_bytes(&bytes, &akao_yaml::Budget::default()) {
        Ok(document) => Ok(document.into_value()),
        Err(error) => Err(InputError::Yaml { origin: name, message: error.to_string() }),
    }
}

fn from_json(bytes: &[u8], origin: &str) -> Result<Value, InputError> {
    serde_json::from_slice(bytes).map_err(|source| InputError::Json { origin: origin.to_owned(), source })
}

/// Sets a value along a path of object keys; objects that are missing are made.
fn set(value: &mut Value, path: &str, new: Value) -> Result<(), InputError> {
    let mut place = value;
    let mut walked = String::new();
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else {
            let at = if walked.is_empty() { "the input".to_owned() } else { walked };
            return Err(InputError::NotAnObject { path: path.to_owned(), at });
        };
        if !walked.is_empty() {
            walked.push('.');
        }
        walked.push_str(key);
        place = map.entry(key).or_insert(Value::Null);
    }
    *place = new;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(input: Option<&str>, assignments: &[&str]) -> Result<Value, String> {
        let assignments: Vec<String> = assignments.iter().map(ToString::to_string).collect();
        read_input("--input", input, &assignments).map_err(|error| error.to_string())
    }

    #[test]
    fn options_make_one_value() {
        let cases: [(Option<&str>, &[&str], Value); 7] = [
            (None, &[], Value::Null),
            (Some("[1]"), &[], json!([1])),
            (Some(r#"{"a": 1}"#), &["b.c=2", "b.d=x y", "a=null"], json!({"a": null, "b": {"c": 2, "d": "x y"}})),
            (None, &["a=", "b=\"3\"", "c={\"d\":[true]}"], json!({"a": "", "b": "3", "c": {"d": [true]}})),
            (None, &["a=1=2"], json!({"a": "1=2"})),
            (None, &["a.b=1", "a=2"], json!({"a": 2})),
            (None, &["ä.ö=ü"], json!({"ä": {"ö": "ü"}})),
        ];
        for (input, assignments, expected) in cases {
            assert_eq!(read(input, assignments), Ok(expected), "{input:?} {assignments:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let cases: [(Option<&str>, &[&str], &str); 6] = [
            (Some("{"), &[], "the value of --input is not JSON"),
            (Some("@no/such/file"), &[], "cannot read no/such/file"),
            (None, &["a"], "`--set a` is not of the form"),
            (None, &["a..b=1"], "is not of the form"),
            (Some("[1]"), &["a=1"], "`the input` is not an object"),
            (None, &["a=1", "a.b.c=2"], "`a` is not an object"),
        ];
        for (input, assignments, expected) in cases {
            let error = read(input, assignments).expect_err("it was accepted");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_by_the_form_that_its_name_says() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("a.json", "{\"n\": 1}"), ("a.yaml", "n: 1")] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("a file");
            assert_eq!(read(Some(&format!("@{}", file.display())), &[]), Ok(json!({"n": 1})), "{name}");
        }
    }
}
