//! A whole process: `akao run` of a workflow with one step, against `/bin/true`.

use super::floor::median;
use crate::{
    Ground,
    row::{Goal, Row},
};
use std::{
    process::{Command, Stdio},
    time::Instant,
};

pub(crate) fn time(mut command: Command) -> f64 {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a process");
    let elapsed = started.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "the program succeeds");
    elapsed
}

pub(super) fn one_step(ground: &Ground) -> Vec<Row> {
    let Some(akao) = &ground.akao else {
        eprintln!("the figure `process` needs --akao PROGRAM and is left out");
        return Vec::new();
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, "type: SuccessNode\n").expect("a file");
    let rounds = if ground.quick { 40 } else { 200 };
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floor.push(time(Command::new("/bin/true")));
        let mut command = Command::new(akao);
        command.arg("run").arg("--json").arg("--data-dir").arg(folder.path().join("data")).arg(&file);
        ours.push(time(command));
    }
    let floor = (median(&mut floor), "/bin/true, median ms");
    vec![Row::new(
        "akao run of a one-step workflow, whole process",
        median(&mut ours),
        "ms",
        Some(floor),
        Goal::RatioAtMost(20.0),
        ground.quick,
    )]
}
