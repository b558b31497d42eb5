//! What scripts may rely on: inputs, result, log, progress, failures with their own lines, a fresh state.

mod support;

use akao_node::{Kind, Level, Value, json};
use support::{failure, outcome, result};

#[test]
fn a_script_gives_what_it_returns_or_sets() {
    let cases = [
        ("return 1 + 1", json!(2)),
        ("result = [1, 'a', null, true]", json!([1, "a", null, true])),
        ("const result = { a: 1.5 }", json!({"a": 1.5})),
        ("let result; result = 3", json!(3)),
        ("var result = 4; // the end", json!(4)),
        ("'use strict'; result = 5", json!(5)),
        ("return null", json!(null)),
        ("result = 1; return 2", json!(2)),
        ("result = 1; return", json!(1)),
        ("result = 1; if (result) return undefined; result = 2", json!(1)),
        ("", json!({})),
        ("return", json!({})),
        ("const x = 7", json!({})),
        ("\u{feff}return 'mark'", json!("mark")),
        ("/* no end of line */ return `a\n${1}`", json!("a\n1")),
        ("return new Function('return 5')()", json!(5)),
        ("return eval('2 * 3')", json!(6)),
    ];
    for (script, expected) in cases {
        assert_eq!(result(script), expected, "{script}");
    }
}

#[test]
fn a_script_may_await_and_is_waited_for() {
    let cases = [
        ("return await Promise.resolve(1)", json!(1)),
        ("return new Promise((resolve) => setTimeout(resolve, 5, 'later'))", json!("later")),
        (
            "const wait = (time) => new Promise((go) => setTimeout(go, time)); await wait(2); return 'waited'",
            json!("waited"),
        ),
        ("async function main() { await null; result = 'from main' } main()", json!("from main")),
        ("let result = 0; setTimeout(() => { result = 1 }, 3)", json!(1)),
        ("queueMicrotask(() => { result = 'micro' })", json!("micro")),
        ("let n = 0; const id = setInterval(() => { if (++n === 3) { clearInterval(id); result = n } }, 1)", json!(3)),
        ("setTimeout(() => { result = 'no' }, 5_000); return 'at once'", json!("at once")),
        (
            "const id = setTimeout(() => { result = 'no' }, 1); clearTimeout(id); await new Promise((go) => setTimeout(go, 5)); return 'cleared'",
            json!("cleared"),
        ),
        (
            "const order = []; setTimeout(() => order.push('b'), 2); setTimeout(() => order.push('a'), 1); await new Promise((go) => setTimeout(go, 6)); return order",
            json!(["a", "b"]),
        ),
        (
            "for await (const x of [Promise.resolve(1), 2]) result = (globalThis.sum = (globalThis.sum ?? 0) + x)",
            json!(3),
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(result(script), expected, "{script}");
    }
}

#[test]
fn inputs_are_variables_and_what_cannot_be_one_is_in_inputs() {
    let inputs = json!({
        "orders": [{"total": 2}, {"total": 3}], "a b": 1, "1st": 2, "result": "theirs", "inputs": "own", "JSON": 5, "class": 6,
        "__proto__": {"polluted": true}, "constructor": 7, "é": 8, "console": 9, "undefined": 10, "toString": 11,
    });
    let cases = [
        ("return orders.reduce((sum, order) => sum + order.total, 0)", json!(5)),
        ("let orders = inputs.orders.length; return orders", json!(2)),
        (
            "return [inputs['a b'], inputs['1st'], inputs.class, inputs.result, inputs.inputs]",
            json!([1, 2, 6, "theirs", "own"]),
        ),
        ("const x = 1", json!({})),
        (
            "return [typeof JSON.parse, inputs.JSON, typeof console.log, inputs.console]",
            json!(["function", 5, "function", 9]),
        ),
        (
            "return [({}).polluted ?? null, Object.hasOwn(inputs, '__proto__'), inputs['__proto__'].polluted]",
            json!([null, true, true]),
        ),
        (
            "return [é, typeof undefined, inputs.undefined, inputs.constructor, inputs.toString]",
            json!([8, "undefined", 10, 7, 11]),
        ),
        ("orders.push(1); return [inputs.orders.length, Object.keys(inputs).length]", json!([3, 13])),
    ];
    for (script, expected) in cases {
        let found = outcome(script, inputs.clone()).0;
        assert_eq!(found.as_ref(), Ok(&expected), "{script}");
    }
}

#[test]
fn numbers_and_text_pass_unchanged() {
    let values =
        json!([0, -1, 9_007_199_254_740_991_i64, 0.1, 1e300, 5e-324, "ä\u{1f600}\u{2028}\"\\\u{7f}\u{0}", "", [], {}]);
    let found = outcome("return values", json!({"values": values})).0;
    assert_eq!(found, Ok(values));
}

#[test]
fn results_follow_the_rules_for_json() {
    let cases = [
        ("return { a: undefined, b: [undefined, , 1] }", json!({"b": [null, null, 1]})),
        ("return new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("return new Map([['a', new Set([1, 2])], [3, new Map()]])", json!({"3": {}, "a": [1, 2]})),
        ("return new Uint8Array([1, 2, 255])", json!([1, 2, 255])),
        ("return [new Number(1), new String('a'), new Boolean(false), -0]", json!([1, "a", false, 0])),
        ("class P { constructor() { this.x = 1 } get y() { return 2 } } return new P()", json!({"x": 1})),
        ("return { toJSON: () => ({ own: 1 }) }", json!({"own": 1})),
        ("return new URL('https://h/p?q=1')", json!("https://h/p?q=1")),
        ("return Object.create(null, { a: { value: 1, enumerable: true }, b: { value: 2 } })", json!({"a": 1})),
        ("return ['\\ud800', 'a\\udc00b', '\\ud83d\\ude00']", json!(["\u{fffd}", "a\u{fffd}b", "\u{1f600}"])),
        ("const shared = { a: 1 }; return [shared, shared]", json!([{"a": 1}, {"a": 1}])),
        ("return { ['__proto__']: 1, constructor: 2 }", json!({"__proto__": 1, "constructor": 2})),
        ("Object.prototype.more = 1; return { a: 1 }", json!({"a": 1})),
        ("return new Proxy({ a: 1 }, {})", json!({"a": 1})),
        ("return new Proxy([1, [2]], {})", json!([1, [2]])),
        ("return [1e21, 2 ** 53, 1.5]", json!([1e21, 9_007_199_254_740_992.0, 1.5])),
    ];
    for (script, expected) in cases {
        assert_eq!(result(script), expected, "{script}");
    }
}

#[test]
fn what_is_not_json_is_named_with_its_place() {
    let cases = [
        ("return { rows: [1, { fn() {} }] }", "`result.rows[1].fn` is a function"),
        ("result = [NaN]", "`result[0]` is NaN, which JSON cannot say"),
        ("return -Infinity", "`result` is -Infinity, which JSON cannot say"),
        ("return { id: 10n }", "`result.id` is a BigInt: give Number(value) or String(value)"),
        ("return [Symbol('x')]", "`result[0]` is a symbol"),
        ("const a = {}; a.b = { a }; return a", "`result.b.a` refers to what it stands in"),
        ("return { 'a b': { c: new Date(NaN) } }", "`result[\"a b\"].c` is an invalid Date"),
        ("return [Promise.resolve(1)]", "`result[0]` is a promise: await it"),
        ("return new Error('x')", "`result` is an error: throw it, or give its message"),
        ("return /x/", "`result` is a RegExp: give its source"),
        ("return new Map([[{}, 1]])", "`result` is a Map with a key of type object: use text or numbers"),
        ("return new WeakMap()", "`result` is a WeakMap"),
        ("return [1].values()", "`result` is an iterator: give [...value]"),
        (
            "async function* all() { yield 1 } return [all()]",
            "`result[0]` is an asynchronous iterator: collect its values with `for await`",
        ),
        ("return { a: { ['b\\0']: 1 } }", "`result.a` has a key that holds a null character"),
        ("return new ArrayBuffer(1)", "`result` is a ArrayBuffer: give new Uint8Array(value)"),
        ("let a = []; for (let i = 0; i < 60; i++) a = [a]; return a", "is nested deeper than 56 levels"),
        // As it is written, each of them takes more bytes than it has.
        ("return { a: '\\u0001'.repeat(200_000) }", "`result.a` is beyond the 1000000 bytes that a result may have"),
        ("return ['\"'.repeat(600_000)]", "`result[0]` is beyond the 1000000 bytes that a result may have"),
        ("return { ['\\n'.repeat(600_000)]: 1 }", "`result` is beyond the 1000000 bytes that a result may have"),
        ("return Array(60_000).fill(0.1234567890123456)", "is beyond the 1000000 bytes that a result may have"),
    ];
    for (script, expected) in cases {
        let found = failure(script);
        assert!(found.message.ends_with(expected), "{script}\n{found:?}");
        assert_eq!((found.kind, &found.detail["reason"]), (Kind::User, &json!("script_result")), "{script}");
        assert!(found.detail["path"].as_str().is_some_and(|path| path.starts_with("result")), "{found:?}");
    }
    let thrown = failure("return { a: { get b() { throw new TypeError('no') } } }");
    assert_eq!(thrown.message, "reading `result.a.b`: TypeError: no (line 1, column 35)");
}

#[test]
fn failures_show_the_scripts_own_lines() {
    let cases = [
        ("\n  throw new Error('no')", "Error: no (line 2, column 13)", Kind::User),
        ("const a = null;\nreturn a.b", "TypeError: cannot read property 'b' of null (line 2, column 8)", Kind::User),
        ("return missing", "ReferenceError: missing is not defined (line 1, column 8)", Kind::User),
        ("await null;\nthrow new RangeError('later')", "RangeError: later (line 2, column 11)", Kind::User),
        ("throw 'plain'", "plain", Kind::User),
        ("throw { code: 7 }", "{\"code\":7}", Kind::User),
        (
            "throw undefined",
            "the script threw undefined, which says nothing about what is wrong (line 1, column 1)",
            Kind::User,
        ),
        (
            "const a = 1\n  throw null",
            "the script threw null, which says nothing about what is wrong (line 2, column 3)",
            Kind::User,
        ),
        (
            "\nPromise.reject(null)",
            "the script threw null, which says nothing about what is wrong (line 2, column 9)",
            Kind::User,
        ),
        (
            "await Promise.reject(undefined)",
            "the script threw undefined, which says nothing about what is wrong (line 1, column 15)",
            Kind::User,
        ),
        (
            "const a = [null, 1]; throw a[0]",
            "the script threw null, which says nothing about what is wrong",
            Kind::User,
        ),
        (
            "class Own extends Error { get name() { return 'Own' } }\nthrow new Own('kind')",
            "Own: kind (line 2, column 11)",
            Kind::User,
        ),
        (
            "const x = ;",
            "the script is not JavaScript: SyntaxError: unexpected token in expression: ';' (line 1, column 11)",
            Kind::Input,
        ),
        ("return 1;\n}", "the script is not JavaScript: ", Kind::Input),
        ("if (true) {\n  x = 1", "the script is not JavaScript: ", Kind::Input),
        ("a\0b", "the script is not JavaScript: it holds a NUL character in line 1", Kind::Input),
        ("await new Promise(() => {})", "the script waits for a promise that nothing settles", Kind::User),
        ("Promise.reject(new Error('lost'))", "Error: lost (line 1, column 20)", Kind::User),
        (
            "async function main() {\n  throw new Error('in main')\n}\nmain()",
            "Error: in main (line 2, column 13)",
            Kind::User,
        ),
        ("setTimeout(() => { throw new Error('in timer') }, 1)", "Error: in timer (line 1, column 30)", Kind::User),
        ("await import('fs')", "", Kind::User),
        ("import fs from 'fs'", "Error: there is no module `fs` (line 1, column 1)", Kind::User),
        (
            "await fetch('https://example.com')",
            "TypeError: fetch failed: `host.fetch` is not available here",
            Kind::Permission,
        ),
        (
            "new URL('nothing')",
            "TypeError: Invalid URL: nothing is relative, and no base is given (line 1, column 5)",
            Kind::User,
        ),
    ];
    let differs = |(script, expected, kind): &(&str, &str, Kind)| {
        let found = failure(script);
        let fits = found.message.starts_with(expected) && found.kind == *kind;
        (!fits).then(|| format!("{script}\n  {expected}\n  {found:?}"))
    };
    let different: Vec<String> = cases.iter().filter_map(differs).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_script_that_is_cut_off_is_told_so_and_nothing_of_what_stands_around_it() {
    let cut_off = "it ends in the middle of an expression or of what a bracket opens";
    let too_many = "it closes more brackets than it opens";
    let cases = [
        ("return [1,2", cut_off, " (line 1, column 12)"),
        ("function f(", cut_off, " (line 1, column 12)"),
        ("return 1 +\n\n", cut_off, " (line 1, column 11)"),
        ("result =", cut_off, " (line 1, column 9)"),
        ("const f = () =>", cut_off, " (line 1, column 16)"),
        ("if (true) {\n  x = 1\n", cut_off, " (line 2, column 8)"),
        ("foo({ a: 1,", cut_off, " (line 1, column 12)"),
        ("return 1;\n}", too_many, ""),
        ("}); (async function () { return 1", too_many, ""),
        ("}, async function () { return 1", too_many, ""),
        ("}[Function.prototype.toString = () => ''] = async function () { return 1", too_many, ""),
        ("import fs from 'fs'\nreturn [", cut_off, " (line 2, column 9)"),
        ("import fs from 'fs'\nreturn 1 }", too_many, ""),
        ("return `a", "SyntaxError: unexpected end of string", " (line 1, column 8)"),
        ("const a", "SyntaxError: missing initializer for variable", " (line 1, column 8)"),
    ];
    let differs = |(script, expected, place): &(&str, &str, &str)| {
        let found = failure(script);
        let fits = found.message == format!("the script is not JavaScript: {expected}{place}");
        (!fits || found.kind != Kind::Input).then(|| format!("{script}\n  {expected}{place}\n  {found:?}"))
    };
    let different: Vec<String> = cases.iter().filter_map(differs).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn an_error_says_whether_another_attempt_may_go_well() {
    let cases = [
        ("throw Object.assign(new Error('no'), { retryable: true })", true),
        ("throw Object.assign(new Error('no'), { retryable: true, kind: 'connection' })", true),
        ("throw Object.assign(new Error('no'), { retryable: false, kind: 'connection' })", false),
        ("throw Object.assign(new Error('no'), { retryable: 'yes' })", false),
        ("throw new Error('no')", false),
    ];
    for (script, expected) in cases {
        assert_eq!(failure(script).retryable, Some(expected), "{script}");
    }
}

#[test]
fn a_stack_holds_the_scripts_frames_alone() {
    let found =
        failure("function inner() {\n  throw new Error('deep')\n}\nconst outer = () => inner();\n[1].map(outer)");
    assert_eq!(found.detail["line"], 2);
    assert_eq!(found.detail["exception"], "Error");
    let stack = found.detail["stack"].as_str().unwrap_or_default();
    let lines: Vec<&str> = stack.lines().collect();
    assert!(lines.len() >= 3 && lines[0].starts_with("at inner (line 2, column"), "{stack}");
    assert!(lines.iter().all(|line| line.contains("(line ")), "{stack}");
}

#[test]
fn an_error_says_what_caused_it_and_what_it_holds() {
    let stack = |script: &str| {
        let stack = failure(script).detail["stack"].as_str().unwrap_or_default().to_owned();
        stack.lines().filter(|line| !line.starts_with("at ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let cases: [(&str, &[&str]); 6] = [
        ("throw new Error('a')", &[]),
        (
            "throw new Error('a', { cause: new TypeError('b', { cause: 'c' }) })",
            &["caused by TypeError: b", "caused by c"],
        ),
        (
            "await Promise.any([1, 2, 3, 4].map((n) => Promise.reject(new Error(n))))",
            &["with Error: 1", "with Error: 2", "with Error: 3"],
        ),
        ("const e = new Error('a'); e.cause = e; throw e", &["caused by Error: a"; 3]),
        ("throw Object.defineProperty(new Error('a'), 'cause', { get() { throw 1 } })", &[]),
        ("throw new Error('a', { cause: new Proxy({}, { get() { throw 1 } }) })", &["caused by a value of type proxy"]),
    ];
    for (script, expected) in cases {
        assert_eq!(stack(script), expected, "{script}");
    }
}

#[test]
fn a_rejection_that_is_handled_later_is_none() {
    assert_eq!(result("const p = Promise.reject(1); await null; return p.catch((reason) => reason + 1)"), json!(2));
    assert_eq!(result("const p = Promise.reject(1); p.catch(() => {}); return 'fine'"), json!("fine"));
}

#[test]
fn the_log_and_the_progress_are_told() {
    let script = "console.log('a', 1, { b: [1, 'x'] }, null, undefined); console.warn(new Map([['k', 1]]));
        console.error(new TypeError('bad')); console.debug(new Date(0)); console.info([[[[[1]]]]]);
        const a = {}; a.self = a; console.log(a); console.assert(false, 'told'); console.assert(true, 'not told');
        progress(0.5, 'half'); progress(undefined, 'words'); progress('only words');";
    let (ended, told) = outcome(script, json!({}));
    assert_eq!(ended, Ok(json!({})));
    let lines = told.lines.borrow();
    let expected = [
        (Level::Info, "a 1 { b: [1, \"x\"] } null undefined"),
        (Level::Warn, "Map { \"k\" => 1 }"),
        (Level::Error, "TypeError: bad\n"),
        (Level::Debug, "1970-01-01T00:00:00.000Z"),
        (Level::Info, "[[[[[…]]]]]"),
        (Level::Info, "{ self: [refers to what it stands in] }"),
        (Level::Error, "assertion failed told"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for ((level, line), (expected_level, expected)) in lines.iter().zip(expected) {
        assert!(*level == expected_level && line.starts_with(expected.trim_end()), "{line}\n{expected}");
    }
    assert!(lines[2].1.contains("(line 2, column"), "{:?}", lines[2]);
    let progress = told.progress.borrow();
    assert_eq!(*progress, [(Some(0.5), "half".into()), (None, "words".into()), (None, "only words".into())]);
    assert!(failure("progress(2)").message.starts_with("RangeError: progress takes a fraction between 0 and 1, not 2"));
}

#[test]
fn nothing_of_a_run_is_there_in_the_next() {
    let first = "Object.prototype.stained = 1; Array.prototype.map = () => 'stained'; globalThis.kept = 1;
        JSON.stringify = () => 'stained'; Math.random = () => 4; console.log = null; Promise = null; return 1";
    assert_eq!(result(first), json!(1));
    let second = "return [typeof stained, [1].map((x) => x + 1), typeof kept, JSON.stringify({}), Math.random() < 1, typeof console.log, typeof Promise]";
    assert_eq!(result(second), json!(["undefined", [2], "undefined", "{}", true, "function", "function"]));
}

#[test]
fn random_streams_of_runs_differ() {
    let draw = || {
        result(
            "return [Math.random(), Math.random(), crypto.randomUUID(), ...crypto.getRandomValues(new Uint32Array(2))]",
        )
    };
    let draws: Vec<Value> = (0..50).map(|_| draw()).collect();
    for (index, one) in draws.iter().enumerate() {
        for other in &draws[index + 1..] {
            let same = one
                .as_array()
                .into_iter()
                .flatten()
                .filter(|value| other.as_array().is_some_and(|all| all.contains(value)));
            assert_eq!(same.count(), 0, "{one} {other}");
        }
    }
}

#[test]
fn nothing_of_the_host_is_there() {
    let names = [
        "process",
        "module",
        "global",
        "std",
        "os",
        "Deno",
        "Bun",
        "load",
        "print",
        "scriptArgs",
        "XMLHttpRequest",
        "WebSocket",
    ];
    for name in names {
        assert_eq!(result(&format!("return typeof {name}")), json!("undefined"), "{name}");
    }
    let found = failure("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)");
    assert_eq!(found.kind, Kind::User, "{found:?}");
}
