//! The interpreter alone: events per second, and how a fan-out grows.

use super::house;
use crate::{
    Ground,
    row::{Goal, Row},
};
use akao_contract::{BlobRef, Digest, ExecutionId, OpId, Outcome, Tenant};
use akao_flow::{Command, Event, Machine, Program, Reaction, RunStep, SEMANTICS, Start, lower};
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
    Event::StepFinished { op, outcome: Outcome::success(), attempts: 1, started_ms: None, earlier: Vec::new() }
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
    // The figure is not a ratio, so that the round that other work on the machine disturbed least counts.
    let (rounds, count) = if ground.quick { (5, 400_000) } else { (10, 1_000_000u64) };
    let mut rate = 0.0;
    for _ in 0..rounds {
        let started = Instant::now();
        for now in 0..count {
            let op = first_step(&reaction).expect("a step is started by every event");
            reaction.clear();
            machine.apply(now as i64, finished(op), &mut reaction);
        }
        rate = f64::max(rate, count as f64 / started.elapsed().as_secs_f64());
    }
    vec![Row::new(
        "interpreter alone, events per second at depth 10, best round",
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

/// What a fan-out cost.
struct FanOut {
    /// Microseconds an item, from its start to its end.
    time: f64,
    /// Resident bytes an item while all are active.
    bytes: f64,
    /// Resident bytes of an item's values alone: the item and what its step is given.
    value_bytes: f64,
}

/// A loop that works on all items of a stored collection at once, as the engine runs one of this size.
fn fan_out_of(items: u64) -> FanOut {
    let program = program(json!({"type": "ForEach", "props": {"items": "${input.items}", "limit": 0},
        "children": [{"type": "Sequence", "children": [{"type": "MathOp", "props": {"expression": "${item} + 1"}}]}]}));
    let digest = Digest::of(&items.to_le_bytes());
    let blob = BlobRef { digest, bytes: 1, media_type: "application/json".into(), items: Some(items) };
    let mut reaction = Reaction::default();
    let mut machine = begin(program, json!({ "items": blob.to_value() }), &mut reaction);
    let load = reaction.commands.iter().find_map(|command| match command {
        Command::LoadBlob { op, .. } => Some(*op),
        _ => None,
    });
    let op = load.expect("the loop asks for its collection");
    reaction.clear();
    let before = resident_bytes();
    let value = Some(Arc::new((0..items).map(Value::from).collect::<Value>()));
    let started = Instant::now();
    machine.apply(0, Event::BlobLoaded { op, value, error: None }, &mut reaction);
    let elapsed = started.elapsed();
    let bytes = (resident_bytes() - before) / items as f64;
    let value_bytes = value_bytes(&reaction) / items as f64;
    let started = Instant::now();
    let ops: Vec<OpId> = reaction.commands.drain(..).filter_map(run_step).map(|step| step.op).collect();
    assert_eq!(ops.len() as u64, items, "every item is started");
    for op in ops {
        reaction.clear();
        machine.apply(1, finished(op), &mut reaction);
    }
    assert!(machine.status().is_final(), "the loop has ended");
    FanOut { time: (elapsed + started.elapsed()).as_secs_f64() * 1e6 / items as f64, bytes, value_bytes }
}

fn run_step(command: Command) -> Option<RunStep> {
    match command {
        Command::RunStep(step) => Some(step),
        _ => None,
    }
}

/// Resident bytes that a copy of the active items and of the props of their steps takes.
fn value_bytes(reaction: &Reaction) -> f64 {
    let before = resident_bytes();
    let steps = reaction.commands.iter().cloned().filter_map(run_step);
    let copies: Vec<(Arc<Value>, Arc<serde_json::Map<String, Value>>)> = steps
        .enumerate()
        .map(|(item, step)| (Arc::new(Value::from(item)), Arc::new(serde_json::Map::clone(&step.input.props))))
        .collect();
    let bytes = resident_bytes() - before;
    drop(std::hint::black_box(copies));
    bytes
}

pub(super) fn fan_out(ground: &Ground) -> Vec<Row> {
    const LARGE: u64 = 100_000;
    let rounds = if ground.quick { 8 } else { 20 };
    // The first large round of a process pays for its memory, which is what the bytes are measured by; times are compared
    // once both sizes have theirs.
    let first = fan_out_of(LARGE);
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        small.extend((0..20).map(|_| fan_out_of(1_000).time));
        large.push(fan_out_of(LARGE).time);
    }
    // The least is nearest to the hardware; what lies above it is other work on the machine.
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let floor = (least(&small), "time per item at 1000 items, least of the rounds, µs");
    let time = least(&large);
    let name = format!("fan-out, time per item at {LARGE} items, least of {rounds} rounds");
    vec![
        Row::new(&name, time, "µs/item", Some(floor), Goal::RatioAtMost(1.3), ground.quick),
        Row::new(
            "fan-out, memory per active item beyond its values",
            first.bytes - first.value_bytes,
            "bytes",
            None,
            Goal::AtMost(1_024.0),
            ground.quick,
        ),
    ]
}
