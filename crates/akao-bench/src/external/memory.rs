//! What each active process of a node costs this side, and what the manager costs when it does nothing.

use super::calls::{Callable, external_nodes};
use super::peer::Language;
use crate::{
    Ground,
    row::{Goal, Row},
};
use tokio::runtime::Runtime;

pub(super) fn memory(ground: &Ground) -> Vec<Row> {
    let count = if ground.quick { 8 } else { 24 };
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let before = resident_bytes(std::process::id());
    let idle = external_nodes(folder.path());
    runtime.block_on(idle.warm_up()).expect("this machine isolates");
    let spawner: u64 = children().into_iter().map(resident_bytes).sum();
    let manager = resident_bytes(std::process::id()).saturating_sub(before) + spawner;
    let mut callables = Vec::new();
    // The first process brings what all of them share.
    let mut shared = 0;
    for number in 0..=count {
        let callable = Callable::new(Language::Python, 1);
        runtime.block_on(callable.call(number));
        callables.push(callable);
        if number == 0 {
            shared = ours();
        }
    }
    let each = ours().saturating_sub(shared) as f64 / count as f64;
    for callable in &callables {
        runtime.block_on(callable.nodes.shutdown());
    }
    vec![
        Row::new(
            "memory of this side for each active process, its own spawner included",
            each / 1e6,
            "MB",
            None,
            Goal::AtMost(1.0),
            ground.quick,
        ),
        Row::new(
            "manager and spawner, nothing running",
            manager as f64 / 1e6,
            "MB",
            None,
            Goal::AtMost(10.0),
            ground.quick,
        ),
    ]
}

/// This process and its spawners, without the nodes themselves.
fn ours() -> u64 {
    resident_bytes(std::process::id()) + children().into_iter().map(resident_bytes).sum::<u64>()
}

fn children() -> Vec<u32> {
    let own = std::process::id();
    let listed = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{own}/task")).into_iter().flatten().flatten();
    let of_tasks = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let mut all: Vec<u32> = std::iter::once(listed)
        .chain(of_tasks)
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Memory of its own: what would be free without the process.
fn resident_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    (kib("Private_Clean:") + kib("Private_Dirty:")) * 1024
}
