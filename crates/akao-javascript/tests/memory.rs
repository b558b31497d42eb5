//! Runs leave no memory behind. In a process of its own, so that no other test counts.

mod support;

use akao_javascript::run;
use akao_node::{Map, json};
use std::{rc::Rc, time::Duration};
use support::{Told, limits};

#[test]
fn two_thousand_runs_keep_no_memory() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
        status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number of pages") * 4096
    };
    let work = |count| {
        for _ in 0..count {
            let script = "const a = { b: Array(100).fill(0) }; a.self = a; setTimeout(() => a, 1e6); console.log(a); return a.b.length";
            assert_eq!(
                run(script, &Map::new(), limits(64_000_000, Duration::from_secs(20)), Rc::new(Told::default())),
                Ok(json!(100))
            );
        }
    };
    work(200);
    let before = resident();
    work(2_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4_000_000, "{grown} bytes more after 2000 runs");
}
