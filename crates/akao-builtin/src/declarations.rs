//! Tests over every standard node: what it declares is complete, and no props make it panic. Its examples are
//! run by the real engine, in the tests of the program.

use crate::{
    BuiltIn, Run, all,
    testing::{self, summary},
};
use akao_contract::{Effects, OutcomeStatus, annotation};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_declaration_is_complete() {
    let mut names = std::collections::BTreeSet::new();
    for BuiltIn { node_type, .. } in all() {
        let name = &node_type.name;
        assert!(names.insert(name.clone()), "{name} is declared twice");
        for alias in &node_type.aliases {
            assert!(names.insert(alias.clone()), "{alias} is declared twice");
        }
        assert!(!node_type.summary.is_empty() && !node_type.description.is_empty(), "{name} is not described");
        assert!(!node_type.examples.is_empty(), "{name} has no example");
        assert_eq!(node_type.props["additionalProperties"], false, "{name}");
        for schema in [&node_type.props, &node_type.outputs] {
            let compiled = jsonschema::options().offline().build(schema);
            assert!(compiled.is_ok(), "{name}: {}", compiled.err().map(|error| error.to_string()).unwrap_or_default());
        }
        if let Some(main) = &node_type.main_output {
            assert!(node_type.outputs["properties"].get(main).is_some(), "{name} has no output {main}");
            assert_eq!(node_type.props["properties"]["outputKey"][annotation::WRITES], true, "{name}");
        }
        if node_type.effects == Effects::None {
            assert!(node_type.idempotent, "{name}");
        }
        for error in &node_type.errors {
            assert!(!error.when.is_empty(), "{name}");
        }
        check_props(name, &node_type.props);
    }
}

fn check_props(name: &str, schema: &Value) {
    for (prop, schema) in schema["properties"].as_object().unwrap() {
        assert!(
            schema["description"].as_str().is_some_and(|text| text.ends_with('.')),
            "{name}.{prop} is not described"
        );
        if let Some(default) = schema.get("default") {
            assert!(jsonschema::is_valid(schema, default), "{name}.{prop}: the default {default} is not valid");
        }
        let items = schema.get("items").filter(|items| items["properties"].is_object());
        if let Some(items) = items {
            check_props(&format!("{name}.{prop}"), items);
        }
    }
}

/// Any JSON value of a few levels, with the words and shapes that nodes look for.
fn values() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        any::<String>(),
        Just("rows".to_owned()),
        Just("${a".to_owned()),
        Just("$..*".to_owned()),
        Just("(1 + a) * 'x'".to_owned()),
        Just("eq".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let keys = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "field", "operator", "value", "type", "id", "label", "target", "forall", "range"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Props of one node: some of its own names, each with a valid choice or with anything.
fn some_props(node: &BuiltIn) -> impl Strategy<Value = Value> {
    let schemas = node.node_type.props["properties"].as_object().unwrap().clone();
    let props: Vec<_> = schemas
        .into_iter()
        .map(|(name, schema)| {
            let words = schema["enum"].as_array().cloned().unwrap_or_else(|| vec![json!("rows"), json!([1, {"a": 2}])]);
            let value = prop_oneof![prop::sample::select(words), values()];
            prop::option::weighted(0.8, value).prop_map(move |value| value.map(|value| (name.clone(), value)))
        })
        .collect();
    props.prop_map(|props| Value::Object(props.into_iter().flatten().collect()))
}

#[test]
fn no_props_make_a_node_panic() {
    for node in all().into_iter().filter(|node| !matches!(node.run, Run::Async(_))) {
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
        let board = json!({"rows": [{"a": 1, "t": "x"}, 7, null], "text": "a1", "counter": 1.5});
        let result = runner.run(&some_props(&node), |props| {
            let outcome = testing::run(&node, &props, &board);
            prop_assert_eq!(outcome.status == OutcomeStatus::Failure, outcome.error.is_some());
            prop_assert!(outcome.error.is_none_or(|error| !error.message.is_empty()));
            prop_assert_eq!(
                summary(&testing::run(&node, &props, &board)),
                summary(&testing::run(&node, &props, &board))
            );
            Ok(())
        });
        assert!(
            result.is_ok(),
            "{}: {}",
            node.node_type.name,
            result.err().map(|error| error.to_string()).unwrap_or_default()
        );
    }
}
