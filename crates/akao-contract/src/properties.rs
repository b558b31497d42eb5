//! Declared values by name: the inputs of a workflow, the inputs and outputs of a node.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One declared value: a JSON Schema, with `required` as true or false.
pub type Property = Map<String, Value>;

/// Property name to JSON Schema, with `required` inside each property. It stands for an object schema with a `required`
/// list and `additionalProperties: false`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub IndexMap<String, Property>);

impl Properties {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON Schema that the short form stands for.
    pub fn to_json_schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, property) in &self.0 {
            let mut property = property.clone();
            if property.shift_remove("required") == Some(Value::Bool(true)) {
                required.push(Value::String(name.clone()));
            }
            properties.insert(name.clone(), Value::Object(property));
        }
        serde_json::json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    }
}
