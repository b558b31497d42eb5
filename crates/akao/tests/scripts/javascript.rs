//! The same for JavaScript: its worker serves many runs, each in a fresh QuickJS, and is replaced when it had to be ended.
//!
//! Case 93 of the catalogue, and 94 for what one run finds of another; the single operations of QuickJS are tried in its own crate.

use crate::{
    bench::{Case, Ran, run_all, run_in_turn},
    desk::{Desk, users},
};
use serde_json::{Value, json};

fn script(text: &str) -> Case {
    Case::of("JavaScriptInterpreter", text)
}

fn told(ran: &Ran) -> (&str, &str) {
    (ran.error["kind"].as_str().unwrap_or_default(), ran.error["detail"]["reason"].as_str().unwrap_or_default())
}

#[test]
fn the_example_of_the_node_ends_as_it_says() {
    for user in users() {
        let desk = Desk::new(user);
        let shown = desk.akao(&["node-info", "JavaScriptInterpreter", "--json"]).json();
        let example = &shown["examples"][0];
        desk.write("w.yaml", example["workflow"].as_str().expect("a workflow"));
        let run = desk.akao(&["run", "w.yaml", "--json"]);
        assert_eq!((run.code, &run.json()["outputs"]), (0, &example["outputs"]), "{run:?}");
    }
}

#[test]
fn scripts_give_results_and_fail_with_their_own_lines() {
    let given = json!({"a": 2, "text": "it's {{ a }} and ${b}", "with space": 1, "result": 5});
    let cases = [
        (script("return a + 1").with("inputs", given.clone()), json!(3)),
        (script("result = await Promise.resolve(text)").with("inputs", given.clone()), json!("it's {{ a }} and ${b}")),
        (script("return `${inputs['with space']}-${inputs.result}`").with("inputs", given), json!("1-5")),
        (script("const unused = 1"), json!({})),
        (script("return 'x'.repeat(3_000_000).length"), json!(3_000_000)),
    ];
    for user in users() {
        let desk = Desk::new(user);
        let ran = run_all(&desk, &cases.iter().map(|(case, _)| case.clone()).collect::<Vec<_>>());
        for ((case, expected), ran) in cases.iter().zip(&ran) {
            assert_eq!(ran.result, *expected, "{}: {ran:?}", case.script);
        }
        let ran = run_all(&desk, &[script("const x = 1;\nthrow new TypeError('no')")]);
        assert_eq!(told(&ran[0]), ("user", "script_exception"), "{ran:?}");
        assert_eq!(ran[0].error["message"], "TypeError: no (line 2, column 11)");
    }
}

#[test]
fn what_is_listed_of_the_default_environment_is_there() {
    let desk = Desk::new(users()[0]);
    let listed = desk.akao(&["env", "list", "default", "--json"]).json();
    let one = &listed["environments"][0];
    assert_eq!((&one["language"], &one["interpreter"]), (&json!("JavaScript"), &json!("QuickJS")), "{listed:#}");
    let names = one["modules"].clone();
    let case = script("return names.filter((name) => globalThis[name] === undefined)")
        .with("inputs", json!({ "names": names }));
    let ran = run_all(&desk, &[case.clone(), case.with("environment", json!("default"))]);
    assert_eq!((&ran[0].result, &ran[1].result), (&json!([]), &json!([])), "{ran:?}");
    assert!(names.as_array().is_some_and(|names| names.len() > 15), "{names}");
}

#[test]
fn hostile_scripts_end_with_a_name_and_the_next_one_runs() {
    let hostile = [
        ("for (;;) {}", "timeout", "script_timeout"),
        ("Array.prototype.indexOf.call({ length: 2 ** 52 }, 1)", "timeout", "script_timeout"),
        // A single operation that QuickJS does not interrupt, of minutes: the worker is ended from outside, and replaced.
        (
            "return Object.keys(new Proxy({}, { ownKeys: () => Array.from({ length: 6e5 }, (_, i) => `k${i}`), \
             getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) })).length",
            "timeout",
            "script_timeout",
        ),
        ("return new Array(2 ** 32 - 1).join('x').length", "timeout", "script_timeout"),
        ("const all = []; for (;;) all.push(new Array(1000).fill(1))", "resource", "script_memory"),
        ("(function deep() { deep() })()", "resource", "script_stack"),
        ("const line = 'x'.repeat(8000); for (;;) console.log(line)", "resource", "script_output"),
        ("return { get a() { throw new Error('no') } }", "user", "script_exception"),
        ("return 'x'.repeat(30_000_000)", "user", "script_result"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "timeout", "script_timeout"),
        ("const all = []; for (;;) all.push(new Uint8Array(10_000_000).fill(1))", "resource", "script_memory"),
        ("const all = []; for (;;) all.push(new SharedArrayBuffer(10_000_000))", "resource", "script_memory"),
        ("let n = 10n; for (;;) n *= n", "user", "script_exception"),
        ("const all = []; for (;;) all.push(setTimeout(() => {}, 1e9))", "user", "script_exception"),
        ("(function again() { Promise.resolve().then(again) })()", "timeout", "script_timeout"),
        ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", "user", "script_exception"),
        ("await new Promise(() => {})", "user", "script_stuck"),
        ("JSON.parse('['.repeat(5_000_000))", "resource", "script_stack"),
        ("eval('(' .repeat(1e6))", "resource", "script_stack"),
        ("throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })", "user", "script_exception"),
        ("Error.prepareStackTrace = () => { for (;;) {} }; throw new Error('x')", "timeout", "script_timeout"),
        ("for (;;) progress(0.5, 'x'.repeat(5000))", "timeout", "script_timeout"),
        ("await fetch('http://169.254.169.254/')", "permission", "script_exception"),
        ("await import('/etc/passwd')", "user", "script_exception"),
    ];
    let with = |text: &str, kind: &str| {
        let timeout = if kind == "timeout" { "1s" } else { "20s" };
        script(text).with("timeout", json!(timeout)).with("memory", json!("64MB"))
    };
    let pairs = hostile.iter().flat_map(|(text, kind, _)| [with(text, kind), script("return 'well'")]);
    let ran = run_in_turn(&Desk::new(users()[0]), &pairs.collect::<Vec<_>>());
    for ((text, kind, reason), pair) in hostile.iter().zip(ran.chunks(2)) {
        assert_eq!(told(&pair[0]).0, *kind, "{text}: {:?}", pair[0]);
        assert_eq!(told(&pair[0]).1, *reason, "{text}: {:?}", pair[0]);
        if *kind == "timeout" {
            let detail = &pair[0].error["detail"];
            assert_eq!((&detail["limit"], &detail["value"]), (&json!("timeout"), &json!("1s")), "{text}: {detail}");
            assert!(detail.get("key").is_none() && detail.get("amount").is_none(), "{text}: {detail}");
        }
        assert_eq!(pair[1].result, json!("well"), "after {text}: {:?}", pair[1]);
    }
}

#[test]
fn a_run_finds_nothing_of_the_one_before() {
    let plant = "const found = ['planted', 'kept'].filter((name) => name in globalThis);
        if ({}.planted) found.push('prototype');
        globalThis.kept = 1; Object.prototype.planted = 1; JSON.stringify = () => 'forged'; Array.prototype.filter = () => ['forged'];
        return { found, random: Math.random(), uuid: crypto.randomUUID() }";
    let ran = run_in_turn(&Desk::new(users()[0]), &vec![script(plant); 6]);
    let drawn =
        |name: &str| ran.iter().map(|ran| ran.result[name].to_string()).collect::<std::collections::BTreeSet<_>>();
    assert!(ran.iter().all(|ran| ran.result["found"] == Value::Array(Vec::new())), "{ran:?}");
    assert_eq!((drawn("random").len(), drawn("uuid").len()), (6, 6), "{ran:?}");
}

#[test]
fn what_another_script_took_of_memory_is_not_told_of_the_next() {
    let script = |text: &str| {
        Case::of("JavaScriptInterpreter", text).with("memory", json!("64MB")).with("timeout", json!("60s"))
    };
    let cases = [
        script("const all = []; for (let at = 0; at < 56; at++) all.push('x'.repeat(1e6)); return all.length"),
        script("throw null"),
        script("const all = []; for (let at = 0;; at++) all.push(String(at).repeat(10))"),
        script("throw null"),
    ];
    let desk = Desk::new(users()[0]);
    let ran = run_in_turn(&desk, &cases);
    assert_eq!(ran[0].result, json!(56), "{ran:?}");
    let reasons: Vec<_> = ran[1..].iter().map(|ran| &ran.error["detail"]["reason"]).collect();
    assert_eq!(reasons, ["script_exception", "script_memory", "script_exception"], "{ran:?}");
}
