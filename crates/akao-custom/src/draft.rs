//! From a bundle to a package: what the node says of itself becomes its manifest.

use crate::{Compiled, NodeName, Said, Sources};
use akao_contract::{Permission, Tenant, manifest::MANIFEST_FILE};
use akao_document::property::KEYWORDS;
use akao_nodes::{NODE_FILE, pin};
use serde_json::{Map, Value, json};
use std::{fs, io, path::Path};

/// The bundle within the package, and its map beside it.
const BUNDLE: &str = "bundle.js";

/// Deeper schemas are told by their outside.
const DEPTH_MAX: usize = 8;

/// Why a bundle is no package.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The node is not in it.
    #[error("Node class not found in bundle: {0}")]
    NoNode(NodeName),
    /// What the node says of itself cannot be used.
    #[error("`{what}` of the node {reason}")]
    Said {
        /// Which word.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What came of it cannot be run.
    #[error("the node cannot be run: {0}")]
    Unfit(String),
    /// The disk refuses.
    #[error("the node cannot be kept")]
    Io(#[from] io::Error),
}

/// A node to be kept.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// Its name.
    pub name: &'a NodeName,
    /// Its version.
    pub version: &'a semver::Version,
    /// What it does; what its source says where this is none.
    pub description: Option<&'a str>,
    /// The schema of its props; what its source says where this is none.
    pub schema: Option<&'a Value>,
    /// What came of its sources.
    pub compiled: &'a Compiled,
    /// The sources.
    pub sources: &'a Sources,
}

impl Draft<'_> {
    /// Whether the bundle has the node, as its default export or as the one of its name, and whether all that it says of itself
    /// can be read.
    ///
    /// # Errors
    /// It has not, or something cannot.
    pub fn check(&self) -> Result<(), DraftError> {
        let exports = &self.compiled.exports;
        if !exports.contains("default") && !exports.contains(self.name.as_str()) {
            return Err(DraftError::NoNode(self.name.clone()));
        }
        let Said { data, unread } = self.says();
        let is_no_text = |word: &&str| data.get(*word).is_some_and(|said| !said.is_string());
        if let Some(what) = ["description", "version"].into_iter().find(is_no_text) {
            return Err(DraftError::Said { what: what.to_owned(), reason: "is no text".to_owned() });
        }
        // A schema that stands beside the node is what holds.
        match unread.iter().find(|(word, _)| self.schema.is_none() || *word != "schema") {
            None => Ok(()),
            Some((word, line)) => {
                let entry = &self.sources.entry;
                let instead = match word.as_str() {
                    "schema" => ", or put it into the node's `.schema.ts` file",
                    _ => "",
                };
                let reason =
                    format!("is not plain data ({entry}:{line}), and nothing is run to read it: write it out{instead}");
                Err(DraftError::Said { what: word.clone(), reason })
            }
        }
    }

    fn says(&self) -> Said {
        self.compiled.says(self.name)
    }

    /// The schema of the props: one that was exported, else what the types say.
    pub fn schema(&self) -> Option<Value> {
        let said = || self.says().data.get("schema").cloned();
        self.schema.cloned().or_else(said).or_else(|| self.compiled.typed(self.name).cloned())
    }

    /// What the node does.
    pub fn description(&self) -> Option<String> {
        let said = || Some(self.says().data.get("description")?.as_str()?.to_owned());
        self.description.map(str::to_owned).or_else(said)
    }

    /// What the node asks for.
    ///
    /// # Errors
    /// It is no list of permissions.
    pub fn permissions(&self) -> Result<Vec<Permission>, DraftError> {
        let bad = |reason: String| DraftError::Said { what: "permissions".to_owned(), reason };
        let all = self.says().data;
        let Some(said) = all.get("permissions") else { return Ok(Vec::new()) };
        let list = said.as_array().ok_or_else(|| bad("is no list".to_owned()))?;
        let read = |item: &Value| {
            let text = item.as_str().ok_or_else(|| bad(format!("holds {item}, which is no text")))?;
            let permission = text.parse::<Permission>().map_err(|error| bad(format!("holds `{text}`: {error}")))?;
            match permission.name() {
                "network.http" | "secrets" => Ok(permission),
                name => Err(bad(format!("asks for `{name}`, and custom nodes have only `network.http` and `secrets`"))),
            }
        };
        list.iter().map(read).collect()
    }

    /// Writes the package into an empty folder, and looks whether it can be run.
    ///
    /// # Errors
    /// The node is not in the bundle, says what cannot be used, or the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<(), DraftError> {
        self.check()?;
        let manifest = self.manifest()?;
        fs::write(folder.join(MANIFEST_FILE), akao_yaml::to_string(&manifest))?;
        fs::write(folder.join(BUNDLE), self.compiled.code.as_deref().unwrap_or_default())?;
        fs::write(folder.join(format!("{BUNDLE}.map")), self.compiled.map.as_deref().unwrap_or_default())?;
        let node = json!({"schema": self.schema(), "rate": self.rate()?, "name": self.name.as_str()});
        fs::write(folder.join(NODE_FILE), format!("{node:#}\n"))?;
        let sources = json!({"entry": self.sources.entry, "files": self.sources.files});
        fs::write(folder.join("sources.json"), sources.to_string())?;
        let pinned = pin(folder).map_err(|error| DraftError::Unfit(error.reasons()))?;
        pinned.check().map_err(|error| unfit(&error))?;
        akao_nodes::check_bundle(&pinned.folder).map_err(|error| DraftError::Unfit(error.message))
    }

    /// `rateLimit: { count: 10, per: "1m" }`.
    fn rate(&self) -> Result<Option<Value>, DraftError> {
        let all = self.says().data;
        let Some(said) = all.get("rateLimit") else { return Ok(None) };
        let bad = |reason: &str| DraftError::Said { what: "rateLimit".to_owned(), reason: reason.to_owned() };
        let how = "is not as `{ count: 10, per: \"1m\" }`";
        let count = said.get("count").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| *count > 0).ok_or_else(|| bad(how))?;
        let per = said.get("per").and_then(Value::as_str).ok_or_else(|| bad(how))?;
        let per_ms = akao_contract::parse_duration_ms(per, akao_contract::BareNumber::Milliseconds);
        let per_ms = per_ms.ok().filter(|ms| *ms > 0).ok_or_else(|| bad(how))?;
        Ok(Some(json!({"count": count, "per_ms": per_ms})))
    }

    fn manifest(&self) -> Result<Value, DraftError> {
        let bad = |what: &str, reason: &str| DraftError::Said { what: what.to_owned(), reason: reason.to_owned() };
        let id = self.name.package(self.tenant).ok_or_else(|| DraftError::NoNode(self.name.clone()))?;
        let said = self.says().data;
        let text = |key: &str, usual: &str| match said.get(key) {
            None => Ok(usual.to_owned()),
            Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| bad(key, "is no text")),
        };
        let idempotent = match said.get("idempotent") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| bad("idempotent", "is neither true nor false"))?,
        };
        let description = self.description().unwrap_or_else(|| self.name.as_str().to_owned());
        let concurrency = match said.get("concurrency") {
            None => 4,
            Some(count) => count
                .as_u64()
                .filter(|count| (1..=16).contains(count))
                .ok_or_else(|| bad("concurrency", "is not a number from 1 to 16"))?,
        };
        let permissions: Vec<String> = self.permissions()?.iter().map(ToString::to_string).collect();
        let mut node = json!({
            "id": id, "name": self.name.as_str(), "description": description,
            "inputs": self.inputs(),
            "outputs": { "result": { "description": "What the node gave back." }, "writes": { "type": "object" } },
            "main_output": "result",
            "idempotent": idempotent,
            "effects": text("effects", "write")?,
        });
        if let Some(Value::Object(outputs)) = said.get("outputs") {
            node["outputs"]["result"] = simple(&Value::Object(outputs.clone()), 0);
        }
        Ok(json!({
            "manifest": 1,
            "id": id,
            "name": akao_contract::shortened(self.name.as_str().to_owned(), 90),
            "version": self.version.to_string(),
            "description": description,
            "runtime": {
                "type": "bundle", "command": BUNDLE, "args": [self.name.as_str()],
                "instances": { "max": concurrency, "concurrency": 1, "recycle_after": 10_000 },
            },
            "nodes": [node],
            "permissions": permissions,
            "resources": {
                "memory": text("memory", "256MB")?, "cpu": "1000m", "pids": 32, "files": 64, "disk": "16MB",
                "timeout": text("timeout", "5m")?,
            },
        }))
    }

    /// The props as a manifest declares them.
    fn inputs(&self) -> Map<String, Value> {
        let Some(schema) = self.schema() else { return Map::new() };
        if names_more(&schema) {
            return Map::new();
        }
        let properties = schema["properties"].as_object();
        // A manifest has no room for a prop such as `content-type`: then it says nothing, and the schema alone decides.
        if !properties.into_iter().flatten().all(|(name, _)| akao_contract::is_name(name)) {
            return Map::new();
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let declared = properties.into_iter().flatten().map(|(name, property)| {
            let mut property = simple(property, 0);
            if required.contains(&name.as_str()) && property.get("default").is_none() {
                property["required"] = true.into();
            }
            (name.clone(), property)
        });
        declared.collect()
    }
}

/// Whether a schema speaks of props beside those that it lists. One that says nothing of others does not mean to let typing
/// mistakes through.
fn names_more(schema: &Value) -> bool {
    const WORDS: [&str; 7] = ["patternProperties", "allOf", "anyOf", "oneOf", "if", "$ref", "dependentSchemas"];
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => schema.get("patternProperties").is_some(),
        Some(_) => true,
        None => WORDS.iter().any(|word| schema.get(word).is_some()),
    }
}

fn unfit(error: &dyn std::error::Error) -> DraftError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    DraftError::Unfit(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
}

/// What of a schema a manifest can say. The rest holds all the same, when the step runs.
fn simple(schema: &Value, depth: usize) -> Value {
    let Value::Object(schema) = schema else { return json!({}) };
    if depth > DEPTH_MAX {
        return json!({});
    }
    let mut kept = Map::new();
    // What `required` means depends on where it stands; it follows.
    let is_kept = |key: &str| (key != "required" && KEYWORDS.contains(&key)) || key.starts_with("x-akao-");
    for (key, value) in schema.iter().filter(|(key, _)| is_kept(key)) {
        let value = match (key.as_str(), value) {
            ("items", value) => simple(value, depth + 1),
            ("properties", Value::Object(properties)) => {
                let of = properties.iter().map(|(name, property)| (name.clone(), simple(property, depth + 1)));
                Value::Object(of.collect())
            }
            ("additionalProperties", Value::Object(_)) => simple(value, depth + 1),
            ("oneOf" | "anyOf" | "allOf", Value::Array(all)) => all.iter().map(|one| simple(one, depth + 1)).collect(),
            (_, value) => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    // Within a property, `required` is a list; at its top, a manifest means whether it must be given.
    if depth > 0
        && let Some(required @ Value::Array(_)) = schema.get("required")
    {
        kept.insert("required".to_owned(), required.clone());
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_more_where_it_says_so() {
        for (schema, more) in [
            (json!({"properties": {"a": {}}}), false),
            (json!({"properties": {"a": {}}, "additionalProperties": false, "allOf": []}), false),
            (json!({"additionalProperties": true}), true),
            (json!({"additionalProperties": {"type": "string"}}), true),
            (json!({"additionalProperties": false, "patternProperties": {"^x": {}}}), true),
            (json!({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}), true),
            (json!({"$ref": "#/$defs/a"}), true),
        ] {
            assert_eq!(names_more(&schema), more, "{schema}");
        }
    }
}
