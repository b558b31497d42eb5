//! From the start of the process to the first answer that says it is ready: over an empty data directory, and over one with a
//! large journal and many executions under way.

use super::program::{Program, named};
use crate::{
    Ground,
    engine::house,
    row::{Goal, Row},
};
use akao_engine::{Config, Request};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Bytes of the input of each execution in the large journal.
const INPUT_BYTES: usize = 10_000;

pub(super) fn start(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "server start") else { return Vec::new() };
    let rounds = if ground.quick { 5 } else { 21 };
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            let server = Program::start(&akao);
            server.ask("GET", "/readyz", "", None);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    vec![Row::new(
        "server start to ready, empty data directory, median",
        median,
        "ms",
        None,
        Goal::AtMost(100.0),
        ground.quick,
    )]
}

pub(super) fn full(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "server start over a full journal") else { return Vec::new() };
    let count = if ground.quick { 10_000 } else { 100_000 };
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), count);
    let bytes = std::fs::metadata(folder.path().join("journal.db")).expect("a journal").len();
    let began = Instant::now();
    let server = Program::start_over(&akao, folder);
    server.ask("GET", "/readyz", "", None);
    let seconds = began.elapsed().as_secs_f64();
    let name = format!("server start to ready, {count} executions under way, journal of {} MB", bytes / 1_000_000);
    vec![Row::new(&name, seconds, "s", None, Goal::AtMost(2.0), ground.quick)]
}

/// Starts executions that wait for a signal, each with an input.
fn fill(folder: &Path, count: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let definition = house::definition(json!({"type": "WaitForSignal", "props": {"signalName": "go", "timeoutMs": 0}}));
    let definition = Arc::new(definition);
    let (engine, thread) = house::open(folder, &runtime, Config::default());
    let lane = |lane: usize| {
        let (engine, definition) = (engine.clone(), Arc::clone(&definition));
        async move {
            for number in 0..count / 64 {
                let text = noise((lane * count + number) as u64);
                let Request::Start(mut start) = house::start(&definition) else { unreachable!("it is a start") };
                start.input = Value::from(text);
                engine.call(Request::Start(start)).await.expect("the start is acknowledged");
            }
        }
    };
    let lanes: Vec<_> = (0..64).map(|number| runtime.spawn(lane(number))).collect();
    for lane in lanes {
        runtime.block_on(lane).expect("a lane ends");
    }
    engine.stop(Duration::from_secs(5));
    thread.join().expect("the engine ends well");
}

/// Text that does not repeat, since what repeats takes little room: numbers of a linear congruence.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    std::iter::repeat_with(next).take(INPUT_BYTES / 8).collect()
}
