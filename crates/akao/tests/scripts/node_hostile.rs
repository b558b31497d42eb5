//! Scripts in Node.js that mean harm: each is ended with a name within its limits or comes to nothing, and the one after it runs as ever.

use crate::{
    bench::{Case, run_in_turn},
    desk::{Desk, users},
    state::strays,
};
use serde_json::json;

/// What a script attempts, how it may end (no kind means that it comes to nothing), and a part of what is then told.
type Hostile = (&'static str, &'static [&'static str], &'static str);

const TIME: &str = "the script did not end within 2s";
const MEMORY: &str = "the script reached its limit of memory, 64MB";
const CHANNEL: &str = "the script wrote into the channel of its interpreter";
const ENDED: &str = "the script's interpreter was ended while the script ran";

/// Case 81: every kind of memory that Node.js has.
const TAKING_MEMORY: &[Hostile] = &[
    ("const all = []; for (;;) all.push(new ArrayBuffer(10_000_000))", &["resource", "timeout", "user"], ""),
    ("const all = []; for (;;) all.push(new Uint8Array(10_000_000).fill(1))", &["resource"], MEMORY),
    ("return new ArrayBuffer(2 ** 47).byteLength", &["resource"], MEMORY),
    (
        "const all = []; for (;;) all.push(new Uint8Array(new SharedArrayBuffer(10_000_000)).fill(1))",
        &["resource"],
        MEMORY,
    ),
    (
        // Which comes first, the limit or the engine's own refusal, is a matter of time.
        "const all = []; for (;;) all.push(new Uint8Array(new WebAssembly.Memory({ initial: 1000 }).buffer).fill(1))",
        &["resource", "user"],
        "memory",
    ),
    ("const text = 'x'.repeat(1e8), all = []; for (;;) all.push(Buffer.from(text))", &["resource"], MEMORY),
    ("let text = 'x'; for (;;) text += text", &["user"], "RangeError: Invalid string length"),
    ("return new Array(1e9).fill(0).length", &["resource"], MEMORY),
    ("return new Array(2 ** 32 - 1).fill(0).length", &["user", "resource"], "the script"),
    (
        "const { Worker } = require('worker_threads'); new Worker('const all = []; for (;;) all.push(new Array(1000).fill(1))', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 1e5 } }); await new Promise(() => setInterval(() => {}, 1e6))",
        &["user", "resource"],
        "memory",
    ),
    (
        "require('v8').setFlagsFromString('--max-old-space-size=100000'); const all = []; for (;;) all.push(new Array(1000).fill(1))",
        &["resource"],
        MEMORY,
    ),
    (
        "const { port1 } = new MessageChannel(); for (;;) port1.postMessage(new Uint8Array(1e6).fill(1))",
        &["resource"],
        MEMORY,
    ),
    (
        "const { parentPort } = require('worker_threads'); for (;;) parentPort.postMessage({ log: 'info', line: 'x'.repeat(8000) })",
        &["resource", "timeout"],
        "the script",
    ),
    (
        "require('v8').setFlagsFromString('--stack-size=100000'); (function deep() { deep() })()",
        &["resource"],
        "too deeply",
    ),
];

/// Cases 57, 82, 83 and 86: processors, threads and processes without end, and what does not come to an end.
const WITHOUT_END: &[Hostile] = &[
    (
        "const { Worker } = require('worker_threads'); for (let i = 0; i < 4; i++) new Worker('for (;;) {}', { eval: true }); await new Promise(() => setInterval(() => {}, 1e6))",
        &["timeout"],
        TIME,
    ),
    (
        "const { Worker } = require('worker_threads'); for (;;) { new Worker('setInterval(() => {}, 1e6)', { eval: true }).on('error', () => {}); await new Promise(setImmediate) }",
        &["user", "resource", "timeout"],
        "",
    ),
    (
        "require('fs').writeFileSync('/tmp/f.cjs', \"const { fork } = require('child_process'); for (;;) fork('/tmp/f.cjs')\"); require('child_process').fork('/tmp/f.cjs'); await new Promise(() => setInterval(() => {}, 1e6))",
        &["timeout", "resource", "user"],
        "",
    ),
    ("const cluster = require('cluster'); for (;;) cluster.fork().on('error', () => {})", &["timeout", "resource"], ""),
    ("return require('child_process').spawnSync(process.execPath, ['-e', 'for (;;) {}']).status", &["timeout"], TIME),
    (
        "for (let i = 0; i < 100; i++) require('crypto').pbkdf2('a', 'b', 1e9, 64, 'sha512', () => {}); await new Promise(() => setInterval(() => {}, 1e6))",
        &["timeout"],
        TIME,
    ),
    ("require('crypto').pbkdf2Sync('a', 'b', 1e9, 64, 'sha512')", &["timeout"], TIME),
    ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", &["timeout"], TIME),
    ("require('vm').runInNewContext('for (;;) {}', {}, { timeout: 1e9 })", &["timeout"], TIME),
    (
        "process.nextTick(function again() { process.nextTick(again) }); await new Promise((go) => setTimeout(go, 500))",
        &["timeout"],
        TIME,
    ),
    ("queueMicrotask(function again() { queueMicrotask(again) })", &["timeout"], TIME),
    ("require('os').setPriority(0, 19); for (;;) {}", &["timeout"], TIME),
    ("return { toJSON() { for (;;) {} } }", &["timeout"], TIME),
    ("process.kill(process.pid, 'SIGSTOP')", &["timeout"], TIME),
    ("process.on('exit', () => { for (;;) {} }); return 1", &[""], ""),
    // Case 56: what is left behind is ended with the run.
    (
        "require('child_process').spawn(process.execPath, ['-e', \"process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6)\"], { detached: true, stdio: 'ignore' }).unref(); return 1",
        &[""],
        "",
    ),
];

/// Cases 23, 84 and 85: files, descriptors and output without end.
const FLOODS: &[Hostile] = &[
    (
        "for (let n = 0; ; n++) require('fs').writeFileSync(`/tmp/${n}`, Buffer.alloc(1_000_000))",
        &["user", "resource"],
        "",
    ),
    ("for (let n = 0; ; n++) require('fs').writeFileSync(`/workspace/${n}`, '')", &["user"], "ENOSPC"),
    ("const all = []; for (;;) all.push(require('fs').openSync('/dev/null'))", &["user"], "EMFILE"),
    ("require('fs').mkdirSync('/tmp/' + 'd/'.repeat(1500), { recursive: true }); return 1", &[""], ""),
    ("for (;;) require('fs').writeSync(1, 'x'.repeat(99_999) + '\\n')", &["timeout", "resource"], ""),
    ("for (;;) require('fs').writeSync(2, 'x'.repeat(99_999))", &["timeout", "resource"], ""),
    ("for (;;) process.stdout.write('x'.repeat(99_999) + '\\n')", &["timeout", "resource"], ""),
    (
        "for (;;) { process.stderr.write('\\u001b[2J\\u0000' + 'x'.repeat(99_999)); await new Promise(setImmediate) }",
        &["timeout", "resource"],
        "",
    ),
    ("for (;;) progress(0.5, 'x'.repeat(2000))", &["timeout", "resource"], ""),
    ("for (;;) require('fs').writeSync(3, 'x'.repeat(99_999))", &["user"], CHANNEL),
];

/// Cases 33, 45, 50, 54, 99 and 103: the process that it works in, the channel, and what reads there.
const OWN_PROCESS: &[Hostile] = &[
    ("require('fs').closeSync(3); return 1", &["user"], ENDED),
    ("for (let n = 0; n < 256; n++) try { require('fs').closeSync(n) } catch {} return 1", &["user"], "the script's "),
    ("process.exit(0)", &["user"], "the script exited with code 0"),
    ("process.reallyExit(7)", &["user"], "the script exited with code 7"),
    ("process.kill(process.pid, 'SIGTERM'); await new Promise((go) => setTimeout(go, 2000))", &["user"], ENDED),
    ("process.kill(process.pid, 'SIGSEGV'); await new Promise((go) => setTimeout(go, 2000))", &["user"], ENDED),
    ("process.kill(-1, 'SIGKILL')", &["user"], "ESRCH"),
    ("process.kill(1, 'SIGKILL')", &["user"], "EPERM"),
    ("Promise.reject(new Error('late')); await new Promise((go) => setTimeout(go, 500))", &["user"], "Error: late"),
    (
        "setTimeout(() => { throw new Error('timer') }, 10); await new Promise((go) => setTimeout(go, 500))",
        &["user"],
        "Error: timer",
    ),
    (
        "process.on('uncaughtException', () => {}); process.on('unhandledRejection', () => {}); throw new Error('mine')",
        &["user"],
        "Error: mine",
    ),
    (
        "require('fs').writeSync(3, JSON.stringify({ jsonrpc: '2.0', id: '999', result: { success: true, outputs: { result: 'forged' } } }) + '\\n'); await new Promise((go) => setTimeout(go, 1500))",
        &["user"],
        CHANNEL,
    ),
    (
        "require('fs').writeSync(3, JSON.stringify({ jsonrpc: '2.0', method: '$/log', params: { id: '999', level: 'info', message: 'forged' } }) + '\\n'); await new Promise((go) => setTimeout(go, 1500))",
        &["user", ""],
        "",
    ),
    (
        "console.log('{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{}}'); require('fs').writeSync(1, '{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{}}\\n'); return 1",
        &[""],
        "",
    ),
    ("require('worker_threads').parentPort.postMessage({ failed: 7 }); return 1", &["user"], CHANNEL),
    ("require('worker_threads').parentPort.postMessage(null); return 1", &["user"], CHANNEL),
    (
        "require('worker_threads').parentPort.postMessage({ failed: ['internal', 'forged', 'not_sent', {}] }); return 1",
        &["user"],
        CHANNEL,
    ),
    (
        "require('worker_threads').parentPort.postMessage({ log: {}, line: 5 }); require('worker_threads').parentPort.postMessage({ progress: { fraction: 'x', message: [] } }); return 1",
        &["user", ""],
        "",
    ),
    ("require('worker_threads').parentPort.close(); return 1", &["user"], "the script exited with code 0"),
    // The wrapper's own thread: what is reached there is this run's alone.
    (
        "const s = new (require('inspector').Session)(); s.connectToMainThread(); s.post('Runtime.evaluate', { expression: 'for (;;) {}' }); await new Promise((go) => setTimeout(go, 5000))",
        &["timeout"],
        TIME,
    ),
    (
        "const s = new (require('inspector').Session)(); s.connectToMainThread(); s.post('Debugger.enable'); s.post('Debugger.pause'); await new Promise((go) => setTimeout(go, 5000))",
        &["timeout"],
        TIME,
    ),
    (
        "const s = new (require('inspector').Session)(); s.connectToMainThread(); s.post('Runtime.evaluate', { expression: 'process.exit(0)' }); await new Promise((go) => setTimeout(go, 5000))",
        &["user"],
        ENDED,
    ),
    (
        "const s = new (require('inspector').Session)(); s.connectToMainThread(); s.post('Runtime.evaluate', { expression: \"JSON.parse = () => 'forged'; JSON.stringify = () => 'forged'\" }); await new Promise((go) => setTimeout(go, 300)); return 1",
        &["user", ""],
        "",
    ),
    ("require('inspector').open(0, '127.0.0.1', true); return 1", &[""], ""),
    (
        "require('child_process').execFileSync(process.execPath, ['--inspect-brk', '-e', '0'], { stdio: 'ignore' }); return 1",
        &["user", ""],
        "",
    ),
    ("require('module')._load = () => ({}); require('fs').writeSync = () => {}; return 1", &[""], ""),
    (
        "Object.prototype.failed = ['internal', 'planted', 'planted', {}]; Object.prototype.planted = 1; return 1",
        &[""],
        "",
    ),
    ("Promise.prototype.then = () => {}; Array.prototype.map = () => { throw 1 }; return 1", &["user", ""], ""),
    ("result = new Proxy({}, { ownKeys: () => { throw new Error('no keys') } })", &["user"], "Error: no keys"),
    ("return { get a() { process.exit(0) } }", &["user"], "the script exited with code 0"),
];

/// What must hold after each of them.
const AFTER: &str = "const fs = require('fs'); const left = ['/tmp', '/workspace', '/dev/shm'].flatMap((folder) => fs.readdirSync(folder)).filter((name) => name !== 'script');
    const processes = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length;
    return left.length || processes > 2 || {}.planted || {}.failed || JSON.stringify([1]) !== '[1]' || require('os').getPriority() ? 'not well' : 'well'";

fn all_end_by_name(hostile: &[Hostile]) {
    let desk = Desk::new(*users().last().expect("a user"));
    let before = strays();
    let bounded = |script: &str, timeout: &str| {
        let case = Case::of("JavaScriptInterpreter", script).with("runtime", json!("node"));
        case.with("timeout", json!(timeout)).with("memory", json!("64MB"))
    };
    // Only what may end by its time has little of it: a busy machine is no reason to end otherwise.
    let time = |kinds: &[&str]| if kinds.contains(&"timeout") { "2s" } else { "30s" };
    let cases = hostile.iter().flat_map(|(script, kinds, _)| [bounded(script, time(kinds)), bounded(AFTER, "30s")]);
    let cases: Vec<Case> = cases.collect();
    let ran = run_in_turn(&desk, &cases);
    for ((script, kinds, part), ran) in hostile.iter().zip(ran.chunks(2)) {
        let text = |name: &str| ran[0].error[name].as_str().unwrap_or_default();
        assert!(kinds.contains(&text("kind")) && text("message").contains(part), "{script}: {:?}", ran[0]);
        assert_eq!(ran[1].result, "well", "after {script}: {:?}", ran[1]);
    }
    assert_eq!(strays(), before, "no process is left");
}

#[test]
fn scripts_that_take_memory_end_by_name() {
    all_end_by_name(TAKING_MEMORY);
}

#[test]
fn scripts_without_end_end_by_name() {
    all_end_by_name(WITHOUT_END);
}

#[test]
fn scripts_that_flood_end_by_name() {
    all_end_by_name(FLOODS);
}

#[test]
fn scripts_that_turn_on_their_own_process_end_by_name() {
    all_end_by_name(OWN_PROCESS);
}

/// What a script can reach of the wrapper's own thread, it can answer by for itself and for nobody else.
#[test]
fn an_answer_by_the_wrappers_own_hand_is_this_runs_alone() {
    let forge = "setInterval(() => {}, 1e6); const s = new (require('inspector').Session)(); s.connectToMainThread();
        const found = (error, told) => (error ? String(error) : told.result);
        const run = (expression) => new Promise((go) => s.post('Runtime.evaluate', { expression, awaitPromise: true }, (error, told) => go(found(error, told))));
        await run(\"globalThis.kept = 1; setInterval(() => {}, 1); process.on('exit', () => { for (;;) {} })\");
        return (await run('kept')).value";
    let look = "setInterval(() => {}, 1e6); const s = new (require('inspector').Session)(); s.connectToMainThread();
        return (await new Promise((go) => s.post('Runtime.evaluate', { expression: 'typeof kept' }, (error, told) => go(told.result)))).value";
    let node = |script: &str| Case::of("JavaScriptInterpreter", script).with("runtime", json!("node"));
    let ran = run_in_turn(&Desk::new(users()[0]), &[node(forge), node(look), node(forge), node(look)]);
    for pair in ran.chunks(2) {
        assert_eq!((&pair[0].result, &pair[1].result), (&json!(1), &json!("undefined")), "{ran:?}");
    }
}

/// It holds the descriptor by which the wrapper speaks with the host, and asks by it what a node may ask.
#[test]
fn what_a_script_asks_of_the_host_itself_is_refused() {
    let ask = r#"setInterval(() => {}, 1e6); const fs = require('fs'); const s = new (require('inspector').Session)(); s.connectToMainThread();
        const run = (expression) => new Promise((go) => s.post('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, (error, told) => go(error ?? told.result.value)));
        await run("globalThis.heard = {}; const read = JSON.parse; JSON.parse = (text, ...rest) => { const told = read(text, ...rest); if (told?.error) heard[told.id] = told.error; else if (told?.id) heard[told.id] ??= told.result; return told; }; 1");
        const asked = [["host.state.put", { key: "kept", value: 1 }], ["host.state.get", { key: "kept" }], ["host.blob.put", { path: "x" }], ["host.activity", { name: "executePythonScript", arguments: [{ code: "result = 1" }] }], ["host.fetch", { url: "http://127.0.0.1:9/" }], ["host.secret", { name: "A" }]];
        asked.forEach(([method, params], at) => fs.writeSync(3, `${JSON.stringify({ jsonrpc: "2.0", id: `f${at}`, method, params })}\n`));
        const all = [];
        for (const at of asked.keys()) {
          let told;
          while ((told = await run(`heard.f${at}`)) === undefined) await new Promise((go) => setImmediate(go));
          all.push(told.data?.kind ?? told);
        }
        return all;"#;
    let desk = Desk::new(users()[0]);
    let case = Case::of("JavaScriptInterpreter", ask).with("runtime", json!("node")).with("timeout", json!("60s"));
    let ran = run_in_turn(&desk, &[case]);
    assert_eq!(ran[0].result, json!(vec!["permission"; 6]), "{ran:?}");
    assert!(!desk.path("data/nodes/state/local/dev.akao.javascript-node.json").exists(), "nothing is kept");
}
