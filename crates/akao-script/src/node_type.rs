//! What an interpreter declares: one shape for all languages.

use crate::interpreter::{INTERPRETERS, Interpreter, USUAL_RUNTIME};
use akao_contract::{Category, Effects, ErrorDoc, ErrorKind, Example, NodeType, OUTPUT_KEY, Reads};
use serde_json::{Value, json};

/// The output that holds a script's result.
pub(crate) const RESULT: &str = "result";

/// The node types of all interpreters.
pub fn node_types() -> Vec<NodeType> {
    INTERPRETERS.iter().map(node_type).collect()
}

fn node_type(interpreter: &Interpreter) -> NodeType {
    let (workflow, outputs) = interpreter.example;
    // The file beside the source is held against what really comes out.
    let outputs = serde_json::from_str(outputs).unwrap_or(Value::Null);
    NodeType {
        name: interpreter.node_type.to_owned(),
        aliases: Vec::new(),
        version: "1.0.0".to_owned(),
        category: Category::Data,
        summary: interpreter.summary.to_owned(),
        description: interpreter.description.trim_end().to_owned(),
        props: props(interpreter),
        outputs: json!({
            "type": "object",
            "properties": { RESULT: { "description": "What the script gave back." } },
            "additionalProperties": false,
        }),
        main_output: Some(RESULT.to_owned()),
        errors: errors(),
        // Without network and files there is nothing that a second run could change; what was granted something runs once.
        effects: Effects::None,
        idempotent: true,
        reads: Reads::All,
        permissions: Vec::new(),
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(workflow, Value::Null, outputs)],
    }
}

fn props(interpreter: &Interpreter) -> Value {
    let mut props = common_props(interpreter);
    if !interpreter.runtimes.is_empty() {
        let others = interpreter.runtimes.iter().map(|runtime| runtime.name);
        let names: Vec<&str> = std::iter::once(USUAL_RUNTIME).chain(others).collect();
        props["properties"]["runtime"] = json!({
            "type": "string", "enum": names, "default": USUAL_RUNTIME,
            "description": "What runs the script. `node`: a fresh Node.js of the machine, for what needs its modules; it takes longer to start.",
        });
    }
    props
}

fn common_props(interpreter: &Interpreter) -> Value {
    json!({
        "type": "object",
        "properties": {
            "script": { "type": "string", "description": interpreter.script, "minLength": 1, "x-akao-literal": true },
            "inputs": {
                "type": "object", "description": "What the script is given, by name. Absent: the blackboard.",
                "x-akao-instead-of-blackboard": true,
            },
            "timeout": {
                "description": "How long the script may run. The operator's cap holds, 5m where none is set.",
                "default": "30s", "x-akao-duration": "s",
            },
            "memory": {
                "type": "string", "default": "512MB",
                "description": "How much memory the script may have, such as `64MB`. The operator's cap holds, 2GB where none is set.",
            },
            "environment": {
                "type": "string",
                "description": "The environment whose packages the script may import. Absent: `default`, which is what the language has of its own until one of that name is made.",
            },
            OUTPUT_KEY: {
                "type": "string", "default": interpreter.output_key, "x-akao-writes": true,
                "description": "Blackboard key that receives the output `result`.",
            },
        },
        "required": ["script"],
        "additionalProperties": false,
    })
}

fn errors() -> Vec<ErrorDoc> {
    let told = |kind, when: &str| ErrorDoc { kind, when: when.to_owned() };
    vec![
        told(ErrorKind::User, "the script raised an exception, exited, or gave back what JSON has no word for"),
        told(ErrorKind::Input, "the script is not well formed, or a prop or its inputs cannot be used"),
        told(ErrorKind::Timeout, "the script did not end within `timeout`"),
        told(ErrorKind::Resource, "the script reached a limit: memory, processes, disk, or what it may write"),
        told(ErrorKind::NotFound, "there is no such environment, or the machine lacks the interpreter"),
    ]
}
