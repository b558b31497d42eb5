//! `SuccessNode`: ends in success at once. It has no props and no outputs.

use crate::{BuiltIn, Run};
use akao_contract::{Category, Effects, Example, Invocation, NodeType, Outcome, Reads};
use serde_json::{Value, json};

pub(super) fn built_in() -> BuiltIn {
    let node_type = NodeType {
        name: "SuccessNode".into(),
        aliases: vec!["AlwaysSuccess".into()],
        version: "1.0.0".into(),
        category: Category::Test,
        summary: "Ends in success at once.".into(),
        description: "A leaf that does nothing and succeeds. Useful as a placeholder and in tests.".into(),
        props: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        outputs: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        main_output: None,
        errors: vec![],
        effects: Effects::None,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new("type: SuccessNode\n", Value::Null, Value::Null)],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Inline(run) }
}

fn run(_: &Invocation) -> Outcome {
    Outcome::success()
}
