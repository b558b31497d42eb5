//! A server that is set up, has run something, and has nothing to do: its memory and its processor time.

use super::program::{Program, named};
use crate::{
    Ground,
    row::{Goal, Row},
};
use std::{fs, time::Duration};

/// Clock ticks of `/proc` in a second.
const TICKS: f64 = 100.0;

pub(super) fn idle(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "idle server") else { return Vec::new() };
    let server = Program::start(&akao);
    server.with_execution();
    std::thread::sleep(Duration::from_secs(2));
    let watched = Duration::from_secs(if ground.quick { 5 } else { 30 });
    let before = ticks(server.pid());
    std::thread::sleep(watched);
    let share = (ticks(server.pid()) - before) / TICKS / watched.as_secs_f64() * 100.0;
    vec![
        Row::new("idle server, resident", resident_mb(server.pid()), "MB", None, Goal::AtMost(20.0), ground.quick),
        Row::new("idle server, processor time", share, "%", None, Goal::AtMost(0.5), ground.quick),
    ]
}

fn resident_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0 / 1e6
}

/// User and system time.
fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let number = |at: usize| rest.split(' ').nth(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    number(11) + number(12)
}
