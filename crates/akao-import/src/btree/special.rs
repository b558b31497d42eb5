//! Nodes that need more than other spellings: meanings that differ under one name, and nodes of the successor library.

use super::{Importer, tables};
use crate::build;
use akao_contract::{BareNumber, ErrorKind, parse_duration_ms};
use akao_flow::{NodeDef, RetryDef};
use serde_json::{Map, Value, json};

impl Importer<'_> {
    /// Puts the node into its final form. An error is the reason why it has to be a placeholder.
    pub(super) fn settle(&self, node: &mut NodeDef, old_type: &str, notes: &mut Vec<String>) -> Result<(), String> {
        if let Some(reason) = tables::absent(old_type) {
            return Err(reason.to_owned());
        }
        match old_type {
            "PythonScript" => interpreter(node, "PythonInterpreter", &["bb[", "bb.", "input[", "{{", "${"], notes)?,
            "CodeExecution" => code_execution(node, notes)?,
            "HttpRequest" if self.bare => http_request(node),
            "SubTree" if self.bare => {
                return Err("the tree was registered by code; put it under `trees:` and name it in `treeId`".to_owned());
            }
            _ => {}
        }
        let custom = node.node_type.contains(['.', '@', '/']) || self.node_types.contains(&node.node_type);
        if self.bare && !custom && !tables::is_standard(&node.node_type) {
            return Err("no node type of this name exists".to_owned());
        }
        if self.bare {
            keep_meaning(node);
        }
        Ok(())
    }
}

/// Props that choose the family's meaning where ours differs by default.
fn keep_meaning(node: &mut NodeDef) {
    let (prop, value) = match node.node_type.as_str() {
        "Parallel" => ("haltOnDecided", json!(false)),
        "RunOnce" => ("thenSkip", json!(false)),
        "KeepRunningUntilFailure" => ("result", json!("success")),
        _ => return,
    };
    node.props.entry(prop).or_insert(value);
}

/// Attempts and time limits of a request belong to every node here.
fn http_request(node: &mut NodeDef) {
    if let Some(timeout) = node.props.get("timeout").and_then(Value::as_u64) {
        node.props.shift_remove("timeout");
        node.timeout = Some(build::duration(timeout));
    }
    let Some(Value::Object(retry)) = node.props.shift_remove("retry") else { return };
    let attempts = retry.get("maxAttempts").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
    node.retry = Some(RetryDef {
        attempts: attempts.unwrap_or(1).max(1),
        delay: retry.get("backoffMs").and_then(Value::as_u64).map(build::duration),
        factor: Some(2.0),
        max_delay: None,
        on: vec![ErrorKind::Connection, ErrorKind::Timeout],
    });
}

fn code_execution(node: &mut NodeDef, notes: &mut Vec<String>) -> Result<(), String> {
    let foreign = ["getBB", "setBB", "getInput", "${", "{{"];
    match node.props.shift_remove("language").as_ref().and_then(Value::as_str) {
        Some("python") => interpreter(node, "PythonInterpreter", &foreign, notes),
        Some("javascript") | None => interpreter(node, "JavaScriptInterpreter", &foreign, notes),
        Some(other) => Err(format!("there is no interpreter for `{other}`")),
    }
}

/// Code runs in an interpreter node as long as it does not call what only the other library provides.
fn interpreter(node: &mut NodeDef, ours: &str, foreign: &[&str], notes: &mut Vec<String>) -> Result<(), String> {
    let mut props = Map::new();
    let code = node.props.get("code").and_then(Value::as_str).unwrap_or_default();
    if let Some(used) = foreign.iter().find(|part| code.contains(**part)) {
        return Err(format!("the code uses `{used}`; read keys by their names and assign `result`"));
    }
    props.insert("script".to_owned(), json!(code));
    for (name, value) in std::mem::take(&mut node.props) {
        match (name.as_str(), &value) {
            ("code", _) => {}
            ("timeout", value) => {
                let ms = value.as_u64().or_else(|| parse_duration_ms(value.as_str()?, BareNumber::Milliseconds).ok());
                if let Some(ms) = ms {
                    props.insert("timeout".to_owned(), json!(build::duration(ms)));
                }
            }
            ("outputKey", _) => {
                props.insert(name, value);
            }
            (other, _) => notes.push(format!("`{other}` is left out")),
        }
    }
    notes.push("what the code assigns to `result` is its output".to_owned());
    node.node_type = ours.to_owned();
    node.props = props;
    Ok(())
}
