//! The worker as the host meets it: over the node protocol, in this process and as the program.

use akao_javascript::worker::{self, ID};
use akao_node::{json, testing::TestHost};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn a_script_is_a_call() {
    let mut host = TestHost::new(worker::nodes());
    let script = "console.warn('half-way'); progress(0.5, 'half'); return { sum: rows.reduce((a, b) => a + b) }";
    let call = host.execute(ID, json!({"script": script, "inputs": {"rows": [1, 2, 3]}, "memory_bytes": 64_000_000}));
    assert!(call.success, "{:?}", call.error);
    assert_eq!(call.outputs, json!({"result": {"sum": 6}}));
    assert_eq!(call.logs, [("warn".to_owned(), "half-way".to_owned(), json!({}))]);
    assert_eq!(call.progress, [(Some(0.5), "half".to_owned())]);

    let call = host.execute(ID, json!({"script": "\nthrow new Error('no')"}));
    assert!(!call.success);
    assert_eq!(call.error["kind"], "user");
    assert_eq!(call.error["message"], "Error: no (line 2, column 11)");
    assert_eq!(call.error["retryable"], false);
    assert_eq!(call.error["detail"]["reason"], "script_exception");
}

#[test]
fn a_hostile_script_leaves_the_worker_to_the_next() {
    let mut host = TestHost::new(worker::nodes());
    let cases = [
        ("for (;;) {}", "timeout", "script_timeout"),
        ("const all = []; for (;;) all.push(new Array(1000).fill(1))", "resource", "script_memory"),
        ("(function deep() { deep() })()", "resource", "script_stack"),
        ("const line = 'x'.repeat(8000); for (;;) console.log(line)", "resource", "script_output"),
        ("return 'x'.repeat(20_000_000)", "user", "script_result"),
        ("return (", "input", "script_syntax"),
    ];
    for (script, kind, reason) in cases {
        let started = Instant::now();
        let timeout = if kind == "timeout" { 200 } else { 20_000 };
        let call = host.execute(ID, json!({"script": script, "timeout_ms": timeout, "memory_bytes": 64_000_000}));
        assert_eq!(
            (&call.error["kind"], &call.error["detail"]["reason"]),
            (&json!(kind), &json!(reason)),
            "{script}: {:?}",
            call.error
        );
        assert!(kind != "timeout" || started.elapsed() < Duration::from_secs(15));
        let call = host.execute(ID, json!({"script": "return 'well'"}));
        assert_eq!(call.outputs, json!({"result": "well"}), "after {script}");
    }
}

#[test]
fn a_cancel_stops_the_script() {
    let mut host = TestHost::new(worker::nodes());
    host.cancel_at_progress = true;
    let call = host.execute(ID, json!({"script": "progress(0); for (;;) {}", "timeout_ms": 20_000}));
    assert_eq!(call.error["kind"], "cancelled", "{:?}", call.error);
}

#[test]
fn calls_that_do_not_fit_are_refused() {
    let mut host = TestHost::new(worker::nodes());
    let cases = [
        (json!({}), "/script is required"),
        (json!({"script": 1}), "/script expected string, found integer"),
        (json!({"script": "", "inputs": []}), "/inputs expected object, found array"),
        (json!({"script": "", "memory_bytes": 1}), "a script needs at least 4000000 bytes of memory, `memory` says 1"),
    ];
    for (parameters, expected) in cases {
        let call = host.execute(ID, parameters);
        assert_eq!((&call.error["kind"], &call.error["message"]), (&json!("input"), &json!(expected)));
    }
}

#[test]
fn the_program_by_hand_says_what_it_is() {
    let program = env!("CARGO_BIN_EXE_akao-javascript");
    let ended = Command::new(program).stdin(Stdio::null()).output().expect("the program runs");
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).starts_with("This program is a node of Akao"));
}
