//! Differential test: the same trees run here and with the py_trees library, where the two mean the same.
//!
//! Compared are how a tree ends and the order in which its leaves start. Composites with memory, decorators and leaves
//! with a script of results are generated freely. py_trees decides a parallel once a tick, by failure first, and Akao with
//! every end of a child; they agree where the children of a parallel are leaves that succeed or hang, or fail or hang.
//!
//! The library lives in `.tools/py_trees`, where `cargo xtask setup` puts it.

#[path = "../support/mod.rs"]
mod support;

use akao_contract::{ErrorKind, Outcome, StepError};
use akao_flow::{Command as Asked, Event};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use support::Driver;

const TREES: usize = 3_000;

fn leaf(results: &[&str]) -> Value {
    json!({"kind": "leaf", "script": results})
}

/// A parallel over leaves: `decided` of them end, all in the same way, the others hang.
fn parallel() -> impl Strategy<Value = Value> {
    (select(vec!["all", "one", "selected"]), 1usize..=3, 0usize..=2, any::<bool>()).prop_map(
        |(kind, decided, hanging, fails)| {
            let result = if fails { "failure" } else { "success" };
            // Only a failure decides a parallel of which all must succeed while some hang.
            let hanging = if kind == "all" && !fails { 0 } else { hanging };
            let ended = (0..decided).map(|_| leaf(&[result]));
            let children: Vec<Value> = ended.chain((0..hanging).map(|_| leaf(&["hang"]))).collect();
            json!({"kind": kind, "count": decided, "children": children})
        },
    )
}

fn tree() -> impl Strategy<Value = Value> {
    let scripted = vec(select(vec!["success", "success", "failure"]), 1..4).prop_map(|script| leaf(&script));
    let bottom = prop_oneof![4 => scripted, 1 => parallel()];
    bottom.prop_recursive(5, 40, 4, |node| {
        let children = vec(node.clone(), 0..=4);
        let composite = (select(vec!["sequence", "selector"]), children)
            .prop_map(|(kind, children)| json!({"kind": kind, "children": children}));
        let decorator = (select(vec!["invert", "force_success", "force_failure", "retry", "repeat"]), 1..4, node)
            .prop_map(|(kind, count, child)| json!({"kind": kind, "count": count, "children": [child]}));
        prop_oneof![2 => composite, 1 => decorator]
    })
}

/// Gives every leaf a name of its own.
fn name(node: &mut Value, next: &mut usize) {
    if node["kind"] == "leaf" {
        node["name"] = json!(format!("l{next}"));
        *next += 1;
    }
    for child in node["children"].as_array_mut().into_iter().flatten() {
        name(child, next);
    }
}

fn trees() -> Vec<Value> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = tree();
    let make = |_| {
        let mut tree = strategy.new_tree(&mut runner).expect("trees can be made").current();
        name(&mut tree, &mut 0);
        tree
    };
    (0..TREES).map(make).collect()
}

/// The tree in Akao's words.
fn translate(node: &Value, scripts: &mut BTreeMap<String, Vec<String>>) -> Value {
    let children: Vec<Value> =
        node["children"].as_array().into_iter().flatten().map(|child| translate(child, scripts)).collect();
    let count = &node["count"];
    let (node_type, props) = match node["kind"].as_str().expect("a kind") {
        "leaf" => {
            let name = node["name"].as_str().expect("a name");
            scripts.insert(name.into(), serde_json::from_value(node["script"].clone()).expect("a script"));
            return json!({"type": "Ok", "id": name});
        }
        "sequence" => ("Sequence", json!({})),
        "selector" => ("Selector", json!({})),
        "all" => ("Parallel", json!({})),
        "one" => ("Parallel", json!({"successThreshold": 1, "failureThreshold": 1})),
        "selected" => ("Parallel", json!({"successThreshold": count, "failureThreshold": 1})),
        "invert" => ("Invert", json!({})),
        "force_success" => ("ForceSuccess", json!({})),
        "force_failure" => ("ForceFailure", json!({})),
        "retry" => ("Retry", json!({"attempts": count, "delayMs": 0})),
        "repeat" => ("Repeat", json!({"numCycles": count})),
        other => panic!("unknown kind {other}"),
    };
    json!({"type": node_type, "props": props, "children": children})
}

/// How the tree ends here, and which leaves it starts.
fn run(tree: &Value) -> Value {
    let mut scripts = BTreeMap::new();
    let workflow = translate(tree, &mut scripts);
    let mut driver = Driver::start(workflow, Value::Null);
    let (mut runs, mut seen) = (Vec::new(), 0);
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    let mut results = BTreeMap::new();
    while driver.finish.is_none() {
        for command in &driver.commands[seen..] {
            if let Asked::RunStep(step) = command {
                let leaf = driver.machine.program().node_id(step.node).to_string();
                let start = starts.entry(leaf.clone()).or_default();
                let script = &scripts[&leaf];
                results.insert(step.op, script[*start % script.len()].clone());
                *start += 1;
                runs.push(leaf);
            }
        }
        seen = driver.commands.len();
        let op = *driver.steps.keys().find(|op| results[*op] != "hang").expect("something ends");
        driver.steps.remove(&op);
        let outcome = match results[&op].as_str() {
            "success" => Outcome::success(),
            _ => Outcome::failure(StepError::new(ErrorKind::User, "scripted")),
        };
        driver.apply(Event::StepFinished { op, outcome, attempts: 1, started_ms: None, earlier: Vec::new() });
    }
    json!({"status": driver.status().as_str(), "runs": runs})
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/py_trees/bin/python");
    assert!(
        python.exists(),
        "the py_trees library is not installed in .tools/py_trees; run `cargo xtask setup`, which installs it"
    );
    python
}

/// How py_trees runs the same trees.
fn oracle(trees: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py_trees/oracle.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the environment's Python runs");
    let mut input = child.stdin.take().expect("it is piped");
    let lines: String = trees.iter().map(|tree| format!("{tree}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends").expect("it reads every tree");
    assert!(output.status.success(), "the oracle failed: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a result per line")).collect()
}

#[test]
fn trees_end_as_in_py_trees_and_start_the_same_leaves() {
    let trees = trees();
    let expected = oracle(&trees);
    assert_eq!(expected.len(), trees.len());
    let differing = trees.iter().zip(&expected).filter_map(|(tree, expected)| {
        let found = run(tree);
        (found != *expected).then(|| (tree.to_string(), found, expected))
    });
    if let Some((tree, found, expected)) = differing.min_by_key(|(tree, ..)| tree.len()) {
        panic!("{tree}\n  ends here as {found}\n  in py_trees as {expected}");
    }
    let started: usize = expected.iter().map(|result| result["runs"].as_array().map_or(0, Vec::len)).sum();
    assert!(started > TREES, "only {started} leaves were started: the trees are too small to tell anything");
}
