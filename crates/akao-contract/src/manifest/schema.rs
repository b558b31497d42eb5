//! The JSON Schema (2020-12) of manifests, for editors and for tools in other languages.
//!
//! What only the whole file or its folder shows (ids below the package's, files that exist, contradictions) stays with
//! reading.

use super::{MANIFEST_FORMAT, Resources, RuntimeKind, Transport};
use crate::{Permission, manifest::Limit};
use serde_json::{Map, Value, json};

const ID: &str = r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*){2,}$";
const VERSION: &str = r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$";
const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The schema of `_.yaml`.
pub fn manifest_schema() -> Value {
    let mut properties = header();
    // A manifest of one node has the node's keys at its top.
    if let (Value::Object(node), Value::Object(properties)) = (node_keys(), &mut properties) {
        properties.extend(node);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Akao manifest",
        "description": "The manifest of a package of nodes, in its file `_.yaml`.",
        "type": "object",
        "required": ["manifest", "id", "name", "version", "runtime"],
        "additionalProperties": false,
        "properties": properties,
        "$defs": {
            "id": { "type": "string", "pattern": ID, "maxLength": 200 },
            "size": { "type": "string", "pattern": r"^\d+ ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$" },
            "duration": {
                "type": "string", "minLength": 2,
                "pattern": r"^(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?$",
            },
            "properties": declared_values(),
            "property": property(),
            "node": node(),
            "permission": permission(),
        },
    })
}

fn header() -> Value {
    json!({
        "manifest": { "const": MANIFEST_FORMAT, "description": "Format of the file. This version reads format 1." },
        "id": { "$ref": "#/$defs/id", "description": "The package's id: a reversed DNS name, such as `com.example.enrich`." },
        "name": { "type": "string", "minLength": 1, "maxLength": 100, "description": "Name for people." },
        "version": { "type": "string", "pattern": VERSION, "description": "Semantic version. A published version never changes." },
        "description": { "type": "string", "maxLength": 4000, "description": "What the package is for." },
        "runtime": runtime(),
        "nodes": {
            "type": "array", "minItems": 1, "maxItems": 100, "items": { "$ref": "#/$defs/node" },
            "description": "The nodes of the package. A package of one node may have the node's keys at the top instead.",
        },
        "provides": provides(),
        "dependencies": dependencies(),
        "permissions": {
            "type": "array", "items": { "$ref": "#/$defs/permission" },
            "description": "What the package asks for. A bare name is the narrowest form of the right.",
        },
        "resources": resources(),
        "preload": { "type": "boolean", "default": false, "description": "Whether a process is started before the first step needs one." },
    })
}

fn runtime() -> Value {
    let kinds = RuntimeKind::NAMES.map(|(name, _)| name);
    let transports = Transport::NAMES.map(|(name, _)| name);
    let count = |default: u32, description: &str| json!({ "type": "integer", "minimum": 1, "default": default, "description": description });
    json!({
        "type": "object",
        "description": "How the package is run.",
        "required": ["type", "command"],
        "additionalProperties": false,
        "properties": {
            "type": { "enum": kinds, "description": "What runs the command." },
            "command": { "type": "string", "minLength": 1, "description": "The file that is run, relative to the package." },
            "args": {
                "type": "array", "items": { "type": "string" },
                "description": "Arguments after the command, passed as they are: no shell reads them.",
            },
            "transport": {
                "enum": transports,
                "description": "How the node is spoken to: a socket as descriptor 3, or standard input and output (only `mcp`).",
            },
            "instances": {
                "type": "object",
                "description": "How many processes run and when they are replaced.",
                "additionalProperties": false,
                "properties": {
                    "max": count(4, "Most processes at once."),
                    "concurrency": count(1, "Calls that one process takes at once."),
                    "recycle_after": count(1_000, "Calls after which a process is replaced."),
                    "max_age": { "$ref": "#/$defs/duration", "default": "1h", "description": "Age after which a process is replaced." },
                },
            },
        },
    })
}

fn provides() -> Value {
    json!({
        "type": "array",
        "description": "Capabilities that the package's nodes provide.",
        "items": {
            "type": "object", "required": ["capability"], "additionalProperties": false,
            "properties": {
                "capability": {
                    "type": "string", "pattern": r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$",
                    "description": "The capability: exactly two parts, such as `inventory.list`.",
                },
                "priority": {
                    "type": "integer", "minimum": 0, "default": 0,
                    "description": "Of several providers the one with the highest number is asked.",
                },
                "node": { "$ref": "#/$defs/id", "description": "The node that provides it; needed when the package has several." },
            },
        },
    })
}

fn dependencies() -> Value {
    json!({
        "type": "array",
        "description": "Packages that this one needs.",
        "items": {
            "type": "object", "required": ["id", "version"], "additionalProperties": false,
            "properties": {
                "id": { "$ref": "#/$defs/id", "description": "The other package's id." },
                "version": { "type": "string", "description": "The versions that will do, such as `>=1.0.0, <2`." },
            },
        },
    })
}

fn resources() -> Value {
    let defaults = Resources::default();
    let mut properties = Map::new();
    for limit in Limit::ALL {
        let (mut schema, description) = match limit {
            Limit::Memory => {
                (json!({ "$ref": "#/$defs/size" }), "Memory of all processes together. MB is 10^6 bytes, MiB is 2^20.")
            }
            Limit::Cpu => (
                json!({ "anyOf": [{ "type": "string", "pattern": r"^(\d+m|\d+(\.\d{1,3})?)$" }, { "type": "number", "minimum": 0 }] }),
                "Processor time: `100m` is a tenth of one processor, `1` a whole one.",
            ),
            Limit::Pids => (json!({ "type": "integer", "minimum": 1 }), "Processes and threads."),
            Limit::Files => (json!({ "type": "integer", "minimum": 1 }), "Open files of one process."),
            Limit::Disk => (json!({ "$ref": "#/$defs/size" }), "Temporary space."),
            Limit::Timeout => (json!({ "$ref": "#/$defs/duration" }), "Time of one call."),
        };
        let shown = defaults.shown(limit);
        schema["default"] = shown.parse::<u32>().map_or_else(|_| Value::from(shown), Value::from);
        schema["description"] = description.into();
        properties.insert(limit.as_str().to_owned(), schema);
    }
    json!({
        "type": "object",
        "description": "What the package needs at most. The operator's caps narrow it.",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn node_keys() -> Value {
    json!({
        "inputs": { "$ref": "#/$defs/properties", "description": "What the node is given." },
        "outputs": { "$ref": "#/$defs/properties", "description": "What the node answers." },
        "main_output": { "type": "string", "pattern": NAME, "description": "The output that `outputKey` stores; a single output is it." },
        "idempotent": {
            "type": "boolean", "default": false,
            "description": "Whether a second run with the same idempotency key is harmless.",
        },
        "effects": { "enum": ["none", "read", "write"], "default": "write", "description": "What the node may change outside." },
        "batch": { "type": "boolean", "default": false, "description": "Whether the node takes many inputs in one call." },
    })
}

fn node() -> Value {
    let mut properties = json!({
        "id": { "$ref": "#/$defs/id", "description": "The package's id, or one below it." },
        "name": { "type": "string", "minLength": 1, "maxLength": 100, "description": "Name for people." },
        "description": { "type": "string", "maxLength": 4000, "description": "What the node does." },
    });
    if let (Value::Object(keys), Value::Object(properties)) = (node_keys(), &mut properties) {
        properties.extend(keys);
    }
    json!({ "type": "object", "required": ["id"], "additionalProperties": false, "properties": properties })
}

fn declared_values() -> Value {
    let mut item = property();
    item["required"] = json!(["name"]);
    item["properties"]["name"] = json!({ "type": "string", "pattern": NAME, "description": "The value's name." });
    json!({
        "description": "Names with a JSON Schema for each, or a list of schemas that carry their `name`.",
        "anyOf": [
            { "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": { "$ref": "#/$defs/property" } },
            { "type": "array", "items": item },
        ],
    })
}

fn property() -> Value {
    let types = ["string", "number", "integer", "boolean", "object", "array", "null"];
    json!({
        "type": "object",
        "description": "JSON Schema of one value, with `required` as true or false.",
        "properties": {
            "type": {
                "description": "What the value is.",
                "anyOf": [{ "enum": types }, { "type": "array", "items": { "enum": types } }],
            },
            "required": { "type": "boolean", "default": false, "description": "Whether it must be given." },
            "default": { "description": "The value when none is given." },
            "enum": { "type": "array", "description": "The values that are allowed." },
            "title": { "type": "string", "description": "Label in forms." },
            "description": { "type": "string", "description": "What it is for." },
        },
    })
}

fn permission() -> Value {
    let scopes = |description: &str| json!({ "type": "array", "minItems": 1, "items": { "type": "string" }, "description": description });
    let hosts = |description: &str| {
        json!({
            "type": "object", "required": ["hosts"], "additionalProperties": false,
            "properties": { "hosts": scopes(description) },
        })
    };
    json!({
        "anyOf": [
            { "enum": Permission::NAMES },
            { "type": "string", "pattern": r"^[a-z.]+=.+$", "description": "One permission with its scope, as a grant writes it." },
            {
                "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
                "properties": {
                    "filesystem.read": scopes("Places in volumes that are read, such as `volume://orders`."),
                    "filesystem.write": scopes("Places in volumes that are written, such as `volume://reports`."),
                    "network.http": hosts("Hosts that are called, such as `api.example.com:443`; without a port 80 and 443."),
                    "network.tcp": hosts("Hosts with ports that are connected to, such as `db.example.com:5432`."),
                    "system.exec": scopes("Programs that are run besides the command, such as `jq`."),
                    "secrets": scopes("Names of secrets that are read, such as `CRM_TOKEN`."),
                },
            },
        ],
    })
}
