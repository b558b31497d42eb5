//! Snapshots that somebody else has written: what fits neither the program nor itself is refused, not stumbled over.

mod support;

use akao_flow::{Machine, RestoreError};
use serde_json::{Value, json};
use std::sync::Arc;
use support::Driver;

fn waiting() -> Driver {
    let mut driver = Driver::start(
        json!({"type": "Parallel", "children": [
            {"type": "Graph", "children": [
                {"type": "Hang", "id": "a"}, {"type": "Ok", "id": "b", "needs": ["a"]},
            ]},
            {"type": "ForEach", "props": {"items": [1, 2], "limit": 2}, "children": [
                {"type": "Sequence", "children": [{"type": "Set", "props": {"key": "k", "value": 1}}, {"type": "Hang"}]},
            ]},
            {"type": "Sequence", "children": [{"type": "Ok"}, {"type": "WaitForSignal", "props": {"signalName": "go"}}]},
        ]}),
        Value::Null,
    );
    // Not `run`: it would let the time of the wait pass.
    while driver.step() {}
    driver
}

/// Every place of a snapshot's state that holds a number, as a JSON pointer.
fn numbers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| numbers(item, &format!("{at}/{index}"), found));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            numbers(item, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        _ => {}
    }
}

#[test]
fn whatever_number_is_changed_the_machine_is_refused_or_answers() {
    let driver = waiting();
    let program = Arc::clone(driver.machine.program());
    let snapshot: Value = serde_json::from_slice(&driver.machine.snapshot()).unwrap();
    let mut places = Vec::new();
    numbers(&snapshot["state"], "/state", &mut places);
    assert!(places.len() > 100, "only {} numbers", places.len());
    let (mut refused, mut restored) = (0, 0);
    for place in &places {
        for number in [0, 1, 2, 3, 5, 8, 13, 1_000_000, u64::from(u32::MAX) - 1, u64::from(u32::MAX), u64::MAX] {
            let mut changed = snapshot.clone();
            *changed.pointer_mut(place).unwrap() = json!(number);
            let Ok(machine) = Machine::restore(Arc::clone(&program), changed.to_string().as_bytes(), true) else {
                refused += 1;
                continue;
            };
            restored += 1;
            let _ =
                (machine.waits(0), machine.held(), machine.status(), machine.missing_blobs(), machine.values_at(None));
            for command in machine.outstanding() {
                if let akao_flow::Command::RunStep(step) = command {
                    let node = machine.node_of(step.op).unwrap();
                    let _ = (machine.address_of(step.op), program.node_id(node));
                }
            }
            machine.snapshot();
        }
    }
    assert!(refused > 500 && restored > 100, "{refused} refused, {restored} restored");
}

#[test]
fn what_does_not_fit_is_named() {
    let driver = waiting();
    let program = Arc::clone(driver.machine.program());
    let snapshot: Value = serde_json::from_slice(&driver.machine.snapshot()).unwrap();
    let cases = [
        ("/state/frames/entries/0/node", json!(99), "a frame belongs to a node that is not there"),
        ("/state/frames/entries/0/scope", json!(99), "a frame stands in a scope that is not there"),
        ("/state/frames/entries/1/parent", json!(99), "a frame has a parent that is not there"),
        ("/state/frames/entries/1/slot", json!(99), "a frame is a child that its parent does not have"),
        ("/state/frames/entries/1/birth", json!(0), "a frame is older than its parent"),
        ("/state/frames/entries/0/first_child", json!(99), "a list of children leads nowhere"),
        ("/state/frames/free", json!([0]), "its lists of free places are wrong"),
        ("/state/scopes/entries/0/parent", json!(0), "scopes stand in each other"),
        ("/state/root_scope", json!(99), "its root is not there"),
        ("/state/frames/entries/0/live", json!(0), "a frame counts other children than it has"),
        ("/state/busy", json!(0), "it counts other operations than there are"),
        ("/state/next_op", json!(1), "its next operation has a number that was given"),
        ("/state/next_birth", json!(1), "its next frame has a number that was given"),
        ("/state/next_birth", json!(u64::MAX), "its next frame has a number that was given"),
    ];
    for (place, value, message) in cases {
        let mut changed = snapshot.clone();
        *changed.pointer_mut(place).unwrap_or_else(|| panic!("{place} in {snapshot:#}")) = value;
        match Machine::restore(Arc::clone(&program), changed.to_string().as_bytes(), true) {
            Err(RestoreError::Unsound(found)) => assert_eq!(found, message, "{place}"),
            other => panic!("{place}: {:?}", other.map(|machine| machine.snapshot().len())),
        }
    }
}
