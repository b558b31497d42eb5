//! Many scripts in one execution: each a step of a graph in which none waits for another.

use crate::desk::Desk;
use serde_json::{Map, Value, json};

/// A script with the props of its step.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) script: String,
    node_type: &'static str,
    props: Map<String, Value>,
}

/// What became of one.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) result: Value,
    pub(crate) error: Value,
    pub(crate) execution: String,
}

impl Case {
    /// A script in Python.
    pub(crate) fn new(script: &str) -> Self {
        Self::of("PythonInterpreter", script)
    }

    pub(crate) fn of(node_type: &'static str, script: &str) -> Self {
        Self { script: script.to_owned(), node_type, props: Map::new() }
    }

    pub(crate) fn with(mut self, prop: &str, value: Value) -> Self {
        self.props.insert(prop.to_owned(), value);
        self
    }

    fn node(&self, at: usize) -> Value {
        let mut props = self.props.clone();
        props.insert("script".to_owned(), self.script.as_str().into());
        // What is not a value of the workflow must not be read as a template.
        props.entry("inputs").or_insert_with(|| json!({}));
        if let Some(inputs) = props.get_mut("inputs") {
            *inputs = escaped(std::mem::take(inputs));
        }
        json!({"type": self.node_type, "id": format!("s{at}"), "props": props, "on_failure": "continue"})
    }
}

/// A value of which no text is a template.
fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace("${", "$${").replace("{{", "{{ '{{' }}").into(),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(entries) => entries.into_iter().map(|(name, value)| (name, escaped(value))).collect(),
        other => other,
    }
}

/// Runs scripts, some at once.
pub(crate) fn run_all(desk: &Desk, cases: &[Case]) -> Vec<Ran> {
    run(desk, cases, "Graph")
}

/// Runs scripts one after the other.
pub(crate) fn run_in_turn(desk: &Desk, cases: &[Case]) -> Vec<Ran> {
    run(desk, cases, "MemorySequence")
}

fn run(desk: &Desk, cases: &[Case], root: &str) -> Vec<Ran> {
    let children: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| match root {
            "Graph" => case.node(at),
            _ => json!({"type": "ForceSuccess", "children": [case.node(at)]}),
        })
        .collect();
    let outputs: Map<String, Value> = (0..cases.len())
        .map(|at| (format!("s{at}"), format!("${{steps.s{at}.outputs.result | default('no result')}}").into()))
        .collect();
    let workflow = json!({
        "akao": 1, "id": "scripts", "version": "1.0.0", "root": {"type": root, "children": children}, "outputs": outputs,
    });
    desk.write("w.yaml", &workflow.to_string());
    let run = desk.akao(&["run", "w.yaml", "--json"]);
    let report = run.json();
    let steps = report["steps"].as_array().unwrap_or_else(|| panic!("{run:?}"));
    (0..cases.len())
        .map(|at| {
            let step = steps.iter().find(|step| step["id"] == format!("s{at}"));
            let step = step.unwrap_or_else(|| panic!("s{at} did not run: {run:?}"));
            Ran {
                result: report["outputs"][format!("s{at}")].clone(),
                error: step["error"].clone(),
                execution: report["execution"].as_str().expect("an id").to_owned(),
            }
        })
        .collect()
}
