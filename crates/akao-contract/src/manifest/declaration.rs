//! One node of a package, and the node type that a workflow's catalogue takes for it.

use super::{Manifest, PackageId, RuntimeKind};
use crate::{Category, Effects, NodeType, OUTPUT_KEY, Properties, Reads, annotation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A node as its package declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeDeclaration {
    /// The node's id: the package's, or one below it.
    pub id: PackageId,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is given.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub inputs: Properties,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub outputs: Properties,
    /// The output that `outputKey` stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_output: Option<String>,
    /// Whether a second run with the same idempotency key is harmless. Otherwise a step whose result was lost in a crash
    /// is not run again.
    #[serde(default)]
    pub idempotent: bool,
    /// What it may change outside.
    #[serde(default = "write")]
    pub effects: Effects,
    /// Whether it takes many inputs in one call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

fn write() -> Effects {
    Effects::Write
}

impl NodeDeclaration {
    /// A node without inputs and outputs, which is assumed to change something outside.
    pub fn new(id: PackageId) -> Self {
        Self {
            id,
            name: None,
            description: None,
            inputs: Properties::default(),
            outputs: Properties::default(),
            main_output: None,
            idempotent: false,
            effects: Effects::Write,
            batch: false,
        }
    }

    /// Whether an input of this name cannot be told from a prop that Akao itself reads.
    pub fn reserves(name: &str) -> bool {
        name == OUTPUT_KEY
    }

    /// The node type, as a catalogue holds it.
    pub fn to_node_type(&self, manifest: &Manifest) -> NodeType {
        let name = self.name.as_deref().unwrap_or(&manifest.name);
        let text = self.description.as_deref().or(manifest.description.as_deref()).unwrap_or(name).trim();
        // The first line stands above the rest wherever both are shown.
        let (summary, description) = text.split_once('\n').unwrap_or((text, ""));
        NodeType {
            name: self.id.as_str().to_owned(),
            aliases: Vec::new(),
            version: manifest.version.clone(),
            category: self.category(manifest),
            summary: summary.trim_end().to_owned(),
            description: description.trim_start().to_owned(),
            props: self.props(manifest),
            outputs: self.outputs.to_json_schema(),
            main_output: self.main_output.clone(),
            errors: Vec::new(),
            effects: self.effects,
            idempotent: self.idempotent,
            // The node of a bundle has the blackboard, as the btree family's nodes do.
            reads: if manifest.runtime.kind == RuntimeKind::Bundle { Reads::All } else { Reads::Named },
            permissions: manifest.permissions.iter().cloned().collect(),
            children_min: 0,
            children_max: Some(0),
            examples: Vec::new(),
        }
    }

    /// Where the node is listed: by the widest thing that its package asks for.
    fn category(&self, manifest: &Manifest) -> Category {
        let asks = |prefix: &str| manifest.permissions.iter().any(|permission| permission.name().starts_with(prefix));
        match () {
            () if asks("network.") => Category::Network,
            () if asks("filesystem.") => Category::File,
            () => Category::Data,
        }
    }

    fn props(&self, manifest: &Manifest) -> Value {
        let mut schema = self.inputs.to_json_schema();
        if manifest.runtime.kind == RuntimeKind::Bundle && self.inputs.is_empty() {
            // The node of a bundle that says nothing of its props takes any; what it says more than a manifest can, holds when
            // its step runs.
            schema["additionalProperties"] = Value::Bool(true);
        }
        if self.main_output.is_some()
            && let Some(Value::Object(properties)) = schema.get_mut("properties")
        {
            let mut property =
                json!({ "type": "string", "description": "Blackboard key that the main output is stored under." });
            property[annotation::WRITES] = Value::Bool(true);
            properties.insert(OUTPUT_KEY.to_owned(), property);
        }
        if self.batch {
            schema[annotation::BATCH] = Value::Bool(true);
        }
        schema
    }
}
