//! Steps and executions per second, and the time of one step in a chain.

use super::{
    floor::{append_and_sync, sqlite_queue},
    house,
};
use crate::{
    Ground,
    row::{Goal, Row},
};
use akao_engine::{Config, Engine};
use akao_flow::Definition;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A chain of no-op steps, each of which is an event, a decision and a durable row.
fn chain(steps: u64) -> Definition {
    house::definition(json!({"type": "Repeat", "props": {"numCycles": steps}, "children": [{"type": "SuccessNode"}]}))
}

/// Runs `count` executions with `in_flight` at a time and waits for the end of each; seconds.
fn run_all(
    engine: &Engine,
    runtime: &tokio::runtime::Runtime,
    definition: &Definition,
    count: usize,
    in_flight: usize,
) -> f64 {
    let started = Instant::now();
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (engine, definition, next) = (engine.clone(), definition.clone(), Arc::clone(&next));
            runtime.spawn(async move {
                while next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < count {
                    engine.run_to_end(house::start(&definition)).await.expect("the execution ends");
                }
            })
        })
        .collect();
    for worker in workers {
        runtime.block_on(worker).expect("a worker ends");
    }
    started.elapsed().as_secs_f64()
}

/// Turns that a chain and its floor take.
const TURNS: u64 = 10;

/// Steps that each wait for their own commit, so that the figure is not flattered by speculation.
fn strict() -> Config {
    Config { speculate: false, ..Config::default() }
}

pub(super) fn durable_steps(ground: &Ground) -> Vec<Row> {
    let (folder, runtime) =
        (tempfile::tempdir().expect("a folder"), tokio::runtime::Runtime::new().expect("a runtime"));
    let time = Duration::from_millis(if ground.quick { 1_500 } else { 5_000 });
    let steps = if ground.quick { 400 } else { 2_000 };
    let before = sqlite_queue(folder.path(), 128, time);
    let (engine, thread) = house::open(folder.path(), &runtime, strict());
    let definition = chain(steps);
    run_all(&engine, &runtime, &chain(20), 128, 128);
    let seconds = run_all(&engine, &runtime, &definition, 128, 128);
    engine.stop(Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    let after = sqlite_queue(folder.path(), 128, time);
    let floor = (before + after) / 2.0;
    let rate = (128 * steps) as f64 / seconds;
    let name = "bare SQLite group-commit queue, 128 submitters, records/s";
    vec![Row::new(
        "durable steps per second, 128 in flight",
        rate,
        "steps/s",
        Some((floor, name)),
        Goal::RatioAtLeast(0.6),
        ground.quick,
    )]
}

pub(super) fn sequential_chain(ground: &Ground) -> Vec<Row> {
    let (folder, runtime) =
        (tempfile::tempdir().expect("a folder"), tokio::runtime::Runtime::new().expect("a runtime"));
    let steps = if ground.quick { 2_000 } else { 10_000 };
    let (engine, thread) = house::open(folder.path(), &runtime, strict());
    run_all(&engine, &runtime, &chain(100), 1, 1);
    // The disk's mood changes within seconds, so that the chain and its floor take turns.
    let (mut seconds, mut floors) = (0.0, Vec::new());
    for _ in 0..TURNS {
        floors.push(append_and_sync(folder.path(), (steps / TURNS) as usize));
        seconds += run_all(&engine, &runtime, &chain(steps / TURNS), 1, 1);
    }
    floors.push(append_and_sync(folder.path(), (steps / TURNS) as usize));
    engine.stop(Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    let value = seconds * 1e6 / steps as f64;
    let floor = floors.iter().sum::<f64>() / floors.len() as f64;
    let name = "append + fdatasync, mean µs";
    vec![Row::new(
        "one chain of durable no-op steps",
        value,
        "µs/step",
        Some((floor, name)),
        Goal::RatioAtMost(1.5),
        ground.quick,
    )]
}

pub(super) fn executions(ground: &Ground) -> Vec<Row> {
    let (folder, runtime) =
        (tempfile::tempdir().expect("a folder"), tokio::runtime::Runtime::new().expect("a runtime"));
    let time = Duration::from_millis(if ground.quick { 1_500 } else { 5_000 });
    let count = if ground.quick { 6_000 } else { 40_000 };
    let before = sqlite_queue(folder.path(), 128, time);
    let children: Vec<_> = (0..10).map(|_| json!({"type": "SuccessNode"})).collect();
    let definition = house::definition(json!({"type": "Sequence", "children": children}));
    let mut rows = Vec::new();
    let mut rates = Vec::new();
    for (name, config) in
        [("as the program runs them", Config::default()), ("each step waits for its own commit", strict())]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, thread) = house::open(folder.path(), &runtime, config);
        run_all(&engine, &runtime, &definition, 500, 64);
        let seconds = run_all(&engine, &runtime, &definition, count, 64);
        engine.stop(Duration::from_secs(5));
        thread.join().expect("the engine ends well");
        rates.push((name, count as f64 / seconds));
    }
    let after = sqlite_queue(folder.path(), 128, time);
    let floor = (before + after) / 2.0;
    for (name, rate) in rates {
        let figure = format!("executions per second, 10 no-op steps, 64 in flight, {name}");
        rows.push(Row::new(&figure, rate, "executions/s", None, Goal::AtLeast(1_100.0), ground.quick));
        let figure = format!("steps per second of these, {name}");
        let floor = Some((floor, "bare SQLite group-commit queue, 128 submitters, records/s"));
        rows.push(Row::new(&figure, rate * 10.0, "steps/s", floor, Goal::RatioAtLeast(0.15), ground.quick));
    }
    rows
}
