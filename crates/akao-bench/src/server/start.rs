//! From the start of the process to the first answer that says it is ready, over an empty data directory.

use super::program::{Program, named};
use crate::{
    Ground,
    row::{Goal, Row},
};
use std::time::Instant;

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
