//! The nodes of `examples/nodes`, by the one command that their README gives: built, tested and run as a workflow.

use serde_json::Value;
use std::{path::Path, process::Command};

#[test]
fn the_example_nodes_are_built_tested_and_run_by_one_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let examples = root.join("examples/nodes");
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = Command::new(examples.join("run.sh"));
    script.arg("--json").env("AKAO", env!("CARGO_BIN_EXE_akao")).env("NODES", folder.path().join("nodes"));
    // What is made on the way is kept between runs. Go's registry and other toolchains are not asked.
    script.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/nodes"));
    script.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    let output = script.env("AKAO_DATA_DIR", folder.path().join("data")).output().expect("bash is there");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let promise = std::fs::read_to_string(examples.join("expect.json")).expect("what the example promises");
    let promise: Value = serde_json::from_str(&promise).expect("JSON");
    assert_eq!(report["status"], promise["status"], "{report:#}\n{told}");
    assert_eq!(report["outputs"], promise["outputs"], "{told}");
    let tested = told.lines().filter(|line| line.contains(" passed.")).count();
    let nodes = std::fs::read_dir(&examples).expect("the examples").filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().join("_.yaml").is_file() && entry.path().join("tests").is_dir())
    });
    assert_eq!(tested, nodes.count(), "each node has tests, and they pass: {told}");
}
