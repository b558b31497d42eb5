//! Scripts that do not want to end, or want everything: each ends with a named error within its limits, and the next one runs.

mod support;

use akao_javascript::run;
use akao_node::{Failure, Kind, Map, Value, json};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use support::{Told, limits};

const MEMORY: u64 = 64_000_000;
const TIME: Duration = Duration::from_millis(300);
/// For scripts that end for another reason than their time.
const AMPLE: Duration = Duration::from_secs(20);
/// QuickJS asks between operations; single native ones may overrun, which the host's deadline then ends. None of these does.
const OVERRUN: Duration = Duration::from_secs(10);

/// The failure of a script, which must come soon after its time is over and leave this process fit for the next run.
fn ends(script: &str, time: Duration) -> Failure {
    let started = Instant::now();
    let ended = run(script, &Map::new(), limits(MEMORY, time), Rc::new(Told::default()));
    assert!(started.elapsed() < time + OVERRUN, "{:?} for {script:.100}", started.elapsed());
    let next = run("return [1, 2].map((x) => x + 1)", &Map::new(), limits(MEMORY, AMPLE), Rc::new(Told::default()));
    assert_eq!(next, Ok(json!([2, 3])), "after {script:.100}");
    ended.expect_err(script)
}

fn reason(failure: &Failure) -> (Kind, &str) {
    (failure.kind, failure.detail["reason"].as_str().unwrap_or_default())
}

#[test]
fn what_does_not_end_is_stopped() {
    let scripts = [
        "while (true) {}",
        "for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "[...Array(1000).keys()].sort(() => { for (;;) {} })",
        "return new Proxy({}, { ownKeys() { for (;;) {} } })",
        "return new Proxy({ a: 1 }, { get() { for (;;) {} } })",
        "return { get a() { for (;;) {} } }",
        "return { toJSON() { for (;;) {} } }",
        "const again = () => queueMicrotask(again); again()",
        "setInterval(() => {}, 1)",
        "await new Promise((go) => setTimeout(go, 1e9))",
        "function* all() { for (;;) yield 1 } for (const x of all());",
        "throw { toString() { for (;;) {} }, toJSON() { for (;;) {} } }",
        "throw Object.defineProperty(new Error(), 'message', { get() { for (;;) {} } })",
        "console.log({ get a() { for (;;) {} } })",
        "result = { then(resolve) { for (;;) {} } }; await result",
        "new URL({ toString() { for (;;) {} } })",
        "eval('for (;;) {}')",
        "while (true) { try { await Promise.reject(1) } catch {} }",
    ];
    for script in scripts {
        let failure = ends(script, TIME);
        assert_eq!(reason(&failure), (Kind::Timeout, "script_timeout"), "{script}\n{failure:?}");
    }
    // Each call of these holds memory; a fast machine has used it up before the time is. Where no room is left for the error itself, nothing
    // settles the promise, and the script is told to wait for nobody.
    for script in [
        "async function again() { await null; return again() } await again()",
        "Promise.resolve().then(function again() { return Promise.resolve().then(again) })",
    ] {
        let failure = ends(script, TIME);
        let known =
            [(Kind::Timeout, "script_timeout"), (Kind::Resource, "script_memory"), (Kind::User, "script_stuck")];
        assert!(known.contains(&reason(&failure)), "{script}\n{failure:?}");
    }
    let failure = ends("let n = 0\nconst more = () => n++\nfor (;;)\n  more()", TIME);
    assert!(failure.message.starts_with("the script did not end within its time"), "{failure:?}");
    assert_eq!(ends("for (;;);", TIME).message, "the script did not end within its time");
}

#[test]
fn what_takes_too_much_memory_is_stopped() {
    let scripts = [
        "const all = []; for (;;) all.push(new Array(1000).fill(1))",
        "let text = 'x'; for (;;) text += text",
        "new ArrayBuffer(1e9)",
        "new Uint8Array(2 ** 31)",
        "const all = []; for (;;) all.push({})",
        "const map = new Map(); for (let i = 0; ; i++) map.set(i, String(i).repeat(10))",
        "'x'.repeat(1e9)",
        "const all = []; for (;;) all.push(Promise.resolve())",
        "let n = 1n; for (;;) n = n * n + 3n",
        "const all = []; for (;;) { try { for (;;) all.push([1]) } catch { throw new Error('more') } }",
    ];
    for script in scripts {
        let failure = ends(script, AMPLE);
        let is_named = matches!(
            reason(&failure),
            (Kind::Resource, "script_memory") | (Kind::User, "script_exception") | (Kind::Timeout, "script_timeout")
        );
        assert!(is_named && !failure.message.is_empty(), "{script}\n{failure:?}");
    }
    let script = "const all = []\nfor (;;) all.push(new Array(1000).fill(1))";
    let failure = run(script, &Map::new(), limits(MEMORY, AMPLE), Rc::new(Told::default()));
    let failure = failure.expect_err("memory is bounded");
    assert!(failure.message.starts_with("the script needs more than 64 MB of memory"), "{failure:?}");
}

#[test]
fn memory_that_ran_out_is_told_apart_from_null_that_was_thrown() {
    // None of these leaves room for an error, so that QuickJS throws null; what was taken may be free again when it is seen.
    let out = [
        "let a; for (;;) a = { a }",
        "let f; for (;;) { const g = f; f = () => g }",
        "globalThis.a = undefined; for (;;) a = { a }",
        "await (async () => { let a; for (;;) a = { a } })()",
        "await new Promise(() => { let a; for (;;) a = { a } })",
        "let a; for (;;) { a = { a }; const round = {}; round.round = round }",
    ];
    for memory in [8_000_000, 9_999_999, MEMORY] {
        for script in out {
            let failure = run(script, &Map::new(), limits(memory, AMPLE), Rc::new(Told::default())).expect_err(script);
            assert_eq!(reason(&failure), (Kind::Resource, "script_memory"), "{memory}: {script}\n{failure:?}");
        }
    }
    let thrown = [
        "throw null",
        "await null; throw null",
        "Promise.reject(null)",
        "setTimeout(() => { throw null }, 1)",
        "const a = []; for (let i = 0; i < 1e5; i++) a.push({}); a.length = 0; throw null",
        "'x'.repeat(2e6); new ArrayBuffer(3e6); throw null",
        "try { new ArrayBuffer(1e9) } catch { } throw null",
    ];
    for script in thrown {
        let failure = run(script, &Map::new(), limits(MEMORY, AMPLE), Rc::new(Told::default())).expect_err(script);
        assert_eq!(reason(&failure), (Kind::User, "script_exception"), "{script}\n{failure:?}");
        assert!(failure.detail["line"] == json!(1) && failure.retryable == Some(false), "{script}\n{failure:?}");
    }
}

#[test]
fn what_calls_too_deeply_is_stopped() {
    let scripts = [
        "function deep() { return deep() + 1 } deep()",
        "const a = []; let b = a; for (let i = 0; i < 1e5; i++) { b[0] = []; b = b[0] } JSON.stringify(a)",
        "const deep = () => [1].map(deep); deep()",
        "new Proxy({}, { get(target, key, self) { return self[key] } }).x",
        "class A { get a() { return this.a } } new A().a",
        "eval('['.repeat(1e5))",
        "JSON.parse('['.repeat(1e5))",
        "new RegExp('('.repeat(1e5))",
    ];
    for script in scripts {
        let failure = ends(script, AMPLE);
        let is_named = matches!(failure.kind, Kind::Resource | Kind::User | Kind::Timeout);
        assert!(is_named && !failure.message.is_empty(), "{script}\n{failure:?}");
    }
    assert_eq!(reason(&ends("function deep() { return deep() + 1 } deep()", AMPLE)), (Kind::Resource, "script_stack"));
    let source = format!("return {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let failure = ends(&source, AMPLE);
    assert!(matches!(failure.kind, Kind::Resource | Kind::Input), "{failure:?}");
}

#[test]
fn nothing_is_run_of_a_script_that_closes_the_function_which_is_made_of_it() {
    const RUN: &str = "console.log('ran'), globalThis.progress(1)";
    for way in [
        "}); RUN; (async function () { return 1",
        "}); RUN; (async function () { if (1)",
        "}); RUN; (function () { label:",
        "}, RUN, async function () { return 1",
        "}[(RUN)] = async function () { return 1",
        "}.x = RUN, async function () {",
        "}((RUN)), async function () {",
        "} + (RUN) + async function () {",
        "}`${(RUN)}`, async function () {",
        "} ? (RUN) : async function () {",
        "}, { get a() { RUN } }.a, async function () {",
        "}, class { static { RUN } }, async function () {",
        "} : 0 } : 0; RUN; 0 ? function () { 0 ? async () => {",
        "} : (RUN) } : 0; RUN; 0 ? function () { 0 ? async () => {",
        "} : 0 } : 0; function toString() { RUN } 0 ? function () { 0 ? async () => {",
        "// }\n}); RUN; (async function () { /* { */ return 1",
        "import { a } from 'a'\n}); RUN; (async function () { return 1",
        "}); RUN; //",
        "}); RUN; /*",
    ] {
        let script = way.replace("RUN", RUN);
        let told = Rc::new(Told::default());
        let failure = run(&script, &Map::new(), limits(MEMORY, AMPLE), told.clone()).expect_err(&script);
        assert_eq!(reason(&failure), (Kind::Input, "script_syntax"), "{script}\n{failure:?}");
        assert!(told.lines.borrow().is_empty() && told.progress.borrow().is_empty(), "{script}: {:?}", told.lines);
    }
    for (script, result) in [
        ("return '}); (async function () {'", json!("}); (async function () {")),
        ("// })\nreturn /[}]/.test(`}${'}'}`) /* } */", json!(true)),
        ("if (new.target === undefined) { return arguments.length }", json!(1)),
        ("'use strict'; function own() { return this } return own() === undefined", json!(true)),
        ("var yield_ = { yield: 1 }; label: { break label } return await yield_.yield", json!(1)),
        ("throw_: { } result = { a: typeof throw_ } // }", json!({"a": "undefined"})),
    ] {
        let ended = run(script, &Map::new(), limits(MEMORY, AMPLE), Rc::new(Told::default()));
        assert_eq!(ended, Ok(result), "{script}");
    }
}

#[test]
fn results_beyond_their_bounds_are_refused() {
    let cases = [
        ("return 'x'.repeat(20_000_000)", "`result` is beyond the 1000000 bytes"),
        ("return { rows: Array(30).fill('x'.repeat(100_000)) }", "`result.rows[9]` is beyond the 1000000 bytes"),
        ("return Array(200_000).fill(0)", "beyond the 130000 values"),
        ("return new Array(4e9)", "`result` is beyond the 1000000 bytes"),
        ("let a = ['x'.repeat(100)]; for (let i = 0; i < 40; i++) a = [a, a]; return a", "beyond the"),
        ("return new Proxy([], { get: (t, key) => (key === 'length' ? 'long' : 1) })", "beyond the 130000 values"),
        ("let n = 0; return new Proxy([], { get: (t, key) => key === 'length' ? 2 ** 32 - 1 : 1 })", "beyond the"),
    ];
    for (script, expected) in cases {
        let failure = ends(script, AMPLE);
        assert!(failure.message.contains(expected), "{script}\n{failure:?}");
        assert_eq!(reason(&failure), (Kind::User, "script_result"), "{script}");
    }
}

#[test]
fn a_script_that_is_too_long_is_refused() {
    let failure = ends(&format!("return '{}'", "x".repeat(10_000_000)), AMPLE);
    assert_eq!(reason(&failure), (Kind::Input, "script_size"), "{failure:?}");
}

#[test]
fn a_log_is_cut_and_a_flood_ends_the_run() {
    let told = Rc::new(Told::default());
    let script = "for (let i = 0; i < 20_000; i++) console.log('line', i); return 'done'";
    assert_eq!(run(script, &Map::new(), limits(MEMORY, AMPLE), told.clone()), Ok(json!("done")));
    assert_eq!(told.lines.borrow().len(), 2_501);
    assert!(told.lines.borrow()[2_500].1.starts_with("the log ends here"), "{:?}", told.lines.borrow()[2_500]);

    let told = Rc::new(Told::default());
    let script = "const line = 'x'.repeat(8000); for (;;) console.log(line)";
    let failure = run(script, &Map::new(), limits(MEMORY, AMPLE), told.clone()).expect_err("it floods");
    assert_eq!(reason(&failure), (Kind::Resource, "script_output"), "{failure:?}");
    let bytes: usize = told.lines.borrow().iter().map(|(_, line)| line.len()).sum();
    assert!(bytes < 310_000, "{bytes}");
    let long = "const text = 'x'.repeat(1_000_000); for (let n = 0; n < 150; n++) console.log(text)";
    let failure = run(long, &Map::new(), limits(MEMORY, AMPLE), told.clone()).expect_err("what is cut off counts");
    assert_eq!(reason(&failure), (Kind::Resource, "script_output"), "{failure:?}");
    let long = "console.log('y'.repeat(1_000_000), Array(1e6).fill('z'))";
    assert_eq!(run(long, &Map::new(), limits(MEMORY, AMPLE), told.clone()), Ok(json!({})));
    assert!(told.lines.borrow().iter().all(|(_, line)| line.len() <= 8_010));
}

#[test]
fn a_cancelled_run_stops() {
    for script in [
        "progress(0.5, 'cancel me'); for (;;) {}",
        "progress(0.5, 'cancel me'); await new Promise((go) => setTimeout(go, 1e6))",
    ] {
        let started = Instant::now();
        let limits = limits(MEMORY, AMPLE);
        let failure = run(script, &Map::new(), limits, Rc::new(Told::default())).expect_err("it is cancelled");
        assert_eq!(failure.kind, Kind::Cancelled, "{failure:?}");
        assert!(started.elapsed() < AMPLE, "{:?}", started.elapsed());
    }
}

#[test]
fn many_timers_and_tiny_memory_are_named() {
    let failure = ends("for (;;) setTimeout(() => {}, 1e6)", AMPLE);
    assert!(failure.message.starts_with("RangeError: more than 10000 timers wait"), "{failure:?}");
    for memory in [1_000, 50_000, 200_000, 400_000, 1_000_000] {
        let inputs = json!({"rows": vec![json!({"a": 1}); 1_000]});
        let Value::Object(inputs) = inputs else { unreachable!("an object was made") };
        let ended = run("return rows.length", &inputs, limits(memory, AMPLE), Rc::new(Told::default()));
        assert!(
            ended.as_ref().is_ok_and(|rows| *rows == 1_000)
                || ended.as_ref().is_err_and(|failure| reason(failure) == (Kind::Resource, "script_memory")),
            "{memory}: {ended:?}"
        );
    }
}
