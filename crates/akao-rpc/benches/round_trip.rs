//! A call through a connection beside a bare JSON-RPC echo over a blocking socket, in the same run: `cargo bench -p
//! akao-rpc`. Only the ratios mean something; the floor is measured before and after.
//!
//! The bare client does what any client must: build the request from the same parameters, write it, read a line, parse it
//! and take the outputs. It checks no caps and no ids.

use akao_contract::{Address, ExecutionId};
use akao_rpc::{Connection, ExecuteContext, ExecuteIo, ExecuteRequest, InfoRequest, NoHostCalls, Settings};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const CALLS: usize = 20_000;
const IN_FLIGHT: usize = 64;

fn parameters() -> Map<String, Value> {
    let text = "abcdefghijklmnopqrstuvwxyz".repeat(8);
    match json!({ "text": text, "amount": 120, "rows": [1, 2, 3], "flags": { "a": true, "b": null } }) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The node: answers every line with its parameters, all that were read at once in one write.
fn serve(mut socket: UnixStream) {
    let mut received = vec![0; 1 << 16];
    let mut rest: Vec<u8> = Vec::new();
    let mut out = Vec::new();
    loop {
        let count = match socket.read(&mut received) {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        rest.extend_from_slice(&received[..count]);
        let mut start = 0;
        while let Some(at) = memchr::memchr(b'\n', &rest[start..]) {
            answer(&rest[start..start + at], &mut out);
            start += at + 1;
        }
        rest.drain(..start);
        if socket.write_all(&out).is_err() {
            return;
        }
        out.clear();
    }
}

fn answer(line: &[u8], out: &mut Vec<u8>) {
    let request: Value = serde_json::from_slice(line).expect("the host sends JSON");
    let result = match request["method"].as_str() {
        Some("node.info") => json!({ "protocol": 1, "id": "a.b.c", "version": "1.0.0", "sdk": "bench", "nodes": [] }),
        _ => {
            json!({ "success": true, "outputs": request["params"]["parameters"], "metadata": { "execution_time": 0 } })
        }
    };
    let answer = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
    serde_json::to_writer(&mut *out, &answer).expect("memory takes it");
    out.push(b'\n');
}

fn node() -> UnixStream {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    std::thread::spawn(move || serve(theirs));
    ours
}

struct Step {
    address: Address,
    execution: ExecutionId,
    key: String,
}

impl Step {
    fn new() -> Self {
        let execution = ExecutionId::from_parts(1_764_395_368_000, 7);
        Self { address: Address::root().child(0).child(1), execution, key: format!("blake3:{}", "0".repeat(32)) }
    }

    fn context(&self) -> ExecuteContext<'_> {
        ExecuteContext {
            node_id: Some("com.example.enrich"),
            workflow_id: "orders",
            execution_id: self.execution,
            step: &self.address,
            attempt: Some(1),
            idempotency_key: Some(&self.key),
            tenant: None,
            deadline: Some(1_764_395_398_000),
            trace: None,
        }
    }
}

fn bare_request(id: usize, step: &Step, parameters: &Map<String, Value>, out: &mut Vec<u8>) {
    write!(out, r#"{{"jsonrpc":"2.0","id":"{id}","method":"node.execute","params":"#).expect("memory takes it");
    let request = ExecuteRequest { context: step.context(), parameters };
    serde_json::to_writer(&mut *out, &request).expect("memory takes it");
    out.extend_from_slice(b"}\n");
}

fn take_outputs(line: &[u8]) -> Value {
    let mut answer: Value = serde_json::from_slice(line).expect("the node sends JSON");
    answer["result"]["outputs"].take()
}

/// One call after the other over a blocking socket.
fn bare_alone(step: &Step, parameters: &Map<String, Value>) -> Vec<Duration> {
    let socket = node();
    let mut reader = BufReader::new(socket.try_clone().expect("a second handle"));
    let mut socket = socket;
    let (mut out, mut line) = (Vec::new(), Vec::new());
    let call = |id: usize| {
        let start = Instant::now();
        out.clear();
        bare_request(id, step, parameters, &mut out);
        socket.write_all(&out).expect("the node reads");
        line.clear();
        reader.read_until(b'\n', &mut line).expect("the node writes");
        std::hint::black_box(take_outputs(&line));
        start.elapsed()
    };
    (1..=CALLS).map(call).collect()
}

/// A window of calls over a blocking socket: as many are sent as were answered, in one write.
fn bare_together(step: &Step, parameters: &Map<String, Value>) -> f64 {
    let mut socket = node();
    let mut received = vec![0; 1 << 16];
    let mut rest: Vec<u8> = Vec::new();
    let (mut sent, mut answered, mut out) = (0, 0, Vec::new());
    let start = Instant::now();
    while answered < CALLS {
        out.clear();
        while sent < CALLS && sent - answered < IN_FLIGHT {
            sent += 1;
            bare_request(sent, step, parameters, &mut out);
        }
        socket.write_all(&out).expect("the node reads");
        let count = socket.read(&mut received).expect("the node writes");
        rest.extend_from_slice(&received[..count]);
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'\n', &rest[from..]) {
            std::hint::black_box(take_outputs(&rest[from..from + at]));
            from += at + 1;
            answered += 1;
        }
        rest.drain(..from);
    }
    CALLS as f64 / start.elapsed().as_secs_f64()
}

async fn open() -> Connection {
    let socket = node();
    socket.set_nonblocking(true).expect("a socket can");
    let socket = tokio::net::UnixStream::from_std(socket).expect("within a runtime");
    let connection = Connection::open(socket, Settings::default(), Arc::new(NoHostCalls));
    connection.info(&InfoRequest::new("bench"), Duration::from_secs(5)).await.expect("the node answers");
    connection
}

async fn one_call(connection: &Connection, step: &Step, parameters: &Map<String, Value>) {
    let request = ExecuteRequest { context: step.context(), parameters };
    let answer = connection.execute(&request, ExecuteIo::new()).await.expect("the node answers");
    std::hint::black_box(answer.result.expect("it succeeds"));
}

async fn alone(step: Arc<Step>, parameters: Arc<Map<String, Value>>) -> Vec<Duration> {
    let connection = open().await;
    let calls = tokio::spawn(async move {
        let mut took = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = Instant::now();
            one_call(&connection, &step, &parameters).await;
            took.push(start.elapsed());
        }
        took
    });
    calls.await.expect("no panic")
}

async fn together(step: Arc<Step>, parameters: Arc<Map<String, Value>>) -> (f64, f64) {
    let connection = open().await;
    let before = connection.counters();
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (connection, step, parameters) = (connection.clone(), Arc::clone(&step), Arc::clone(&parameters));
        callers.spawn(async move {
            for _ in 0..CALLS / IN_FLIGHT {
                one_call(&connection, &step, &parameters).await;
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.expect("no panic");
    }
    let calls = CALLS / IN_FLIGHT * IN_FLIGHT;
    let writes = connection.counters().writes - before.writes;
    (calls as f64 / start.elapsed().as_secs_f64(), calls as f64 / writes as f64)
}

fn quantile(took: &mut [Duration], at: f64) -> f64 {
    took.sort_unstable();
    took[((took.len() - 1) as f64 * at) as usize].as_secs_f64() * 1e6
}

/// Bytes of one call beyond its parameters and outputs, with all of the context and without what a node knows already.
fn overhead(step: &Step, parameters: &Map<String, Value>) -> (usize, usize, usize) {
    let payload = serde_json::to_string(parameters).expect("it is JSON").len();
    let answer =
        r#"{"jsonrpc":"2.0","id":"1000","result":{"success":true,"outputs":,"metadata":{"execution_time":0.012}}}"#
            .len()
            + 1;
    let mut out = Vec::new();
    bare_request(1000, step, parameters, &mut out);
    let context = serde_json::to_string(&step.context()).expect("it is JSON").len();
    let full = out.len() - payload + answer;
    let mut lean = step.context().lean(1);
    lean.idempotency_key = None;
    let saved = context - serde_json::to_string(&lean).expect("it is JSON").len();
    (full, full - saved, full - context)
}

fn main() {
    let (step, parameters) = (Arc::new(Step::new()), Arc::new(parameters()));
    let (full, lean, envelope) = overhead(&step, &parameters);
    println!(
        "bytes beyond parameters and outputs: {full} with key and attempt, {lean} lean, {envelope} without context"
    );
    for workers in [1, 2] {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(workers).enable_all().build().expect("a runtime");
        for round in 1..=ROUNDS {
            let mut floor = bare_alone(&step, &parameters);
            let mut ours = runtime.block_on(alone(Arc::clone(&step), Arc::clone(&parameters)));
            floor.extend(bare_alone(&step, &parameters));
            let floor_rate = bare_together(&step, &parameters);
            let (rate, per_write) = runtime.block_on(together(Arc::clone(&step), Arc::clone(&parameters)));
            let floor_rate = (floor_rate + bare_together(&step, &parameters)) / 2.0;
            let (bare, here) = (quantile(&mut floor, 0.5), quantile(&mut ours, 0.5));
            let (bare99, here99) = (quantile(&mut floor, 0.99), quantile(&mut ours, 0.99));
            println!(
                "{workers} workers, round {round}: alone p50 {here:.1} us, bare {bare:.1} us, ratio {:.2} (p99 {here99:.0}, {bare99:.0}); \
                 {IN_FLIGHT} in flight {rate:.0}/s, bare {floor_rate:.0}/s, ratio {:.2}, {per_write:.1} calls a write",
                here / bare,
                rate / floor_rate,
            );
        }
    }
}
