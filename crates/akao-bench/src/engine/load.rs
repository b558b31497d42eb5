//! Reading and checking a large workflow file.

use super::{floor::median, house};
use crate::{
    Ground,
    row::{Goal, Row},
};
use serde::Deserialize;
use std::{fmt::Write as _, time::Instant};

/// The file as a typed reader sees it, for the floor.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed, never looked at")]
struct Typed {
    akao: u32,
    id: String,
    version: String,
    root: TypedNode,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only parsed, never looked at")]
struct TypedNode {
    id: Option<String>,
    #[serde(rename = "type")]
    node_type: String,
    name: Option<String>,
    #[serde(default)]
    props: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(rename = "if")]
    condition: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    children: Vec<TypedNode>,
}

/// A graph of `count` nodes, eighteen lines each.
fn workflow(count: usize) -> String {
    let mut text = String::from("akao: 1\nid: large\nversion: 1.0.0\nroot:\n  type: Graph\n  children:\n");
    for at in 0..count {
        let need = if at == 0 { "[]".to_owned() } else { format!("[n{}]", at - 1) };
        let _ = write!(
            text,
            "    - id: n{at}\n      type: ArrayFilter\n      name: Keep the large orders of batch {at}\n      needs: {need}\n      if: \"true\"\n      timeout: 30s\n      props:\n        input: orders\n        outputKey: kept{at}\n        logic: and\n        conditions:\n          - field: customer.country\n            operator: eq\n            value: \"${{input.country}}\"\n          - field: total\n            operator: gte\n            value: {at}\n            # the threshold grows with the batch so that later ones keep less\n"
        );
    }
    text
}

pub(super) fn load_and_validate(ground: &Ground) -> Vec<Row> {
    let text = workflow(1_000);
    let catalogue = house::catalogue();
    let rounds = if ground.quick { 30 } else { 150 };
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = Instant::now();
        let typed: Typed = serde_yaml_ng::from_str(&text).expect("the file is valid");
        floor.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(typed.root.children.len(), 1_000);
        let started = Instant::now();
        let (definition, problems) = akao_flow::check(&text, &catalogue);
        ours.push(started.elapsed().as_secs_f64() * 1e3);
        assert!(definition.is_some() && problems.is_empty(), "the file is valid: {problems:?}");
    }
    let name = "serde_yaml_ng typed parse, ms";
    let value = median(&mut ours);
    vec![Row::new(
        "load and validate a 1,000-node YAML file",
        value,
        "ms",
        Some((median(&mut floor), name)),
        Goal::RatioAtMost(1.2),
        ground.quick,
    )]
}
