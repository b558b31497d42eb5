//! Executions that wait for a signal: what they cost while nothing happens, and at the next start.

use super::{house, interpreter::resident_bytes};
use crate::{
    Ground,
    row::{Goal, Row},
};
use akao_engine::{Config, Request};
use serde_json::json;
use std::{sync::Arc, time::Instant};

pub(super) fn parked(ground: &Ground) -> Vec<Row> {
    let (folder, runtime) =
        (tempfile::tempdir().expect("a folder"), tokio::runtime::Runtime::new().expect("a runtime"));
    let count = if ground.quick { 20_000 } else { 100_000 };
    let definition =
        Arc::new(house::definition(json!({"type": "WaitForSignal", "props": {"signalName": "go", "timeoutMs": 0}})));
    let before = resident_bytes();
    let (engine, thread) = house::open(folder.path(), &runtime, Config::default());
    let workers: Vec<_> = (0..64)
        .map(|_| {
            let (engine, definition) = (engine.clone(), Arc::clone(&definition));
            runtime.spawn(async move {
                for _ in 0..count / 64 {
                    house::started(&engine, &definition).await;
                }
            })
        })
        .collect();
    for worker in workers {
        runtime.block_on(worker).expect("a worker ends");
    }
    let resident = (resident_bytes() - before) / 1e6;
    engine.stop(std::time::Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    let started = Instant::now();
    let (engine, thread) = house::open(folder.path(), &runtime, Config::default());
    runtime.block_on(engine.call(Request::Health)).expect("the engine answers");
    let seconds = started.elapsed().as_secs_f64();
    engine.stop(std::time::Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    let name = |what: &str| format!("{count} executions parked on a signal, {what}");
    vec![
        Row::new(&name("resident beyond the empty program"), resident, "MB", None, Goal::AtMost(250.0), ground.quick),
        Row::new(&name("restart to ready"), seconds, "s", None, Goal::AtMost(2.0), ground.quick),
    ]
}
