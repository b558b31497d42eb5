//! Steps of JavaScript: in QuickJS beside a bare one, and in a Node.js of their own beside one that does nothing.

use super::{Bench, millis};
use crate::{
    Ground,
    engine::median,
    row::{Goal, Row},
};
use rquickjs::{Context, Runtime as QuickJs};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    time::Instant,
};
use tokio::runtime::Runtime;

/// What every step runs.
const SCRIPT: &str = "return items.reduce((sum, item) => sum + item, 0)";

fn props(runtime: &str) -> Value {
    json!({"script": SCRIPT, "inputs": {"items": [1, 2, 3]}, "runtime": runtime})
}

/// Nothing, in milliseconds.
fn bare() -> f64 {
    let start = Instant::now();
    let status = Command::new("node").args(["-e", "0"]).stdin(Stdio::null()).status();
    assert!(status.expect("Node.js is there").success(), "Node.js ends well");
    millis(start)
}

/// What any program with QuickJS in it would do: a runtime, a context, JSON in, evaluation, JSON out; in milliseconds.
fn bare_quickjs() -> f64 {
    let start = Instant::now();
    let runtime = QuickJs::new().expect("a runtime");
    let context = Context::full(&runtime).expect("a context");
    let result: i64 = context.with(|ctx| {
        let items = ctx.json_parse(json!([1, 2, 3]).to_string()).expect("JSON");
        ctx.globals().set("items", items).expect("it is set");
        let value: rquickjs::Value<'_> = ctx.eval(format!("(function () {{ {SCRIPT} }})()")).expect("the script runs");
        let text = ctx.json_stringify(value).expect("JSON").expect("a value").to_string().expect("text");
        serde_json::from_str(&text).expect("JSON")
    });
    drop((context, runtime));
    assert_eq!(result, 6);
    millis(start)
}

/// One after the other, without a rest.
pub(super) fn quick(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 300 } else { 2_000 };
    let (runtime, bench) = (Runtime::new().expect("a runtime"), Bench::new());
    let time = |number: u64| bench.time_of(&runtime, "JavaScriptInterpreter", props("quickjs"), number);
    for number in 0..50 {
        time(number);
        bare_quickjs();
    }
    // What is compared is measured in turn, in runs of some length: each finds the caches as it left them.
    let (mut ours, mut floors, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..10 {
        floors.extend((0..rounds / 10).map(|_| bare_quickjs()));
        ours.extend((0..rounds / 10).map(time));
        nodes.extend((0..if ground.quick { 1 } else { 4 }).map(|_| bare()));
    }
    runtime.block_on(bench.nodes.shutdown());
    let value = median(&mut ours);
    let row = |name: &str, floor, goal| Row::new(name, value, "ms", Some(floor), goal, ground.quick);
    let bare = (median(&mut floors), "bare QuickJS: runtime, evaluation, JSON, p50 ms");
    vec![
        row("a step of JavaScript in QuickJS, fresh runtime, p50", bare, Goal::RatioAtMost(1.3)),
        row("the same beside Node.js", (median(&mut nodes), "node -e 0, p50 ms"), Goal::RatioAtMost(0.005)),
    ]
}

pub(super) fn in_node(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 15 } else { 60 };
    let (runtime, bench) = (Runtime::new().expect("a runtime"), Bench::new());
    let time = |number: u64| bench.time_of(&runtime, "JavaScriptInterpreter", props("node"), number);
    for number in 0..3 {
        time(number);
    }
    let (mut nodes, mut floors) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        floors.push(bare());
        nodes.push(time(number));
    }
    runtime.block_on(bench.nodes.shutdown());
    let name = "a step of JavaScript in Node.js, fresh process, all confinement, p50";
    let floor = (median(&mut floors), "node -e 0, p50 ms");
    vec![Row::new(name, median(&mut nodes), "ms", Some(floor), Goal::RatioAtMost(4.0), ground.quick)]
}
