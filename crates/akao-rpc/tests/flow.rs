//! Bounds while a call runs: progress, logs, output with credit, host calls, and a node that does not read.

mod support;

use akao_contract::{BlobRef, Digest, ErrorKind, StepError};
use akao_rpc::{
    CallEvents, ExecuteIo, ExecuteRequest, HostCalls, HostFuture, LogEntry, NoHostCalls, Progress, RpcError,
    SecretText, Settings, WorkspacePath,
};
use serde_json::{Map, Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use support::{context, execute, parameters, ready, ready_with, until, within};

#[derive(Default)]
struct Recorder {
    progress: Mutex<Vec<Progress>>,
    logs: Mutex<Vec<LogEntry>>,
}

impl CallEvents for Recorder {
    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }
    fn log(&self, entry: LogEntry) {
        self.logs.lock().unwrap().push(entry);
    }
}

#[tokio::test]
async fn progress_is_thinned_and_the_last_one_comes_before_the_answer() {
    let (connection, mut peer) = ready().await;
    let recorder = Arc::new(Recorder::default());
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new().events(recorder.clone()));
    let received = peer.read().await;
    for step in 0..1000 {
        let params =
            json!({ "id": received["id"], "fraction": f64::from(step) / 1000.0, "message": format!("{step}") });
        peer.notify("$/progress", params).await;
    }
    peer.answer(&received, json!({ "success": true })).await;
    within("the call", call).await.unwrap();
    let told = recorder.progress.lock().unwrap();
    assert_eq!(told.first().unwrap().message, "0");
    assert_eq!(told.last().unwrap().message, "999");
    let replaced = connection.counters().progress_replaced;
    assert_eq!(told.len() as u64 + replaced, 1000, "each was told or counted");
    assert!(told.len() < 500, "{} were told", told.len());
}

#[tokio::test]
async fn held_progress_is_told_while_the_call_still_runs() {
    let (connection, mut peer) = ready().await;
    let recorder = Arc::new(Recorder::default());
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let _call = connection.execute(&request, ExecuteIo::new().events(recorder.clone()));
    let received = peer.read().await;
    for message in ["one", "two", "three"] {
        peer.notify("$/progress", json!({ "id": received["id"], "message": message })).await;
    }
    until("the last progress", || recorder.progress.lock().unwrap().last().is_some_and(|p| p.message == "three")).await;
}

#[tokio::test]
async fn log_lines_are_kept_up_to_a_rate_and_cut_to_a_length() {
    let (connection, mut peer) = ready().await;
    let recorder = Arc::new(Recorder::default());
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new().events(recorder.clone()));
    let received = peer.read().await;
    let long = "ä".repeat(20_000);
    peer.notify("$/log", json!({ "id": received["id"], "level": "warn", "message": long, "fields": { "n": 1 } })).await;
    peer.notify("$/log", json!({ "id": received["id"], "level": "shout", "message": 7 })).await;
    for _ in 0..10_000 {
        peer.notify("$/log", json!({ "id": received["id"], "message": "m" })).await;
    }
    peer.answer(&received, json!({ "success": true })).await;
    within("the call", call).await.unwrap();
    let logs = recorder.logs.lock().unwrap();
    assert!(logs[0].message.len() < 8200 && logs[0].message.ends_with('…'), "{}", logs[0].message.len());
    assert_eq!((logs[0].level, &logs[0].fields), (akao_contract::LogLevel::Warn, &parameters("n", 1)));
    assert_eq!((logs[1].level, logs[1].message.as_str()), (akao_contract::LogLevel::Info, ""));
    assert_eq!(logs.len() as u64 + connection.counters().logs_dropped, 10_002);
    assert_eq!(connection.end_reason(), None);
}

#[tokio::test]
async fn output_is_read_and_granted_again() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let mut io = ExecuteIo::new();
    let mut output = io.output();
    let call = connection.execute(&request, io);
    let received = peer.read().await;
    let id = received["id"].clone();
    let node = tokio::spawn(async move {
        let mut credit = 256 * 1024;
        let mut sent = 0_usize;
        while sent < 3_000_000 {
            let length = 60_000.min(3_000_000 - sent);
            while credit < length {
                let grant = peer.read_call("$/credit").await;
                assert_eq!((&grant["params"]["id"], &grant["params"]["stream"]), (&id, &json!("rows")));
                credit += usize::try_from(grant["params"]["bytes"].as_u64().unwrap()).unwrap();
            }
            credit -= length;
            sent += length;
            peer.notify("$/output", json!({ "id": id, "stream": "rows", "chunk": "r".repeat(length) })).await;
        }
        peer.notify("$/output", json!({ "id": id, "stream": "notes", "chunk": "done" })).await;
        peer.answer(&received, json!({ "success": true })).await;
        peer
    });
    let (mut rows, mut notes) = (0, String::new());
    while let Some(chunk) = within("output", output.next()).await {
        assert!(chunk.text.len() <= 256 * 1024);
        match chunk.stream.as_str() {
            "rows" => rows += chunk.text.len(),
            _ => notes.push_str(&chunk.text),
        }
    }
    assert_eq!((rows, notes.as_str()), (3_000_000, "done"));
    within("the call", call).await.unwrap();
    node.await.unwrap();
}

#[tokio::test]
async fn output_that_nobody_reads_is_dropped_counted_and_granted_again() {
    for has_reader in [false, true] {
        let (connection, mut peer) = ready().await;
        let sent = Map::new();
        let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
        let mut io = ExecuteIo::new();
        if has_reader {
            drop(io.output());
        }
        let call = connection.execute(&request, io);
        let received = peer.read().await;
        for _ in 0..20 {
            let chunk = "r".repeat(60_000);
            peer.notify("$/output", json!({ "id": received["id"], "stream": "rows", "chunk": chunk })).await;
            assert_eq!(peer.read_call("$/credit").await["params"]["bytes"], 60_000);
        }
        peer.answer(&received, json!({ "success": true })).await;
        within("the call", call).await.unwrap();
        assert_eq!(connection.counters().output_dropped_bytes, 1_200_000);
    }
}

#[tokio::test]
async fn a_reader_that_stops_reading_stops_the_node_at_its_credit() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let mut io = ExecuteIo::new();
    let output = io.output();
    let call = connection.execute(&request, io);
    let received = peer.read().await;
    for _ in 0..4 {
        let chunk = "r".repeat(64 * 1024);
        peer.notify("$/output", json!({ "id": received["id"], "stream": "rows", "chunk": chunk })).await;
    }
    // All credit is used and nothing was taken. Given up by its reader, the stream is granted all of it again.
    drop(output);
    let mut granted = 0;
    while granted < 256 * 1024 {
        granted += peer.read_call("$/credit").await["params"]["bytes"].as_u64().unwrap();
    }
    assert_eq!(granted, 256 * 1024);
    peer.answer(&received, json!({ "success": true })).await;
    within("the call", call).await.unwrap();
}

/// A host that knows one secret and keeps state, and counts how many calls run at once.
#[derive(Default)]
struct Host {
    state: Mutex<Map<String, Value>>,
    running: AtomicUsize,
    running_most: AtomicUsize,
    gate: tokio::sync::Notify,
    paths: Mutex<Vec<String>>,
}

impl HostCalls for Host {
    fn secret<'a>(&'a self, name: &'a str) -> HostFuture<'a, SecretText> {
        Box::pin(async move {
            match name {
                "TOKEN" => Ok(SecretText("s3cret".into())),
                "LONG" => Ok(SecretText("x".repeat(2 << 20))),
                "PANIC" => panic!("a defect of the host"),
                _ => Err(StepError::new(ErrorKind::Permission, format!("the secret {name:?} is not granted"))),
            }
        })
    }
    fn blob_put<'a>(&'a self, path: &'a WorkspacePath, media_type: Option<&'a str>) -> HostFuture<'a, BlobRef> {
        self.paths.lock().unwrap().push(path.as_str().to_owned());
        let media_type = media_type.unwrap_or("application/octet-stream").to_owned();
        let reference = BlobRef { digest: Digest::of(b"abc"), bytes: 3, media_type, items: None };
        Box::pin(async move { Ok(reference) })
    }
    fn blob_get<'a>(&'a self, _: &'a Digest, path: &'a WorkspacePath) -> HostFuture<'a, ()> {
        self.paths.lock().unwrap().push(path.as_str().to_owned());
        Box::pin(async { Ok(()) })
    }
    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Value>> {
        Box::pin(async move {
            if key == "wait" {
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.running_most.fetch_max(running, Ordering::SeqCst);
                self.gate.notified().await;
                self.running.fetch_sub(1, Ordering::SeqCst);
            }
            Ok(self.state.lock().unwrap().get(key).cloned())
        })
    }
    fn state_put<'a>(&'a self, key: &'a str, value: Value) -> HostFuture<'a, ()> {
        self.state.lock().unwrap().insert(key.to_owned(), value);
        Box::pin(async { Ok(()) })
    }
    fn activity<'a>(&'a self, name: &'a str, arguments: Vec<Value>) -> HostFuture<'a, Value> {
        Box::pin(async move { Ok(if name == "count" { arguments.len().into() } else { Value::Null }) })
    }
}

#[tokio::test]
async fn host_calls_are_answered_and_abuse_is_refused() {
    let host = Arc::new(Host::default());
    let (connection, mut peer) = ready_with(Settings::default(), host.clone(), Value::Null).await;
    let digest = Digest::of(b"abc").to_string();
    let blob = json!({ "$blob": digest, "bytes": 3, "media_type": "text/plain" });
    let cases = [
        ("host.secret", json!({ "name": "TOKEN" }), Ok(json!({ "value": "s3cret" }))),
        (
            "host.secret",
            json!({ "name": "TOKEN", "tenant": "other", "execution_id": "x" }),
            Ok(json!({ "value": "s3cret" })),
        ),
        ("host.secret", json!({ "name": "OTHER" }), Err((-1001, "permission"))),
        ("host.secret", json!({ "name": "LONG" }), Err((-1004, "resource"))),
        ("host.secret", json!({ "name": "PANIC" }), Err((-1005, "internal"))),
        ("host.secret", json!({ "name": "" }), Err((-32602, "input"))),
        ("host.secret", json!({ "name": "n".repeat(257) }), Err((-32602, "input"))),
        ("host.secret", json!({ "name": ["TOKEN"] }), Err((-32602, "input"))),
        ("host.secret", json!({}), Err((-32602, "input"))),
        ("host.state.get", json!({ "key": "a" }), Ok(json!({}))),
        ("host.state.put", json!({ "key": "a", "value": { "n": 1 } }), Ok(json!({}))),
        ("host.state.get", json!({ "key": "a" }), Ok(json!({ "value": { "n": 1 } }))),
        ("host.state.put", json!({ "key": "a" }), Err((-32602, "input"))),
        ("host.state.put", json!({ "key": "a", "value": "x".repeat(70_000) }), Err((-1004, "resource"))),
        ("host.blob.put", json!({ "path": "out/a.txt", "media_type": "text/plain" }), Ok(blob.clone())),
        ("host.blob.put", json!({ "path": "/workspace/b.txt", "media_type": "text/plain" }), Ok(blob.clone())),
        ("host.blob.get", json!({ "blob": blob, "path": "in.txt" }), Ok(json!({ "path": "in.txt" }))),
        ("host.blob.get", json!({ "blob": digest, "path": "in.txt" }), Ok(json!({ "path": "in.txt" }))),
        ("host.blob.get", json!({ "blob": "sha256:00", "path": "in.txt" }), Err((-32602, "input"))),
        ("host.blob.get", json!({ "blob": "s".repeat(100_000), "path": "in.txt" }), Err((-32602, "input"))),
        ("host.activity", json!({ "name": "count", "arguments": [1, 2] }), Ok(json!({ "value": 2 }))),
        ("host.activity", json!({ "name": "nothing" }), Ok(json!({ "value": null }))),
        ("host.activity", json!({ "name": "count", "arguments": 1 }), Err((-32602, "input"))),
        ("host.shell", json!({ "command": "id" }), Err((-32601, "protocol"))),
        ("node.execute", json!({}), Err((-32601, "protocol"))),
    ];
    for (number, (method, params, expected)) in cases.iter().enumerate() {
        let id = format!("q{number}");
        peer.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        let answer = peer.read().await;
        assert_eq!(answer["id"], json!(id));
        match expected {
            Ok(result) => assert_eq!(&answer["result"], result, "{method} {params}"),
            Err((code, kind)) => {
                assert_eq!(answer["error"]["code"], json!(code), "{method} {params}: {answer}");
                assert_eq!(answer["error"]["data"]["kind"], json!(kind), "{method} {params}: {answer}");
            }
        }
    }
    assert_eq!(*host.paths.lock().unwrap(), ["out/a.txt", "b.txt", "in.txt", "in.txt"]);
    assert_eq!(connection.end_reason(), None);
}

#[tokio::test]
async fn paths_never_leave_the_workspace() {
    let long = "a/".repeat(3000) + "b";
    let bad = [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "/workspace",
        "/workspace/",
        "/workspace/../etc/passwd",
        "/workspace//etc",
        "a\\..\\b",
        "a\0b",
        "a\nb",
        &long,
        &"n".repeat(256),
    ];
    for path in bad {
        assert!(WorkspacePath::parse(path).is_err(), "{path:?}");
    }
    for (path, inside) in
        [("a", "a"), ("a/b.txt", "a/b.txt"), ("/workspace/a", "a"), ("..a/b..", "..a/b.."), ("ä", "ä")]
    {
        assert_eq!(WorkspacePath::parse(path).unwrap().as_str(), inside);
    }
}

#[tokio::test]
async fn a_bounded_number_of_host_calls_runs_at_once_and_calls_go_on_beside_them() {
    let host = Arc::new(Host::default());
    let (connection, mut peer) = ready_with(Settings::default(), host.clone(), Value::Null).await;
    for number in 0..60 {
        let params = json!({ "key": "wait" });
        let id = number.to_string();
        peer.send(json!({ "jsonrpc": "2.0", "id": id, "method": "host.state.get", "params": params })).await;
    }
    until("eight run", || host.running.load(Ordering::SeqCst) == 8).await;
    let sent = parameters("a", 1);
    let (outputs, ()) = tokio::join!(execute(&connection, &sent), async {
        let call = peer.read().await;
        peer.answer(&call, json!({ "success": true, "outputs": { "a": 1 } })).await;
    });
    assert_eq!(outputs, Ok(sent.clone()));
    for _ in 0..60 {
        until("another waits", || host.running.load(Ordering::SeqCst) > 0).await;
        host.gate.notify_one();
        assert_eq!(peer.read().await["result"], json!({}));
    }
    assert_eq!(host.running_most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn host_calls_before_the_handshake_are_refused() {
    let (_connection, mut peer) = support::open(Settings::default(), Arc::new(Host::default()));
    peer.send(json!({ "jsonrpc": "2.0", "id": "a", "method": "host.secret", "params": { "name": "TOKEN" } })).await;
    assert_eq!(peer.read().await["error"]["code"], -1000);
}

#[tokio::test]
async fn a_node_that_does_not_read_fills_a_bounded_queue() {
    let settings = Settings { in_flight_max: 1024, compression: false, ..Settings::default() };
    let (connection, mut peer) = ready_with(settings, Arc::new(NoHostCalls), Value::Null).await;
    let sent = parameters("text", "x".repeat(500_000));
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let mut calls = Vec::new();
    let refused = loop {
        let mut call = Box::pin(connection.execute(&request, ExecuteIo::new()));
        match futures_util::poll!(call.as_mut()) {
            std::task::Poll::Ready(answer) => break answer.unwrap_err(),
            std::task::Poll::Pending => calls.push(call),
        }
        assert!(calls.len() < 100);
    };
    assert!(matches!(refused, RpcError::Backlog { bytes } if bytes < 6 << 20), "{refused}");
    // A cancel does not wait for the megabytes before it, only for the message that has begun.
    let last = calls.last().unwrap().id().unwrap();
    calls.last().unwrap().cancel();
    let mut seen = Vec::new();
    loop {
        let message = peer.read().await;
        if message["method"] == "$/cancel" {
            assert_eq!(message["params"]["id"], json!(last.to_string()));
            break;
        }
        seen.push(message);
    }
    assert!(seen.len() <= 2, "{} messages came before the cancel", seen.len());
    for call in &seen {
        peer.answer(call, json!({ "success": true })).await;
    }
    for call in calls.drain(..seen.len()) {
        within("a call", call).await.unwrap();
    }
    assert_eq!(connection.end_reason(), None);
}

#[tokio::test]
async fn a_node_that_asks_and_does_not_read_is_held_up() {
    let host = Arc::new(Host::default());
    host.state.lock().unwrap().insert("big".into(), json!("x".repeat(60_000)));
    let (connection, mut peer) = ready_with(Settings::default(), host, Value::Null).await;
    for number in 0..60 {
        let id = number.to_string();
        peer.send(json!({ "jsonrpc": "2.0", "id": id, "method": "host.state.get", "params": { "key": "big" } })).await;
    }
    until("the host has answered what it had read", || connection.counters().host_calls == 60).await;
    // Megabytes wait now, so that the host reads nothing more until some of it is taken.
    let read_before = connection.counters().bytes_read;
    peer.notify("$/unknown", json!({})).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.counters().bytes_read, read_before);
    for _ in 0..60 {
        assert_eq!(peer.read().await["result"]["value"].as_str().unwrap().len(), 60_000);
    }
    until("the host reads again", || connection.counters().refused == 1).await;
}

#[tokio::test]
async fn a_flood_of_notifications_is_slowed_and_the_answer_still_comes() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    let received = peer.read().await;
    for _ in 0..10_000 {
        peer.notify("$/progress", json!({ "id": received["id"], "message": "m" })).await;
    }
    peer.answer(&received, json!({ "success": true })).await;
    within("the call", call).await.unwrap();
    assert_eq!(connection.end_reason(), None);
}

/// Fails when it is told anything.
struct Broken;

impl CallEvents for Broken {
    fn progress(&self, _: Progress) {
        panic!("a defect of the receiver");
    }
    fn log(&self, _: LogEntry) {
        panic!("a defect of the receiver");
    }
}

#[tokio::test]
async fn a_receiver_that_fails_leaves_nobody_waiting() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new().events(Arc::new(Broken)));
    let received = peer.read().await;
    peer.notify("$/log", json!({ "id": received["id"], "message": "m" })).await;
    assert_eq!(within("the call", call).await.unwrap_err().name(), "io");
    assert_eq!(within("the end", connection.closed()).await.name(), "io");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_works_while_a_node_floods() {
    let (neighbour, peer) = ready().await;
    let echo = tokio::spawn(peer.echo());
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let recorder = Arc::new(Recorder::default());
    let call = connection.execute(&request, ExecuteIo::new().events(recorder));
    let flood = tokio::spawn(async move {
        let received = peer.read().await;
        let line = json!({ "jsonrpc": "2.0", "method": "$/log", "params": { "id": received["id"], "message": "m" } });
        let lines = format!("{line}\n").repeat(1000);
        while !peer.is_told_to_cancel().await {
            peer.bytes(lines.as_bytes()).await;
        }
        peer.answer(&received, json!({ "success": true })).await;
        peer
    });
    for turn in 0..500 {
        let sent = parameters("turn", turn);
        assert_eq!(execute(&neighbour, &sent).await, Ok(sent));
    }
    call.cancel();
    // The cancel reaches a node that is held up in writing, and its answer comes after all that it had written.
    assert!(within("the call", call).await.is_ok());
    assert_eq!(connection.end_reason(), None);
    let _peer = flood.await.unwrap();
    drop(neighbour);
    within("the echo", echo).await.unwrap();
}
