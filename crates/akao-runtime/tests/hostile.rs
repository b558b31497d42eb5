//! A node that misbehaves in every way the protocol, its process and its streams allow. Each time its step has one outcome
//! with a name, the next call in a new process succeeds, and a neighbour's process notices nothing.

mod support;

use akao_contract::{ErrorKind, OutcomeStatus};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Ground, Package, Step, result, until};

/// What is expected of a step.
enum Expected {
    /// A failure of this kind, whose message holds the text, with this `detail.reason`.
    Fails(ErrorKind, &'static str, &'static str),
    /// It succeeds all the same.
    Succeeds,
}

use ErrorKind::{Input, Internal, Permission, Protocol, Resource, Timeout, User};
use Expected::{Fails, Succeeds};

/// Name of the behaviour, what is expected, and whether the process is to be gone afterwards.
const CALLS: [(&str, Expected, bool); 56] = [
    ("exit_0", Fails(Internal, "exited with code 0 during the call", "outcome_unknown"), true),
    ("exit_3", Fails(Internal, "exited with code 3 during the call", "outcome_unknown"), true),
    ("segv", Fails(Internal, "was ended by SIGSEGV during the call", "outcome_unknown"), true),
    ("kill", Fails(Internal, "was ended by SIGKILL during the call", "outcome_unknown"), true),
    ("abort", Fails(Internal, "was ended by SIGABRT during the call", "outcome_unknown"), true),
    ("memory", Fails(Resource, "reached its limit of memory: 128MB (`resources.memory`)", "limit"), true),
    ("pids", Fails(Resource, "reached its limit of processes and threads: 64 (`resources.pids`)", "limit"), true),
    ("time", Fails(Timeout, "reached the end of its time", "outcome_unknown"), true),
    ("hang", Fails(Timeout, "did not answer before the step's deadline", "deadline"), true),
    ("deaf", Fails(Timeout, "did not answer before the step's deadline", "deadline"), true),
    ("stop", Fails(Timeout, "did not answer before the step's deadline", "deadline"), true),
    ("half_hang", Fails(Timeout, "did not answer before the step's deadline", "deadline"), true),
    ("half_exit", Fails(Protocol, "bytes of an unfinished message", "half_line"), true),
    ("garbage", Fails(Protocol, "a line that is not JSON", "not_json"), true),
    ("not_utf8", Fails(Protocol, "not UTF-8", "not_utf8"), true),
    ("nul", Fails(Protocol, "U+0000", "nul"), true),
    ("deep", Fails(Protocol, "more than 64 levels", "too_deep"), true),
    ("duplicate_key", Fails(Protocol, "the key \"id\" twice", "duplicate_key"), true),
    ("lone_surrogate", Fails(Protocol, "half of a surrogate pair", "lone_surrogate"), true),
    ("empty_line", Fails(Protocol, "broke the protocol", "not_json"), true),
    ("batch", Fails(Protocol, "not a message", "not_message"), true),
    ("old_version", Fails(Protocol, "not a message", "not_message"), true),
    ("number_id", Fails(Protocol, "not a message", "not_message"), true),
    ("null_error", Fails(Protocol, "could not read a message: what?", "peer_refused"), true),
    ("unknown_id", Fails(Protocol, "\"777777\", which was never made", "unknown_id"), true),
    ("long_line", Fails(Protocol, "a message of more than 1048576 bytes", "message_too_long"), true),
    ("compressed", Fails(Protocol, "did not agree on it", "not_negotiated"), true),
    ("request_flood", Fails(Protocol, "a flood of", "flood"), true),
    ("same_request", Fails(Protocol, "for two requests at once", "duplicate_request"), true),
    ("unasked_flood", Fails(Protocol, "a flood of", "flood"), true),
    ("no_credit", Fails(Protocol, "more than it was granted", "no_credit"), true),
    ("many_streams", Fails(Protocol, "more than 8 streams", "too_many_streams"), true),
    ("closes", Fails(Internal, "closed its socket and went on during the call", "outcome_unknown"), true),
    ("grandchild", Fails(Internal, "exited with code 0 during the call", "outcome_unknown"), true),
    ("twice", Succeeds, true),
    ("no_success", Fails(Protocol, "`success` is not a boolean", "bad_answer"), false),
    ("list_result", Fails(Protocol, "not an object", "bad_answer"), false),
    ("list_outputs", Fails(Protocol, "`outputs` is not an object", "bad_answer"), false),
    ("bad_metadata", Fails(Protocol, "`metadata` is not an object", "bad_answer"), false),
    ("undeclared", Fails(Protocol, "are not what its manifest says", "bad_outputs"), false),
    ("wrong_type", Fails(Protocol, "at /count: \"many\" is not of type \"integer\"", "bad_outputs"), false),
    ("big_integer", Fails(Protocol, "an integer beyond 2^53", "integer_too_large"), false),
    ("no_reason", Fails(Internal, "failed without saying why", ""), false),
    ("user", Fails(User, "no orders", ""), false),
    ("odd_kind", Fails(Internal, "odd", ""), false),
    ("rpc_resource", Fails(Resource, "answered with an error: it failed", ""), false),
    ("rpc_unknown", Fails(Protocol, "answered with an error: it failed", ""), false),
    ("rpc_permission", Fails(Permission, "answered with an error: it failed", ""), false),
    ("slowly", Succeeds, false),
    ("log_flood", Succeeds, false),
    ("progress_flood", Succeeds, false),
    ("stdout_flood", Succeeds, false),
    ("line_flood", Succeeds, false),
    ("escapes", Succeeds, false),
    ("lookalike", Succeeds, false),
    ("metadata", Succeeds, false),
];

/// Behaviours that never end by themselves.
const ENDLESS: [&str; 4] = ["hang", "deaf", "stop", "half_hang"];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_node_does_its_step_has_one_outcome_and_no_other_notices() {
    let ground = Ground::with(&Package::default());
    // Another tenant of the same runner.
    let neighbour = async || {
        let step = Step { tenant: "neighbour", ..Step::new("whoami") };
        result(&ground.step(step).await.outcome)["process"].clone()
    };
    let neighbours_process = neighbour().await;
    for (behaviour, expected, ends) in &CALLS {
        let before = result(&ground.call("whoami").await)["process"].clone();
        let mut step = Step::new(behaviour);
        step.deadline = ENDLESS.contains(behaviour).then_some(Duration::from_millis(400));
        let done = ground.step(step).await;
        check(behaviour, expected, &done.outcome);
        if *ends {
            let process = u32::try_from(before.as_u64().unwrap()).unwrap();
            until(behaviour, || support::is_alive(process), |alive| !alive).await;
            let listed = || ground.pool_of("local").instances.iter().any(|instance| instance.process == process);
            until(behaviour, listed, |listed| !listed).await;
        }
        let after = result(&ground.call("whoami").await)["process"].clone();
        assert_eq!(before != after, *ends, "{behaviour}: {before} {after}");
        assert_eq!(neighbour().await, neighbours_process, "{behaviour}");
    }
    for tenant in ["local", "neighbour"] {
        let pool = ground.pool_of(tenant);
        assert_eq!((pool.waiting, pool.instances.len()), (0, 1), "{pool:?}");
        assert_eq!(pool.counters.crashes == 0, tenant == "neighbour", "{pool:?}");
    }
    support::within("the shutdown", ground.runner.shutdown()).await;
    assert_eq!(ground.launch.alive(), [0_u32; 0]);
}

fn check(behaviour: &str, expected: &Expected, outcome: &akao_contract::Outcome) {
    match expected {
        Succeeds => assert_eq!(outcome.status, OutcomeStatus::Success, "{behaviour}: {outcome:?}"),
        Fails(kind, fragment, reason) => {
            let error = outcome.error.as_ref().unwrap_or_else(|| panic!("{behaviour}: {outcome:?}"));
            assert_eq!(error.kind, *kind, "{behaviour}: {error:?}");
            assert!(error.message.contains(fragment), "{behaviour}: {error:?}");
            let said = error.detail.get("reason").and_then(Value::as_str).unwrap_or_default();
            assert_eq!(said, *reason, "{behaviour}: {error:?}");
            assert!(!error.message.contains('\u{1b}'), "{behaviour}: {error:?}");
        }
    }
}

/// How the node begins, and what the step is told.
const STARTS: [(&str, ErrorKind, &str, &str); 10] = [
    ("hang", Timeout, "did not answer `node.info` within 700 ms of its start", "handshake_timeout"),
    ("exit", Internal, "exited with code 7 before it answered `node.info`", "crashed_at_start"),
    ("at_once", Internal, "exited with code 5 before it answered `node.info`", "crashed_at_start"),
    ("garbage", Protocol, "a line that is not JSON", "not_json"),
    ("error", Internal, "no licence found", ""),
    ("old", Protocol, "speaks version 99 of the protocol", "wrong_version"),
    ("other_id", Protocol, "it is `com.example.other`; its manifest says `com.example.hostile`", "wrong_id"),
    ("other_version", Protocol, "version `2.0.0`; its manifest says `1.0.0`", "wrong_version_of_node"),
    ("no_node", Protocol, "does not serve `com.example.hostile`", "node_missing"),
    ("no_version", Protocol, "`version` is not a string", "bad_answer"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_begins_wrongly_is_named_and_leaves_nothing() {
    for (start, kind, fragment, reason) in STARTS {
        let handshake = if start == "hang" { 700 } else { 30_000 };
        let settings =
            akao_runtime::RuntimeSettings { handshake_limit: Duration::from_millis(handshake), ..support::quick() };
        let ground = Ground::new(settings);
        ground.add(&Package { args: vec!["--start", start], ..Package::default() });
        let error = ground.call("well").await.error.unwrap_or_else(|| panic!("{start} succeeded"));
        assert_eq!(error.kind, kind, "{start}: {error:?}");
        assert!(error.message.contains(fragment), "{start}: {error:?}");
        let said = error.detail.get("reason").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(said, reason, "{start}: {error:?}");
        if start != "error" {
            assert!(error.suggestion().is_some(), "{start}: {error:?}");
        }
        if start == "exit" {
            assert_eq!(error.detail["lines"], json!(["Traceback: no module named orders"]), "{error:?}");
        }
        support::within("the shutdown", ground.runner.shutdown()).await;
        assert_eq!(ground.launch.alive(), [0_u32; 0], "{start}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_writes_is_the_log_of_its_step() {
    let ground = Ground::with(&Package::default());
    let texts = |done: &support::Done| done.logs.iter().map(|line| line.message.clone()).collect::<Vec<_>>();
    let done = ground.step(Step::new("escapes")).await;
    assert_eq!(texts(&done), ["red \u{fffd}", "warned"]);
    for _ in 0..20 {
        let done = ground.step(Step::new("prints")).await;
        assert_eq!(texts(&done), ["before the answer"]);
    }
    let done = ground.step(Step::new("lookalike")).await;
    assert_eq!(result(&done.outcome), "real");
    assert!(texts(&done)[0].contains("forged"), "{:?}", done.logs);
    let done = ground.step(Step::new("stream")).await;
    let mut lines = texts(&done);
    lines.sort_unstable();
    assert_eq!(lines, ["red: seen", "rows: 1,2", "rows: 3,4", "rows: 5,6"]);
    let done = ground.step(Step::new("line_flood")).await;
    assert_eq!(done.logs.len(), 2_001);
    assert!(done.logs[2_000].message.starts_with("[what follows is not kept"), "{:?}", done.logs[2_000]);
    let done = ground.step(Step::new("stdout_flood")).await;
    assert_eq!(texts(&done).iter().map(|text| text.len()).collect::<Vec<_>>(), [8 * 1024 + '…'.len_utf8()]);
    let done = ground.step(Step::new("log_flood")).await;
    assert!((500..3_000).contains(&done.logs.len()), "{}", done.logs.len());
    let done = ground.step(Step::new("field_flood").with(json!(100_000))).await;
    assert_eq!(result(&done.outcome), "done");
    let bytes: usize = texts(&done).iter().map(String::len).sum();
    assert!(bytes <= 256 * 1024 + 200, "{bytes} bytes of fields");
    assert!(
        texts(&done).last().is_some_and(|text| text.starts_with("[what follows is not kept")),
        "{:?}",
        done.logs.last()
    );
    let done = ground.step(Step::new("progress_flood")).await;
    assert!(done.progress > 0 && done.progress < 100, "{}", done.progress);
    let done = ground.step(Step::new("metadata")).await;
    assert_eq!(done.outcome.logs[0].message, "execution_time 12.500 ms, memory_used 20MB");
    ground.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_node_may_be_tried_again() {
    let ground = Ground::with(&Package { idempotent: true, ..Package::default() });
    let error = ground.call("exit_3").await.error.unwrap();
    assert_eq!((error.retryable, &error.detail["reason"]), (true, &json!("crashed")));
    assert_eq!(error.detail["usage"], json!({"cpu_ms": 1, "memory_peak_bytes": 2, "pids_peak": 3}));
    let reads = Ground::with(&Package { effects: "read", ..Package::default() });
    assert!(reads.call("exit_3").await.error.unwrap().retryable);
    let writes = Ground::with(&Package::default());
    assert!(!writes.call("exit_3").await.error.unwrap().retryable);
    let error = writes.call("memory").await.error.unwrap();
    assert_eq!((&error.detail["key"], &error.detail["amount"]), (&json!("resources.memory"), &json!(128_000_000)));
    assert!(error.suggestion().unwrap().contains("Raise `resources.memory`"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_fails_alone() {
    let ground = Ground::with(&Package::default());
    let process = result(&ground.call("whoami").await)["process"].clone();
    let long = Step::new("echo").with(json!("x".repeat(2 << 20)));
    let deep = Step::new("echo").with((0..80).fold(json!(1), |value, _| json!([value])));
    let cases = [
        (long, Input, "request_too_long"),
        (deep, Input, "request_too_deep"),
        (Step::new("echo").with(json!({"\0": 1})), Input, "request_nul"),
        (Step::new("echo").with(json!(1_u64 << 60)), Input, "integer_too_large"),
    ];
    for (step, kind, reason) in cases {
        let error = ground.step(step).await.outcome.error.unwrap();
        assert_eq!((error.kind, &error.detail["reason"]), (kind, &json!(reason)), "{error:?}");
        assert!(error.suggestion().is_some(), "{error:?}");
    }
    assert_eq!(result(&ground.call("whoami").await)["process"], process);
}
