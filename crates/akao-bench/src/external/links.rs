//! What many linked nodes cost a program that uses none of them, and one that uses one.

use crate::{
    Ground,
    engine::{median, time},
    row::{Goal, Row},
};
use serde_json::json;
use std::{path::Path, process::Command};

pub(super) fn links(ground: &Ground) -> Vec<Row> {
    let Some(akao) = &ground.akao else {
        eprintln!("the figure `links` needs --akao PROGRAM and is left out");
        return Vec::new();
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, "type: SuccessNode\n").expect("a file");
    let rounds = if ground.quick { 30 } else { 100 };
    let counts = [0, 50, 1_000];
    for count in counts {
        link(&folder.path().join(count.to_string()), count);
    }
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (times, count) in times.iter_mut().zip(counts) {
            let mut command = Command::new(akao);
            command.arg("run").arg("--json").arg("--data-dir").arg(folder.path().join(count.to_string())).arg(&file);
            times.push(time(command));
        }
    }
    let [mut none, mut some, mut many] = times;
    let floor = (median(&mut none), "with none, median ms");
    let row = |count: usize, times: &mut Vec<f64>| {
        let name = format!("akao run with {count} linked nodes, whole process");
        Row::new(&name, median(times), "ms", Some(floor), Goal::RatioAtMost(1.2), ground.quick)
    };
    vec![row(50, &mut some), row(1_000, &mut many)]
}

/// A data directory in which so many packages are linked.
fn link(folder: &Path, count: usize) {
    let packages: serde_json::Map<String, serde_json::Value> = (0..count)
        .map(|number| {
            let id = format!("com.example.n{number}");
            (id.clone(), json!({"folder": format!("/nodes/{number}"), "version": "1.0.0", "nodes": [id]}))
        })
        .collect();
    std::fs::create_dir_all(folder.join("nodes")).expect("a folder");
    let text = json!({"akao_linked_nodes": 1, "packages": packages}).to_string();
    std::fs::write(folder.join("nodes/linked.json"), text).expect("a file");
}
