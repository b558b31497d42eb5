//! What each control node does, as tables: a tree, what happens to it, how it ends.

mod support;

use akao_contract::ExecutionStatus::{self, *};
use akao_flow::*;
use serde_json::{Value, json};
use support::*;

fn node(node_type: &str, children: Vec<Value>) -> Value {
    json!({"type": node_type, "children": children})
}

fn with(node_type: &str, props: Value, children: Vec<Value>) -> Value {
    json!({"type": node_type, "props": props, "children": children})
}

fn leaf(node_type: &str) -> Value {
    json!({"type": node_type})
}

fn set(key: &str, value: Value) -> Value {
    json!({"type": "Set", "props": {"key": key, "value": value}})
}

fn skipped() -> Value {
    json!({"type": "Ok", "if": false})
}

#[test]
fn composites_and_decorators_end_as_their_headers_say() {
    let (ok, fail, hang) = (|| leaf("Ok"), || leaf("Fail"), || leaf("Hang"));
    let cases: Vec<(&str, Value, ExecutionStatus)> = vec![
        ("empty sequence", node("Sequence", vec![]), Success),
        ("sequence", node("Sequence", vec![ok(), ok()]), Success),
        ("sequence fails", node("Sequence", vec![ok(), fail(), ok()]), Failure),
        ("sequence of skipped", node("Sequence", vec![skipped(), skipped()]), Skipped),
        ("sequence passes skipped over", node("Sequence", vec![skipped(), ok()]), Success),
        ("empty selector", node("Selector", vec![]), Failure),
        ("selector", node("Selector", vec![fail(), ok()]), Success),
        ("fallback is selector", node("Fallback", vec![fail(), ok()]), Success),
        ("selector all fail", node("Selector", vec![fail(), fail()]), Failure),
        ("selector of skipped", node("Selector", vec![skipped()]), Skipped),
        ("parallel", node("Parallel", vec![ok(), ok()]), Success),
        ("parallel halts the rest", node("Parallel", vec![fail(), hang()]), Failure),
        ("parallel any", with("Parallel", json!({"strategy": "any"}), vec![hang(), ok()]), Success),
        ("parallel any all fail", with("Parallel", json!({"strategy": "any"}), vec![fail(), fail()]), Failure),
        ("parallel threshold", with("Parallel", json!({"successThreshold": 2}), vec![ok(), fail(), ok()]), Success),
        (
            "parallel unreachable",
            with("Parallel", json!({"successThreshold": 2}), vec![fail(), fail(), hang()]),
            Failure,
        ),
        ("parallel bearable", with("Parallel", json!({"failureThreshold": 2}), vec![fail(), ok(), ok()]), Success),
        ("parallel of skipped", node("Parallel", vec![skipped(), skipped()]), Skipped),
        ("parallel limit", with("Parallel", json!({"limit": 1}), vec![ok(), ok(), ok()]), Success),
        ("race", node("Race", vec![hang(), fail()]), Failure),
        ("race won", node("Race", vec![hang(), ok()]), Success),
        ("conditional then", node("Conditional", vec![ok(), ok(), fail()]), Success),
        ("conditional else", node("Conditional", vec![fail(), fail(), ok()]), Success),
        ("conditional no else", node("Conditional", vec![fail(), ok()]), Failure),
        ("invert", node("Invert", vec![fail()]), Success),
        ("invert success", node("Invert", vec![ok()]), Failure),
        ("force success", node("ForceSuccess", vec![fail()]), Success),
        ("force failure", node("ForceFailure", vec![ok()]), Failure),
        ("soft assert", node("SoftAssert", vec![fail()]), Success),
        ("repeat stops at failure", with("Repeat", json!({"numCycles": 3}), vec![fail()]), Failure),
        ("timeout", with("Timeout", json!({"timeoutMs": 5}), vec![hang()]), Failure),
        ("timeout in time", with("Timeout", json!({"timeoutMs": 5}), vec![ok()]), Success),
        ("delay", with("Delay", json!({"delayMs": 5}), vec![ok()]), Success),
        ("wait", with("WaitAction", json!({"waitMs": 5}), vec![]), Success),
        ("precondition fails", with("Precondition", json!({"if": "1 > 2"}), vec![ok()]), Failure),
        ("precondition skipped", with("Precondition", json!({"if": "1 > 2", "else": "skipped"}), vec![ok()]), Skipped),
        ("precondition passes", node("Precondition", vec![ok()]), Success),
        ("breakpoint is transparent", node("Breakpoint", vec![ok()]), Success),
        ("recovery catches", node("Recovery", vec![fail(), ok()]), Success),
        ("recovery without catch", node("Recovery", vec![fail()]), Failure),
        ("recovery finally is ignored", node("Recovery", vec![ok(), ok(), fail()]), Success),
        ("keep running", node("KeepRunningUntilFailure", vec![fail()]), Success),
        (
            "keep running as BT.CPP",
            with("KeepRunningUntilFailure", json!({"result": "failure"}), vec![fail()]),
            Failure,
        ),
        ("for each nothing", with("ForEach", json!({"items": []}), vec![ok()]), Success),
        ("for each fails", with("ForEach", json!({"items": [1, 2]}), vec![fail()]), Failure),
        ("for each goes on", with("ForEach", json!({"items": [1], "onFailure": "continue"}), vec![fail()]), Success),
        ("for each of a number", with("ForEach", json!({"items": 7}), vec![ok()]), Failure),
        (
            "on_failure continue",
            json!({"type": "Sequence", "children": [{"type": "Fail", "on_failure": "continue"}, {"type": "Ok"}]}),
            Success,
        ),
        ("retry gives up", with("Retry", json!({"attempts": 2, "delayMs": 1}), vec![fail()]), Failure),
        ("while ends with its condition", node("While", vec![fail(), ok()]), Success),
        ("while is bounded", with("While", json!({"maxIterations": 3}), vec![ok(), ok()]), Failure),
        ("task expires", with("HumanTask", json!({"title": "t", "timeoutMs": 5}), vec![]), Failure),
        (
            "task approves itself",
            with("HumanTask", json!({"title": "t", "timeoutMs": 5, "onTimeout": "approve"}), vec![]),
            Success,
        ),
        ("signal in time", with("WaitForSignal", json!({"signalName": "s", "timeoutMs": 5}), vec![]), Failure),
    ];
    for (name, tree, expected) in cases {
        let mut driver = Driver::start(tree, Value::Null);
        driver.run();
        assert_eq!(driver.status(), expected, "{name}: {} {:?}", driver.error(), driver.trace);
        driver.assert_replays();
    }
}

#[test]
fn an_endless_loop_without_a_step_runs_out_of_fuel() {
    let mut driver =
        Driver::start(with("Repeat", json!({"numCycles": -1}), vec![node("Sequence", vec![])]), Value::Null);
    driver.run();
    assert_eq!(driver.status(), Failure);
    assert!(driver.error().starts_with("resource at /: more than 1000000 moves"), "{}", driver.error());
}

#[test]
fn finally_runs_once_when_the_execution_is_cancelled() {
    let tree = node(
        "Recovery",
        vec![leaf("Hang"), set("caught", json!(true)), json!({"type": "Add", "props": {"key": "closed"}})],
    );
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!(driver.status(), Running);
    driver.apply(Event::CancelRequested { reason: Some("enough".into()), force: false });
    driver.run();
    assert_eq!(driver.status(), Cancelled);
    assert_eq!((driver.bb("closed"), driver.bb("caught")), (json!(1), Value::Null));
    driver.assert_replays();
}

#[test]
fn a_reactive_sequence_halts_what_runs_when_its_condition_turns() {
    let check = json!({"type": "Check", "props": {"key": "open", "value": true}});
    let reactive = node("ReactiveSequence", vec![check, json!({"id": "work", "type": "Hang"})]);
    let closer = with("Delay", json!({"delayMs": 10}), vec![set("open", json!(false))]);
    let tree = node(
        "Sequence",
        vec![set("open", json!(true)), with("Parallel", json!({"haltOnDecided": false}), vec![reactive, closer])],
    );
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!(driver.status(), Failure, "{:?}", driver.trace);
    assert!(driver.trace.contains(&"cancel work".to_owned()), "{:?}", driver.trace);
    driver.assert_replays();
}

#[test]
fn loops_give_items_addresses_and_collected_results() {
    let tree = json!({
        "outputs": {"list": "${list}", "last": "${steps.twice.outputs.result}"},
        "root": {"type": "ForEach", "props": {"items": [3, 4], "indexKey": "at", "limit": 0, "collect": "${steps.twice.outputs.result}", "outputKey": "list"},
            "children": [{"id": "twice", "type": "Ok", "props": {"value": "${item * 2 + at}"}}]},
    });
    let mut driver = Driver::start(tree, Value::Null);
    let addresses: Vec<String> =
        driver.steps.keys().map(|op| driver.machine.address_of(*op).expect("open").to_string()).collect();
    assert_eq!(addresses, ["/[0]/0", "/[1]/0"]);
    driver.run();
    assert_eq!(driver.error(), "");
    let outputs = &driver.finish.as_ref().expect("an end").outputs;
    assert_eq!(json!(outputs), json!({"list": [6, 9], "last": 9}));
    driver.assert_replays();
}

#[test]
fn a_graph_stops_after_a_failure_but_lets_handlers_run() {
    let tree = json!({"type": "Graph", "children": [
        {"id": "a", "type": "Fail"},
        {"id": "b", "type": "Ok", "needs": ["a"]},
        {"id": "c", "type": "Set", "needs": ["a"], "if": "steps.a.status == 'failure'", "props": {"key": "handled", "value": true}},
        {"id": "d", "type": "Ok", "needs": ["b"]},
    ]});
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!(driver.status(), Failure);
    assert_eq!(driver.bb("handled"), json!(true));
    assert_eq!(driver.trace, ["a failure", "c success", "/ failure"]);
    driver.assert_replays();
}

#[test]
fn sub_trees_have_their_own_scope() {
    let tree = json!({
        "trees": {"t": {"type": "Sequence", "children": [
            {"type": "Set", "props": {"key": "inner", "value": "${given}-${outer}"}},
            {"type": "Set", "props": {"key": "outer", "value": "changed"}},
        ]}},
        "outputs": {"out": "${out}", "outer": "${outer}", "inner": "${inner | default('none')}"},
        "root": {"type": "Sequence", "children": [
            {"type": "Set", "props": {"key": "outer", "value": "o"}},
            {"type": "SubTree", "props": {"treeId": "t", "inputs": {"given": "g"}, "outputs": {"out": "${inner}"}}},
        ]},
    });
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!(driver.error(), "");
    assert_eq!(
        json!(driver.finish.as_ref().expect("an end").outputs),
        json!({"out": "g-o", "outer": "o", "inner": "none"})
    );
    driver.assert_replays();
}

#[test]
fn signals_are_matched_kept_and_refused() {
    let wait = with("WaitForSignal", json!({"signalName": "go", "timeoutMs": 0, "outputKey": "got"}), vec![]);
    let mut driver = Driver::start(node("Sequence", vec![leaf("Hang"), wait.clone()]), Value::Null);
    let signal = |payload: i64| Event::Signal { name: "go".into(), key: None, payload: json!(payload) };
    for payload in 0..SIGNAL_BUFFER_COUNT_MAX as i64 {
        assert_eq!(driver.machine.accepts_signal(&signal(payload)), Ok(()));
        driver.apply(signal(payload));
    }
    assert_eq!(driver.machine.accepts_signal(&signal(100)), Err(SignalRefused::TooMany("go".into())));

    let mut driver = Driver::start(wait, Value::Null);
    driver.run();
    assert_eq!(driver.status(), Waiting);
    driver.apply(signal(5));
    assert_eq!(driver.status(), Success);
    assert_eq!(driver.bb("got"), json!(5));
    driver.assert_replays();
}

#[test]
fn a_pause_holds_what_would_start_and_steps_go_one_by_one() {
    let tree = node(
        "Sequence",
        vec![
            json!({"id": "a", "type": "Ok"}),
            node("Sequence", vec![json!({"id": "b", "type": "Ok"})]),
            json!({"id": "c", "type": "Ok"}),
        ],
    );
    let mut start = start_of(Value::Null);
    start.breakpoints = vec![Breakpoint { at: "a".into(), condition: None, once: false }];
    let mut driver = Driver::start_with(program(tree), start);
    let held =
        |driver: &Driver| driver.machine.held().iter().map(|(address, _, _)| address.to_string()).collect::<Vec<_>>();
    assert_eq!((driver.status(), held(&driver)), (Paused, vec!["/0".to_owned()]));
    driver.apply(Event::Stepped { mode: StepMode::Over });
    driver.run();
    assert_eq!(held(&driver), ["/1"]);
    driver.apply(Event::Stepped { mode: StepMode::Into });
    assert_eq!(held(&driver), ["/1/0"]);
    driver.apply(Event::Stepped { mode: StepMode::Out });
    driver.run();
    assert_eq!(held(&driver), ["/2"]);
    driver.apply(Event::ValueEdited { path: "bb.x.y".into(), value: json!(1), at: None });
    driver.apply(Event::ResumeRequested);
    driver.run();
    assert_eq!((driver.status(), driver.bb("x")), (Success, json!({"y": 1})));
    driver.assert_replays();
}

#[test]
fn a_forced_cancel_begins_no_finally() {
    let tree = || node("Recovery", vec![leaf("Hang"), leaf("Ok"), json!({"type": "Add", "props": {"key": "closed"}})]);
    for (force, closed) in [(false, json!(1)), (true, Value::Null)] {
        let mut driver = Driver::start(tree(), Value::Null);
        driver.apply(Event::CancelRequested { reason: None, force });
        driver.run();
        assert_eq!((driver.status(), driver.bb("closed")), (Cancelled, closed), "force: {force}");
        driver.assert_replays();
    }
}

#[test]
fn a_cancel_ends_a_pause_and_runs_finally() {
    let tree = node("Recovery", vec![leaf("Ok"), leaf("Ok"), json!({"type": "Add", "props": {"key": "closed"}})]);
    let mut start = start_of(Value::Null);
    start.breakpoints = vec![Breakpoint { at: "/0".into(), condition: None, once: false }];
    let mut driver = Driver::start_with(program(tree), start);
    assert_eq!(driver.status(), Paused);
    driver.apply(Event::CancelRequested { reason: None, force: false });
    driver.run();
    assert_eq!((driver.status(), driver.bb("closed")), (Cancelled, json!(1)));
    driver.assert_replays();
}

#[test]
fn a_halt_meets_the_node_it_was_meant_for() {
    // The first child ends in the same moment in which it is to be halted; `finally` of the second takes its place.
    let pinned = || json!({"type": "Ok", "pin": 1});
    let finally = json!({"type": "Add", "props": {"key": "closed"}});
    let tree = node(
        "Parallel",
        vec![
            node("Sequence", vec![pinned()]),
            node("Recovery", vec![pinned(), leaf("Ok"), finally]),
            with("Precondition", json!({"if": false}), vec![leaf("Ok")]),
        ],
    );
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!((driver.status(), driver.bb("closed")), (Failure, json!(1)), "{:?}", driver.trace);
    driver.assert_replays();
}

#[test]
fn the_first_of_many_failures_is_the_error_of_a_parallel() {
    let fail = |at: usize| json!({"type": "Fail", "props": {"message": format!("number {at}")}});
    for node_type in ["Parallel", "Graph"] {
        let children: Vec<Value> = (0..40).map(fail).collect();
        let props = if node_type == "Parallel" { json!({"strategy": "any"}) } else { json!({}) };
        let mut driver = Driver::start(with(node_type, props, children), Value::Null);
        driver.run();
        assert_eq!(driver.error(), "user at /0: number 0", "{node_type}");
    }
}

#[test]
fn a_halted_loop_leaves_no_scopes() {
    let each = with("ForEach", json!({"items": [1, 2, 3], "limit": 0}), vec![leaf("Hang")]);
    let tree = node("Race", vec![each, leaf("Ok")]);
    let mut driver = Driver::start(tree, Value::Null);
    driver.run();
    assert_eq!(driver.status(), Success);
    let snapshot: Value = serde_json::from_slice(&driver.machine.snapshot()).expect("JSON");
    let scopes = snapshot["state"]["scopes"]["entries"].as_array().expect("a list").iter();
    assert_eq!(scopes.filter(|scope| !scope.is_null()).count(), 1);
}
