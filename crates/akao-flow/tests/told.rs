//! What the interpreter tells people: whether a breakpoint has a place, and what an execution waits for.

mod support;

use akao_flow::Breakpoint;
use serde_json::{Value, json};
use support::{Driver, program};

#[test]
fn a_breakpoint_names_a_place_that_exists() {
    let leaf = json!({"type": "Ok", "id": "leaf"});
    let loops = json!({"type": "Retry", "props": {"attempts": 2}, "children": [
        {"type": "Sequence", "id": "deep", "children": [leaf]}
    ]});
    let below = json!({"type": "SubTree", "id": "below", "props": {"treeId": "part"}});
    let program = program(json!({
        "trees": {"part": loops},
        "root": {"type": "Sequence", "id": "main", "children": [below]},
    }));
    let check = |at: &str, condition: Option<&str>| {
        let breakpoint = Breakpoint { at: at.into(), condition: condition.map(Into::into), once: false };
        let problem = program.check_breakpoint(&breakpoint).err()?;
        Some((problem.message, problem.suggestion.unwrap_or_default()))
    };
    for at in ["main", "deep", "main->below", "/", "/0", "/0/0", "/0/0/0/0", "/0/0[7]/0"] {
        assert_eq!(check(at, None), None, "{at}");
    }
    for (at, message, suggestion) in [
        ("mian", "there is no node `mian` in this workflow", "Did you mean `main`?"),
        ("main->belwo", "there is no node `belwo` in this workflow", "Did you mean `below`?"),
        ("else", "there is no node `else` in this workflow", "The nodes are `deep`, `leaf`, `below` and `main`."),
        ("a->b->c", "`a->b->c` is no place; use a node id, an address or an edge `a->b`", ""),
        ("/1", "there is no step /1 in this workflow", "The Sequence at / has one child, number 0."),
        ("/0/1", "there is no step /0/1 in this workflow", "The SubTree at /0 has one child, number 0."),
        ("/0/0/0/0/0", "there is no step /0/0/0/0/0 in this workflow", "The Ok at /0/0/0/0 has no children."),
        ("/x", "`/x` is not a step address; an address looks like `/`, `/0/1` or `/0/2[17]/1`", ""),
    ] {
        let (told, meant) = check(at, None).unwrap_or_else(|| panic!("{at} is accepted"));
        assert_eq!((told.as_str(), sorted(&meant)), (message, sorted(suggestion)), "{at}");
    }
    let (message, _) = check("main", Some("input.n >")).expect("a problem");
    assert!(message.starts_with("the condition `input.n >` cannot be read: "), "{message}");
}

/// The names of a list in order of the alphabet: trees and root are lowered in an order that says nothing.
fn sorted(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> =
        text.split(|letter: char| " ,.`".contains(letter)).filter(|word| *word != "and").collect();
    words.sort_unstable();
    words
}

#[test]
fn waits_are_told_with_their_limit() {
    let signal = |name: &str, timeout: i64| json!({"type": "WaitForSignal", "props": {"signalName": name, "timeoutMs": timeout}});
    let below =
        |node_type: &str, props: Value, child: Value| json!({"type": node_type, "props": props, "children": [child]});
    let wait = json!({"type": "WaitAction", "props": {"duration": 9_000}});
    let cases = [
        (signal("go", 0), vec!["signal go"]),
        (signal("go", 300_000), vec!["signal go, at most 5m"]),
        (below("Timeout", json!({"timeoutMs": 61_500}), signal("go", 0)), vec!["signal go, at most 1m2s"]),
        (below("Timeout", json!({"timeoutMs": 60_000}), signal("go", 300_000)), vec!["signal go, at most 1m"]),
        (wait.clone(), vec!["timer"]),
        (below("Timeout", json!({"timeoutMs": 60_000}), wait.clone()), vec!["timer, at most 1m"]),
        (
            json!({"type": "Parallel", "children": [signal("a", 0), wait, signal("b", 500)]}),
            vec!["signal a", "timer", "signal b, at most 500ms"],
        ),
        (json!({"settings": {"timeout": "2m"}, "root": signal("go", 0)}), vec!["signal go, at most 2m"]),
    ];
    for (workflow, expected) in cases {
        let driver = Driver::start(workflow.clone(), json!({}));
        assert_eq!(driver.machine.waits(driver.now_ms), expected, "{workflow}");
    }
}
