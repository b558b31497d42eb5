//! `runtime: node`: the same rules for a script in a Node.js of its own, in the sandbox of every other node.

use crate::{
    bench::{Case, Ran, run_all, run_in_turn},
    desk::{Desk, users},
    npm::{Package, serve},
    standin::{StandIn, json_reply},
};
use serde_json::{Value, json};
use std::sync::Arc;

fn script(text: &str) -> Case {
    Case::of("JavaScriptInterpreter", text).with("runtime", json!("node"))
}

fn told(ran: &Ran) -> (&str, &str) {
    (ran.error["kind"].as_str().unwrap_or_default(), ran.error["detail"]["reason"].as_str().unwrap_or_default())
}

#[test]
fn scripts_have_the_modules_of_node_and_the_rules_of_every_script() {
    let given = json!({"a": 2, "text": "it's {{ a }} and ${b}", "with space": 1, "process": 5, "result": 6});
    let with = |text: &str| script(text).with("inputs", given.clone());
    let cases = [
        (
            script(
                "import { createHash } from 'node:crypto'\nreturn createHash('sha256').update('').digest('hex').slice(0, 8)",
            ),
            json!("e3b0c442"),
        ),
        (script("const path = require('path'); return path.join('a', 'b')"), json!("a/b")),
        (
            script(
                "const { gzipSync, gunzipSync } = await import('node:zlib'); return String(gunzipSync(gzipSync('zipped')))",
            ),
            json!("zipped"),
        ),
        (with("return a + 1"), json!(3)),
        (with("result = await Promise.resolve(text)"), json!("it's {{ a }} and ${b}")),
        (
            with("return [inputs['with space'], inputs.process, inputs.result, typeof process.versions.node]"),
            json!([1, 5, 6, "string"]),
        ),
        (script("let result = 0; setTimeout(() => { result = 1 }, 3)"), json!(1)),
        (script("const unused = 1"), json!({})),
        (script("if (new.target === undefined) { return '}' } // }"), json!("}")),
        (
            script("return { m: new Map([['k', new Date(0)]]), b: Buffer.from('hi'), u: undefined }"),
            json!({"m": {"k": "1970-01-01T00:00:00.000Z"}, "b": [104, 105]}),
        ),
        (
            script("return [1e20, 2 ** 53 + 2, -(2 ** 60), 1e21, -0, 1.5]"),
            json!([1e20, 9_007_199_254_740_994.0, -1_152_921_504_606_846_976.0, 1e21, 0, 1.5]),
        ),
        (script("progress(0.5, 'x'.repeat(1_500_000)); return 1"), json!(1)),
        (script("const late = Promise.reject(1); await null; return late.catch((n) => n + 1)"), json!(2)),
        (script("setTimeout(() => { throw new Error('no') }, 0); return 'at once'"), json!("at once")),
    ];
    for user in users() {
        let desk = Desk::new(user);
        let ran = run_all(&desk, &cases.iter().map(|(case, _)| case.clone()).collect::<Vec<_>>());
        for ((case, expected), ran) in cases.iter().zip(&ran) {
            assert_eq!(ran.result, *expected, "{}: {ran:?}", case.script);
        }
    }
}

#[test]
fn failures_are_told_with_the_scripts_own_lines() {
    let cases = [
        ("const x = 1;\nthrow new TypeError('no')", "user", "script_exception", "TypeError: no (line 2, column 7)"),
        (
            "const a = 1;\nlet a = 2",
            "input",
            "script_syntax",
            "the script is not JavaScript: SyntaxError: Identifier 'a' has already been declared (line 2)",
        ),
        (
            "return { a: [5n] }",
            "user",
            "script_result",
            "`result.a[0]` is a BigInt: give Number(value) or String(value)",
        ),
        ("await new Promise(() => {})", "user", "script_stuck", "the script waits for a promise that nothing settles"),
        ("process.exit(3)", "user", "script_exit", "the script exited with code 3"),
        (
            "Promise.reject(new Error('late')); await new Promise((go) => setTimeout(go, 99))",
            "user",
            "script_exception",
            "Error: late (line 1, column 16)",
        ),
        // Rejections that nobody handles fail the run, also where the script has returned by then.
        (
            "async function save() { await null; throw new Error('not saved') } save(); return 'ok'",
            "user",
            "script_exception",
            "Error: not saved (line 1, column 43)",
        ),
        (
            "Promise.reject(new Error('z')); await 0; await 0; return 1",
            "user",
            "script_exception",
            "Error: z (line 1, column 16)",
        ),
        (
            "return Array(100).fill('x'.repeat(5e6))",
            "user",
            "script_result",
            "`result[3]` is beyond the 16776216 bytes that a result may have",
        ),
        ("return { ['a\\0']: 1 }", "user", "script_result", "`result` has a key that holds a null character"),
        (
            "async function* all() { yield 1 } return all()",
            "user",
            "script_result",
            "`result` is an asynchronous iterator: collect its values with `for await`",
        ),
        (
            "return [1,2",
            "input",
            "script_syntax",
            "the script is not JavaScript: it ends in the middle of an expression or of what a bracket opens (line 1)",
        ),
        (
            "return 1;\n}",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}); (async function () { return 1",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}); throw new Error('ran'); (async function () { if (1)",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}); throw new Error('ran'); return (async function () {",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}); return (async function () { return 1",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}); new.target; throw new Error('ran'); (async function () {",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
        (
            "}, async function () { return 1",
            "input",
            "script_syntax",
            "the script is not JavaScript: it closes more brackets than it opens",
        ),
    ];
    let ran = run_all(&Desk::new(users()[0]), &cases.map(|(text, ..)| script(text)));
    for ((text, kind, reason, message), ran) in cases.iter().zip(&ran) {
        assert_eq!((told(ran), ran.error["message"].as_str()), ((*kind, *reason), Some(*message)), "{text}: {ran:?}");
    }
    let desk = Desk::new(users()[0]);
    let python = Case::new("result = 1").with("runtime", json!("node"));
    desk.write("w.yaml", &json!({"akao": 1, "id": "w", "version": "1.0.0", "root": {"type": "PythonInterpreter", "props": {"script": python.script, "runtime": "node"}}}).to_string());
    assert_eq!(desk.akao(&["validate", "w.yaml"]).code, 2, "Python has no other runtime");
}

#[test]
fn what_a_script_says_of_itself_is_cut_and_what_it_gives_is_whole() {
    let cases = [
        "return 'x'.repeat(2_000_000)",
        "const e = new Error('a'); e.name = 'n'.repeat(3e6); throw e",
        "throw new Error('m'.repeat(3e6))",
        "return { ['k'.repeat(5e6)]: NaN }",
    ];
    let ran = run_all(&Desk::new(users()[0]), &cases.map(script));
    assert!(ran[0].error.is_null() && ran[0].result != json!("no result"), "{:?}", ran[0].error);
    let reasons = ["script_exception", "script_exception", "script_result"];
    for ((text, reason), ran) in cases[1..].iter().zip(reasons).zip(&ran[1..]) {
        assert_eq!(told(ran), ("user", reason), "{text}: {ran:?}");
        assert!(ran.error.to_string().len() < 5_000, "{text}: {ran:?}");
    }
}

#[test]
fn nothing_of_the_machine_is_reached_and_every_limit_has_a_name() {
    let reaches = "const out = {}; const fs = require('fs'); const { execFileSync } = require('child_process');
        const tries = {
          shadow: () => fs.readFileSync('/etc/shadow'), root: () => fs.readdirSync('/root'), home: () => fs.readdirSync('/home'),
          write: () => fs.writeFileSync('/usr/x', ''), package: () => fs.writeFileSync('/package/x', ''),
          shell: () => execFileSync('/bin/sh', ['-c', 'true']), program: () => execFileSync('/usr/bin/id'),
          addon: () => process.dlopen({ exports: {} }, '/tmp/none.node'),
        };
        for (const [name, reach] of Object.entries(tries)) { try { reach(); out[name] = 'reached'; } catch (error) { out[name] = 'refused'; } }
        for (const host of ['127.0.0.1', '169.254.169.254', '10.0.0.1']) {
          out[host] = await new Promise((go) => { const s = require('net').connect({ host, port: 80, timeout: 300 }, () => go('reached'));
            s.on('error', () => go('refused')).on('timeout', () => { s.destroy(); go('refused'); }); });
        }
        out.name = await require('dns').promises.lookup('localhost.example').then(() => 'reached', () => 'refused');
        out.processes = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length < 5 ? 'refused' : 'reached';
        return out";
    for user in users() {
        let ran = run_all(&Desk::new(user), &[script(reaches)]);
        let found = ran[0].result.as_object().unwrap_or_else(|| panic!("{ran:?}"));
        assert!(found.len() == 13 && found.values().all(|one| one == "refused"), "{found:?}");
    }
    let hostile = [
        ("for (;;) {}", "timeout", "script_timeout"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "timeout", "script_timeout"),
        ("const all = []; for (;;) all.push(new Array(1000).fill(1))", "resource", "script_memory"),
        ("const all = []; for (;;) all.push(Buffer.alloc(10_000_000, 1))", "resource", "script_memory"),
        ("(function deep() { deep() })()", "resource", "script_stack"),
        ("const line = 'x'.repeat(8000); for (;;) console.log(line)", "resource", "script_output"),
        (
            "require('fs').writeSync(3, 'no message\\n'); await new Promise((go) => setTimeout(go, 5000))",
            "user",
            "script_broke_interpreter",
        ),
        (
            "require('worker_threads').parentPort.postMessage({ result: 'x' }); await new Promise((go) => setTimeout(go, 5000))",
            "user",
            "script_broke_interpreter",
        ),
        ("process.abort()", "user", ""),
        ("process.kill(process.pid, 'SIGKILL')", "user", "script_broke_interpreter"),
    ];
    let with = |text: &str, kind: &str| {
        let timeout = if kind == "timeout" { "1s" } else { "20s" };
        script(text).with("timeout", json!(timeout)).with("memory", json!("64MB"))
    };
    let pairs = hostile.iter().flat_map(|(text, kind, _)| [with(text, kind), script("return 'well'")]);
    let ran = run_in_turn(&Desk::new(users()[0]), &pairs.collect::<Vec<_>>());
    for ((text, kind, reason), pair) in hostile.iter().zip(ran.chunks(2)) {
        assert_eq!(told(&pair[0]).0, *kind, "{text}: {:?}", pair[0]);
        assert!(reason.is_empty() || told(&pair[0]).1 == *reason, "{text}: {:?}", pair[0]);
        assert_eq!(pair[1].result, json!("well"), "after {text}: {:?}", pair[1]);
    }
}

#[test]
fn a_run_finds_nothing_of_the_one_before() {
    let plant = "const fs = require('fs'); const found = ['planted', 'kept'].filter((name) => name in globalThis);
        if ({}.planted) found.push('prototype');
        for (const folder of ['/tmp', '/workspace', '/dev/shm']) {
          found.push(...fs.readdirSync(folder).filter((name) => name !== 'script').map((name) => folder + name));
          fs.writeFileSync(folder + '/left', 'x');
        }
        globalThis.kept = 1; Object.prototype.planted = 1; process.env.PLANTED = '1'; fs.readdirSync = () => [];
        return { found, random: Math.random() }";
    let ran = run_in_turn(&Desk::new(users()[0]), &vec![script(plant); 4]);
    assert!(ran.iter().all(|ran| ran.result["found"] == Value::Array(Vec::new())), "{ran:?}");
    let drawn: std::collections::BTreeSet<String> = ran.iter().map(|ran| ran.result["random"].to_string()).collect();
    assert_eq!(drawn.len(), 4, "{ran:?}");
}

#[test]
fn packages_of_an_environment_are_had_in_node_too() {
    let desk = Desk::new(*users().last().expect("a user"));
    let package = |name, says, files| Package { name, version: "1.0.0", says, files };
    let _registry = serve(
        &desk,
        &[
            package("plain", json!({}), &[("index.js", "exports.word = 'plain'; exports.at = __dirname;\n")]),
            package(
                "needs-node",
                json!({"type": "module", "main": "index.js"}),
                &[(
                    "index.js",
                    "import { createHash } from 'node:crypto';\nexport const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 8);\n",
                )],
            ),
        ],
    );
    let made = desk.akao(&["env", "create", "both", "--node", "--packages", "plain,needs-node"]);
    assert!(made.code == 0 && made.err.contains("`needs-node` cannot be loaded without Node.js"), "{made:?}");
    let both = |case: Case| case.with("environment", json!("both"));
    let quick = Case::of("JavaScriptInterpreter", "import { digest } from 'needs-node'\nreturn digest('')");
    let cases = [
        both(script(
            "import { digest } from 'needs-node'\nimport plain from 'plain'\nreturn [digest(''), plain.word, require('plain').at]",
        )),
        both(script("require('fs').writeFileSync('/environment/node_modules/plain/index.js', '')")),
        script("\nimport plain from 'plain'"),
        script("require('absent')"),
        both(quick),
    ];
    let ran = run_all(&desk, &cases);
    assert_eq!(ran[0].result, json!(["e3b0c442", "plain", "/environment/node_modules/plain"]), "{ran:?}");
    let refused = ran[1].error["message"].as_str().unwrap_or_default();
    assert!(["EROFS", "EACCES"].iter().any(|why| refused.contains(why)), "{:?}", ran[1]);
    let suggestion = |at: usize| ran[at].error["detail"]["suggestion"].as_str().unwrap_or_default();
    assert_eq!(
        (suggestion(2), &ran[2].error["detail"]["line"]),
        ("The environment `both` has it: set `environment: both`.", &json!(2)),
        "{ran:?}"
    );
    assert_eq!(suggestion(3), "Make an environment that has it: `akao env create NAME --node --packages absent`.");
    assert_eq!(
        (suggestion(4), &ran[4].error["detail"]["line"]),
        ("Only `runtime: node` has it: set that.", &json!(1)),
        "{ran:?}"
    );
}

#[test]
fn a_package_of_many_files_and_paths_without_their_endings_are_imported() {
    const FILES: usize = 400;
    let desk = Desk::new(*users().last().expect("a user"));
    let all: String = (0..FILES).map(|at| format!("export {{ n as n{at} }} from './n{at}.js';\n")).collect();
    let mut files: Vec<(&'static str, &'static str)> = vec![("index.js", all.leak())];
    files.extend((0..FILES).map(|at| -> (&'static str, &'static str) {
        (format!("n{at}.js").leak(), format!("export const n = {at};\n").leak())
    }));
    let package = |name, says, files| Package { name, version: "1.0.0", says, files };
    let paths = &[
        ("index.js", "module.exports = 'main';\n"),
        ("plugin/utc.js", "exports.word = 'utc';\n"),
        ("folder/index.js", "exports.word = 'folder';\n"),
        ("broken.js", "exports.word = require('absent');\n"),
    ];
    let packages = [
        package("many", json!({"type": "module", "exports": "./index.js"}), files.leak()),
        package("paths", json!({"main": "index.js"}), paths),
    ];
    let _registry = serve(&desk, &packages);
    let made = desk.akao(&["env", "create", "all", "--node", "--packages", "many,paths"]);
    assert_eq!(made.code, 0, "{made:?}");
    let of = |text: &str| script(text).with("environment", json!("all"));
    let cases = [
        of("import * as many from 'many'\nreturn Object.keys(many).length"),
        of(
            "import utc, { word } from 'paths/plugin/utc'\nimport folder from 'paths/folder'\nreturn [utc.word, word, folder.word]",
        ),
        of("\nimport nothing from 'paths/plugin/none'"),
        of("import broken from 'paths/broken'"),
    ];
    let ran = run_all(&desk, &cases);
    assert_eq!(ran[0].result, FILES, "{:?}", ran[0]);
    assert_eq!(ran[1].result, json!(["utc", "utc", "folder"]), "{:?}", ran[1]);
    let missing = |at: usize| (ran[at].error["detail"]["module"].clone(), ran[at].error["detail"]["line"].clone());
    assert_eq!(missing(2), (json!("paths/plugin/none"), json!(2)), "{:?}", ran[2]);
    assert_eq!(missing(3).0, "absent", "{:?}", ran[3]);
}

#[test]
fn a_script_keeps_its_environment_that_is_removed_while_it_runs() {
    let desk = Arc::new(Desk::new(*users().last().expect("a user")));
    let plain = Package {
        name: "plain",
        version: "1.0.0",
        says: json!({}),
        files: &[("index.js", "exports.word = 'plain';\n")],
    };
    let _registry = serve(&desk, &[plain]);
    assert_eq!(desk.akao(&["env", "create", "going", "--node", "--packages", "plain"]).code, 0);
    assert_eq!(desk.akao(&["env", "create", "other", "--node", "--packages", "plain", "--json"]).code, 0);
    assert_eq!(desk.akao(&["env", "remove", "other"]).code, 0);
    let content = desk.path("data/nodes/scripts/environments/sha256");
    let contents = |content: &std::path::Path| std::fs::read_dir(content).expect("contents").count();
    assert_eq!(contents(&content), 1);
    // While the script waits for the answer, its environment is removed.
    let (remover, left) = (Arc::clone(&desk), content.clone());
    let there = StandIn::new(move |_| {
        let removed = remover.akao(&["env", "remove", "going"]).code;
        json_reply(200, &json!([removed, std::fs::read_dir(&left).expect("contents").count()]))
    });
    let text = "const answer = await (await fetch(inputs.url)).json()\nreturn [answer, require('plain').word]";
    let props = json!({
        "script": text, "runtime": "node", "environment": "going", "inputs": {"url": there.url()}, "outputKey": "said",
    });
    let flow = json!({
        "akao": 1, "id": "going", "version": "1.0.0", "outputs": {"said": "${bb.said}"},
        "root": {"type": "JavaScriptInterpreter", "id": "script", "props": props},
    });
    desk.write("going.yaml", &flow.to_string());
    let ran = desk.akao(&["run", "going.yaml", "--json", "--grant", &there.grant()]);
    assert_eq!((ran.code, &ran.json()["outputs"]["said"]), (0, &json!([[0, 1], "plain"])), "{ran:?}");
    // It goes with the next.
    assert_eq!(desk.akao(&["env", "create", "next", "--node", "--packages", "plain"]).code, 0);
    assert_eq!(desk.akao(&["env", "remove", "next"]).code, 0);
    assert_eq!(contents(&content), 0);
}
