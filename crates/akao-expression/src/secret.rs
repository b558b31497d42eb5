//! What a rendered template says about secrets: where their values belong. The values themselves are never here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands in a rendered value where a secret belongs.
pub const MASK: &str = "***";

/// The result of rendering a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// The value, with [`MASK`] in the place of each secret.
    pub value: Value,
    /// How the strings that hold secrets are filled when the step starts.
    pub secrets: Vec<SecretUse>,
}

/// A string inside a rendered value that a secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// JSON pointer of the string inside the value.
    pub pointer: String,
    /// What the string is put together from.
    pub parts: Vec<SecretPart>,
}

/// A part of a string that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPart {
    /// Text as it is.
    Text(String),
    /// The value of the secret with this name.
    Secret(String),
}
