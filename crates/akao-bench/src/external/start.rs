//! From nothing to the first answer of a Python node, beside the interpreter alone with the same imports.

use super::{calls::Callable, peer::Language};
use crate::{
    Ground,
    engine::median,
    row::{Goal, Row},
};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use tokio::runtime::Runtime;

/// What the SDK of Python imports, as `python3 -I -X importtime main.py` tells.
const IMPORTS: &str = "import asyncio, contextlib, dataclasses, functools, inspect, json, math, os, queue, socket, sys, \
                       threading, time, traceback, typing";

pub(super) fn start(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 10 } else { 40 };
    let runtime = Runtime::new().expect("a runtime");
    let imports = imports();
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    // The spawner runs, as it does in a program that has started a node before; the process is new each time.
    let mut callable = Callable::new(Language::Python, 1);
    for round in 0..=rounds {
        callable = callable.anew();
        runtime.block_on(callable.nodes.warm_up()).expect("this machine isolates");
        let begun = Instant::now();
        runtime.block_on(callable.call(round));
        let took = begun.elapsed().as_secs_f64() * 1e3;
        runtime.block_on(callable.nodes.shutdown());
        let begun = Instant::now();
        let status = Command::new("/usr/bin/python3").args(["-I", "-c", &imports]).stdout(Stdio::null()).status();
        assert!(status.expect("python3 runs").success());
        let floor = begun.elapsed().as_secs_f64() * 1e3;
        // The first round warms the files up.
        if round > 0 {
            ours.push(took);
            floors.push(floor);
        }
    }
    let floor = (median(&mut floors), "python3 -I with the same imports, p50 ms");
    let name = "process start to first answer, Python node, p50";
    vec![Row::new(name, median(&mut ours), "ms", Some(floor), Goal::RatioAtMost(1.3), ground.quick)]
}

/// The modules that the SDK really imports, so that the floor cannot fall behind it.
fn imports() -> String {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/src");
    let code = format!(
        "import sys; sys.path.insert(0, {:?}); before = set(sys.modules); import akao; print(','.join(sorted(m for m in \
         set(sys.modules) - before if not m.startswith('akao') and '.' not in m and not m.startswith('_'))))",
        sdk.display().to_string()
    );
    let output = Command::new("/usr/bin/python3").args(["-I", "-B", "-c", &code]).output().expect("python3 runs");
    let modules = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if modules.is_empty() { IMPORTS.to_owned() } else { format!("import {modules}") }
}
