//! The workflows that a workflow starts: what its `SubWorkflow` nodes name, and where that is written. What a name stands for
//! is decided by whoever reads the file.

use crate::{Definition, NodeDef, Parsed, Position};

/// What a `SubWorkflow` node names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedWorkflow {
    /// The text that names the workflow.
    pub workflow: String,
    /// Where in the document, such as `root.children[1].props.workflow`.
    pub path: String,
    /// Where in the text.
    pub position: Position,
}

impl Parsed {
    /// The `SubWorkflow` nodes of every tree, in the order of the definition.
    pub fn started_workflows(&self) -> Vec<StartedWorkflow> {
        let definition: &Definition = &self.definition;
        let mut found = Vec::new();
        collect(self, &definition.root, "root", &mut found);
        for (name, tree) in &definition.trees {
            let step = match akao_contract::is_name(name) {
                true => format!(".{name}"),
                false => format!("[{}]", serde_json::json!(name)),
            };
            collect(self, tree, &format!("trees{step}"), &mut found);
        }
        found
    }
}

/// Recursion is bounded by the depth that the reader allows.
fn collect(parsed: &Parsed, node: &NodeDef, path: &str, found: &mut Vec<StartedWorkflow>) {
    if node.node_type == "SubWorkflow"
        && let Some(workflow) = node.props.get("workflow").and_then(serde_json::Value::as_str)
    {
        let path = format!("{path}.props.workflow");
        let position = parsed.positions.find(&path).map_or(Position { line: 1, column: 1 }, |place| place.value);
        found.push(StartedWorkflow { workflow: workflow.to_owned(), path, position });
    }
    for (at, child) in node.children.iter().enumerate() {
        collect(parsed, child, &format!("{path}.children[{at}]"), found);
    }
}
