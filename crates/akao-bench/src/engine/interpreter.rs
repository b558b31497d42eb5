//! The interpreter alone: events per second, and how a fan-out grows.

use super::{Ground, house};
use crate::row::{Goal, Row};
use akao_contract::{ExecutionId, OpId, Outcome, Tenant};
use akao_flow::{Command, Event, Machine, Program, Reaction, SEMANTICS, Start, lower};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};

fn program(root: Value) -> Arc<Program> {
    lower(&house::definition(root), &house::catalogue()).expect("a program")
}

fn begin(program: Arc<Program>, input: Value, reaction: &mut Reaction) -> Machine {
    let start = Start {
        execution: ExecutionId::from_parts(1, 1),
        tenant: Tenant::local(),
        semantics: SEMANTICS,
        at_ms: 0,
        input,
        vars: serde_json::Map::new(),
        debug: false,
        breakpoints: vec![],
    };
    Machine::start(program, start, false, reaction)
}

fn finished(op: OpId) -> Event {
    Event::StepFinished { op, outcome: Outcome::success(), attempts: 1, started_ms: None }
}

fn first_step(reaction: &Reaction) -> Option<OpId> {
    reaction.commands.iter().find_map(|command| match command {
        Command::RunStep(step) => Some(step.op),
        _ => None,
    })
}

/// Events per second of a loop whose body is a leaf ten levels down.
pub(super) fn events(ground: &Ground) -> Vec<Row> {
    let mut tree = json!({"type": "SuccessNode"});
    for _ in 0..8 {
        tree = json!({"type": "Sequence", "children": [tree]});
    }
    let program = program(json!({"type": "Repeat", "props": {"numCycles": -1}, "children": [tree]}));
    let mut reaction = Reaction::default();
    let mut machine = begin(program, Value::Null, &mut reaction);
    let count = if ground.quick { 1_000_000 } else { 5_000_000u64 };
    let started = Instant::now();
    for now in 0..count {
        let op = first_step(&reaction).expect("a step is started by every event");
        reaction.clear();
        machine.apply(now as i64, finished(op), &mut reaction);
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    vec![Row::new(
        "interpreter alone, events per second at depth 10",
        rate,
        "events/s",
        None,
        Goal::AtLeast(1e6),
        ground.quick,
    )]
}

/// Resident bytes of this process.
pub(super) fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(f64::NAN);
    pages * 4096.0
}

/// Microseconds an item, and resident bytes an active item, of a loop that works on all items at once.
fn fan_out_of(items: u64) -> (f64, f64) {
    let list: Vec<Value> = (0..items).map(Value::from).collect();
    let program = program(json!({"type": "ForEach", "props": {"items": "${input.items}", "limit": 0},
        "children": [{"type": "Sequence", "children": [{"type": "MathOp", "props": {"expression": "${item} + 1"}}]}]}));
    let input = json!({ "items": list });
    let before = resident_bytes();
    let started = Instant::now();
    let mut reaction = Reaction::default();
    let mut machine = begin(program, input, &mut reaction);
    let ops: Vec<OpId> = reaction
        .commands
        .drain(..)
        .filter_map(|command| match command {
            Command::RunStep(step) => Some(step.op),
            _ => None,
        })
        .collect();
    assert_eq!(ops.len() as u64, items, "every item is started");
    let bytes = (resident_bytes() - before) / items as f64;
    for op in ops {
        reaction.clear();
        machine.apply(1, finished(op), &mut reaction);
    }
    assert!(machine.status().is_final(), "the loop has ended");
    (started.elapsed().as_secs_f64() * 1e6 / items as f64, bytes)
}

pub(super) fn fan_out(ground: &Ground) -> Vec<Row> {
    let large = if ground.quick { 50_000 } else { 100_000 };
    fan_out_of(1_000);
    let mut small: Vec<f64> = (0..50).map(|_| fan_out_of(1_000).0).collect();
    let small = super::floor::median(&mut small);
    let mut times = Vec::new();
    let mut bytes = 0.0;
    for _ in 0..3 {
        let (time, resident) = fan_out_of(large);
        times.push(time);
        bytes = f64::max(bytes, resident);
    }
    let large_time = super::floor::median(&mut times);
    let name = format!("fan-out, time per item at {large} items");
    vec![
        Row::new(
            &name,
            large_time,
            "µs/item",
            Some((small, "time per item at 1000 items, µs")),
            Goal::RatioAtMost(1.3),
            ground.quick,
        ),
        Row::new(
            "fan-out, memory per active item, values included",
            bytes,
            "bytes",
            None,
            Goal::AtMost(1_024.0),
            ground.quick,
        ),
    ]
}
