//! The header of a workflow file.

use crate::WORKFLOW_FORMAT;
use serde_json::{Value, json};

pub(super) fn workflow() -> Value {
    json!({
        "title": "Workflow",
        "type": "object",
        "required": ["akao", "id", "version", "root"],
        "additionalProperties": false,
        "properties": {
            "akao": { "const": WORKFLOW_FORMAT, "description": "Format of the file. This version reads format 1." },
            "id": {
                "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
                "description": "The workflow's id: lower-case letters, digits and hyphens.",
            },
            "version": {
                "type": "string", "pattern": r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$",
                "description": "Semantic version, such as `1.2.0`. A published version never changes.",
            },
            "name": { "type": "string", "description": "Name for people." },
            "description": { "type": "string", "description": "What the workflow is for." },
            "inputs": {
                "type": "object",
                "description": "What an execution is started with: a name and a JSON Schema for each input. Expressions read them as `${input.name}`.",
                "additionalProperties": { "$ref": "#/$defs/input" },
            },
            "outputs": {
                "type": "object",
                "description": "What an execution answers: a name and a template for each output, rendered when the root has succeeded.",
                "additionalProperties": true,
            },
            "settings": settings(),
            "trees": {
                "type": "object",
                "description": "Named trees that `SubTree` nodes run by `treeId`.",
                "additionalProperties": { "$ref": "#/$defs/node" },
            },
            "root": { "$ref": "#/$defs/node", "description": "The tree that is run." },
        },
    })
}

fn settings() -> Value {
    json!({
        "type": "object",
        "description": "Settings of the whole execution.",
        "additionalProperties": false,
        "properties": {
            "timeout": { "$ref": "#/$defs/duration", "description": "How long an execution may take, such as `10m`." },
            "concurrency": {
                "type": "object",
                "description": "How many executions may run at once. What is over it queues.",
                "required": ["limit"],
                "additionalProperties": false,
                "properties": {
                    "key": { "type": "string", "description": "Template over `input`; executions with the same text share the bound." },
                    "limit": { "type": "integer", "minimum": 1, "description": "How many; at least 1." },
                },
            },
            "on_failure": {
                "enum": ["stop", "continue"], "default": "stop",
                "description": "The default of `on_failure` for children of a `Graph`.",
            },
        },
    })
}

/// One input. Any keyword of JSON Schema may stand here; the common ones are described.
pub(super) fn input() -> Value {
    json!({
        "type": "object",
        "description": "JSON Schema of one input, with `required` as true or false.",
        "properties": {
            "type": {
                "description": "What the value is.",
                "anyOf": [
                    { "enum": ["string", "number", "integer", "boolean", "object", "array", "null"] },
                    { "type": "array", "items": { "type": "string" } },
                ],
            },
            "required": { "type": "boolean", "default": false, "description": "Whether an execution must be given it." },
            "default": { "description": "The value when none is given." },
            "enum": { "type": "array", "description": "The values that are allowed." },
            "title": { "type": "string", "description": "Label in forms." },
            "description": { "type": "string", "description": "What it is for; shown in forms." },
            "format": { "type": "string", "description": "Form of a text, such as `date`, `email` or `uri`." },
            "pattern": { "type": "string", "description": "Regular expression that a text must match." },
            "minimum": { "type": "number", "description": "Least number." },
            "maximum": { "type": "number", "description": "Greatest number." },
            "minLength": { "type": "integer", "minimum": 0, "description": "Fewest characters." },
            "maxLength": { "type": "integer", "minimum": 0, "description": "Most characters." },
            "items": { "type": ["object", "boolean"], "description": "JSON Schema of the elements of a list." },
            "properties": { "type": "object", "description": "JSON Schemas of the fields of an object." },
        },
    })
}

pub(super) fn duration() -> Value {
    json!({
        "type": "string",
        "pattern": r"^\s*(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?\s*$",
        "minLength": 2,
        "description": "A duration with a unit: `250ms`, `30s`, `5m`, `2h`, `1d`, `1h30m`.",
    })
}
