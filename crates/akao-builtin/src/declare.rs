//! A short way to write down what a leaf declares. It only assembles a [`NodeType`]; it knows nothing of running.

use crate::{BuiltIn, Run};
use akao_contract::{Category, Effects, ErrorDoc, ErrorKind, Example, NodeType, Reads};
use serde_json::{Map, Value, json};

/// A leaf's declaration while it is being written down.
pub(crate) struct Leaf {
    node_type: NodeType,
    props: Map<String, Value>,
    required: Vec<Value>,
    outputs: Map<String, Value>,
}

impl Leaf {
    /// A leaf without effects, whose outcome is a function of its invocation: it may run early and again, unseen.
    pub(crate) fn new(name: &str, category: Category, summary: &str) -> Self {
        let node_type = NodeType {
            name: name.into(),
            aliases: vec![],
            version: "1.0.0".into(),
            category,
            summary: summary.into(),
            description: String::new(),
            props: Value::Null,
            outputs: Value::Null,
            main_output: None,
            errors: vec![],
            effects: Effects::None,
            idempotent: true,
            reads: Reads::Named,
            permissions: vec![],
            children_min: 0,
            children_max: Some(0),
            examples: vec![],
        };
        Self { node_type, props: Map::new(), required: vec![], outputs: Map::new() }
    }

    /// Another name that means the same node.
    pub(crate) fn alias(mut self, name: &str) -> Self {
        self.node_type.aliases.push(name.into());
        self
    }

    /// The whole behaviour, as Markdown.
    pub(crate) fn description(mut self, text: &str) -> Self {
        self.node_type.description = text.into();
        self
    }

    /// A prop that may be left out. Its schema holds the default, or its description says what absence means.
    pub(crate) fn prop(mut self, name: &str, schema: Value) -> Self {
        self.props.insert(name.into(), schema);
        self
    }

    /// A prop that must be given.
    pub(crate) fn required(mut self, name: &str, schema: Value) -> Self {
        self.required.push(name.into());
        self.prop(name, schema)
    }

    /// A named result.
    pub(crate) fn output(mut self, name: &str, schema: Value) -> Self {
        self.outputs.insert(name.into(), schema);
        self
    }

    /// The result that `outputKey` stores; declares that prop too.
    pub(crate) fn main_output(mut self, name: &str, schema: Value) -> Self {
        self.node_type.main_output = Some(name.into());
        let description = format!("Blackboard key that receives the output `{name}`. Absent: nothing is stored.");
        let key = json!({"type": "string", "description": description, "x-akao-writes": true});
        self.output(name, schema).prop("outputKey", key)
    }

    /// A documented failure.
    pub(crate) fn error(mut self, kind: ErrorKind, when: &str) -> Self {
        self.node_type.errors.push(ErrorDoc { kind, when: when.into() });
        self
    }

    /// A runnable workflow and what its `outputs` are; null when it fails or has none.
    pub(crate) fn example(mut self, workflow: &str, outputs: Value) -> Self {
        self.node_type.examples.push(Example::new(workflow, Value::Null, outputs));
        self
    }

    /// The step is given everything that is visible on the blackboard.
    pub(crate) fn reads_all(mut self) -> Self {
        self.node_type.reads = Reads::All;
        self
    }

    /// The leaf does something outside after all.
    pub(crate) fn effects(mut self, effects: Effects) -> Self {
        self.node_type.effects = effects;
        self
    }

    /// The finished node.
    pub(crate) fn run(mut self, run: Run) -> BuiltIn {
        let required = (!self.required.is_empty()).then_some(Value::Array(self.required));
        let mut props = json!({"type": "object", "properties": self.props, "additionalProperties": false});
        if let (Some(required), Value::Object(props)) = (required, &mut props) {
            props.insert("required".into(), required);
        }
        self.node_type.props = props;
        self.node_type.outputs = json!({"type": "object", "properties": self.outputs, "additionalProperties": false});
        BuiltIn { node_type: self.node_type.into(), run }
    }
}
