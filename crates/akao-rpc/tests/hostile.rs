//! A node that misbehaves, in every way that we could think of. Each has its own named error, ends only its own
//! connection, and leaves a neighbour working.

mod support;

use akao_rpc::{Connection, ExecuteIo, ExecuteRequest, NoHostCalls, Settings};
use serde_json::{Value, json};
use std::{future::Future, pin::Pin, sync::Arc};
use support::{Peer, context, execute, parameters, ready_with, within};
use tokio::io::AsyncWriteExt;

/// What the hostile node does once it was given a call: it holds its end and the call's id.
type Act = for<'a> fn(&'a mut Peer, &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

struct Case {
    name: &'static str,
    act: Act,
    /// The name of the error with which the connection ends.
    expected: &'static str,
}

macro_rules! case {
    ($name:literal, $expected:literal, |$peer:ident, $id:ident| $act:expr) => {
        Case { name: $name, act: |$peer, $id| Box::pin(async move { $act }), expected: $expected }
    };
    ($name:literal, $expected:literal, text $text:expr) => {
        Case {
            name: $name,
            act: |peer, id| Box::pin(async move { peer.text(&$text.replace("ID", id)).await }),
            expected: $expected,
        }
    };
}

fn result(id: &str, outputs: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{"success":true,"outputs":{{{outputs}}}}}}}"#)
}

async fn packed(peer: &mut Peer, bytes: &[u8]) {
    peer.bytes(format!("Z{}\n", bytes.len()).as_bytes()).await;
    peer.bytes(bytes).await;
}

#[rustfmt::skip]
fn framing() -> Vec<Case> {
    vec![
        case!("an endless line", "message_too_long", |peer, _id| for _ in 0..64 { peer.bytes(&[b' '; 65536]).await }),
        case!("a line one byte too long", "message_too_long", |peer, _id| {
            peer.text(&format!("{}{{}}", " ".repeat((1 << 20) - 1))).await;
        }),
        case!("a gigabyte is announced", "message_too_long", text "Z1073741824"),
        case!("more bytes are announced than numbers hold", "bad_frame", text "Z99999999999999999999999"),
        case!("compressed bytes of no length", "bad_frame", text "Z"),
        case!("compressed bytes of length zero", "bad_frame", text "Z0"),
        case!("a length in words", "bad_frame", text "Zmany"),
        case!("a negative length", "bad_frame", text "Z-5"),
        case!("a head that does not end", "bad_frame", |peer, _id| peer.bytes(b"Z123456789012345").await),
        case!("compressed bytes that are none", "bad_compression", |peer, _id| packed(peer, b"not zstd at all").await),
        case!("a compressed bomb", "message_too_long", |peer, _id| {
            packed(peer, &zstd::bulk::compress(&vec![b' '; 64 << 20], 19).unwrap()).await;
        }),
        case!("a compressed bomb that hides its size", "bad_compression", |peer, _id| {
            packed(peer, &zstd::stream::encode_all(&vec![b' '; 64 << 20][..], 3).unwrap()).await;
        }),
        case!("two compressed frames in one", "bad_compression", |peer, _id| {
            let frame = zstd::bulk::compress(b"{}", 1).unwrap();
            packed(peer, &[frame.clone(), frame].concat()).await;
        }),
        case!("compressed bytes that were changed", "bad_compression", |peer, id| {
            let mut frame = zstd::bulk::compress(result(id, &format!("\"a\":\"{}\"", "ab".repeat(400))).as_bytes(), 1).unwrap();
            let at = frame.len() / 2;
            frame.truncate(at);
            packed(peer, &frame).await;
        }),
        case!("the end in the middle of a line", "half_line", |peer, _id| {
            peer.bytes(b"{\"jsonrpc\":").await;
            peer.writer.shutdown().await.unwrap();
        }),
        case!("the end in the middle of compressed bytes", "half_line", |peer, _id| {
            peer.bytes(b"Z100\nabc").await;
            peer.writer.shutdown().await.unwrap();
        }),
        case!("the end between messages", "closed", |peer, _id| peer.writer.shutdown().await.unwrap()),
    ]
}

#[rustfmt::skip]
fn documents() -> Vec<Case> {
    vec![
        case!("ten thousand levels of arrays", "too_deep", |peer, id| {
            peer.text(&result(id, &format!("\"a\":{}{}", "[".repeat(10_000), "]".repeat(10_000)))).await;
        }),
        case!("ten thousand levels that never close", "too_deep", |peer, _id| peer.text(&"[{\"a\":".repeat(10_000).replacen('[', "", 1)).await),
        case!("sixty-five levels of objects", "too_deep", |peer, id| {
            // The message, its result and its outputs are three.
            peer.text(&result(id, &format!("\"a\":{}1{}", "{\"a\":".repeat(62), "}".repeat(62)))).await;
        }),
        case!("half a million values", "too_many_values", |peer, id| {
            peer.text(&result(id, &format!("\"a\":[{}0]", "0,".repeat(500_000)))).await;
        }),
        case!("a hundred unknown members", "not_message", |peer, _id| {
            let members: Vec<String> = (0..100).map(|number| format!("\"m{number}\":0")).collect();
            peer.text(&format!("{{{}}}", members.join(","))).await;
        }),
        case!("a method that is a number", "not_message", text r#"{"jsonrpc":"2.0","method":7}"#),
        case!("a key twice", "duplicate_key", text result("ID", r#""a":1,"a":2"#)),
        case!("a key twice, spelt differently", "duplicate_key", text result("ID", r#""a":1,"\u0061":2"#)),
        case!("the id twice", "duplicate_key", text r#"{"jsonrpc":"2.0","id":"ID","id":"ID","result":{"success":true}}"#),
        case!("the version twice", "duplicate_key", text r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":"ID","result":{"success":true}}"#),
        case!("an unknown member twice", "duplicate_key", text r#"{"x":1,"jsonrpc":"2.0","x":2,"id":"ID","result":{"success":true}}"#),
        case!("a NUL byte", "nul", |peer, id| peer.text(&result(id, "\"a\":\"\0\"")).await),
        case!("a NUL in the method", "nul", text r#"{"jsonrpc":"2.0","method":"host\u0000.secret"}"#),
        case!("a NUL in a key", "nul", text result("ID", r#""\u0000":1"#)),
        case!("bytes that are not UTF-8", "not_utf8", |peer, _id| peer.bytes(b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\xfe\"}\n").await),
        case!("half a surrogate pair", "lone_surrogate", text result("ID", r#""a":"\ud800""#)),
        case!("the other half", "lone_surrogate", text result("ID", r#""a":"\udc00x""#)),
        case!("a surrogate pair in the wrong order", "lone_surrogate", text result("ID", r#""a":"\udc00\ud800""#)),
        case!("NaN", "not_json", text result("ID", r#""a":NaN"#)),
        case!("Infinity", "not_json", text result("ID", r#""a":-Infinity"#)),
        case!("a number beyond all", "not_json", text result("ID", r#""a":1e999"#)),
        case!("a trailing comma", "not_json", text result("ID", r#""a":1,"#)),
        case!("two documents in a line", "not_json", text format!("{}{}", result("ID", ""), result("ID", ""))),
        case!("an empty line", "not_json", text String::new()),
        case!("text that was meant for people", "not_json", text "Loading model..."),
        case!("a byte order mark", "not_json", text format!("\u{feff}{}", result("ID", ""))),
        case!("a comment", "not_json", text format!("{} // done", result("ID", ""))),
        case!("a list of messages", "not_message", text format!("[{}]", result("ID", ""))),
        case!("a number alone", "not_message", text "17"),
        case!("null alone", "not_message", text "null"),
        case!("another version of JSON-RPC", "not_message", text r#"{"jsonrpc":"1.0","id":"ID","result":{"success":true}}"#),
        case!("no version of JSON-RPC", "not_message", text r#"{"id":"ID","result":{"success":true}}"#),
        case!("a result and an error", "not_message", text r#"{"jsonrpc":"2.0","id":"ID","result":{},"error":{"code":1,"message":"m"}}"#),
        case!("neither result nor error", "not_message", text r#"{"jsonrpc":"2.0","id":"ID"}"#),
        case!("an error without a code", "not_message", text r#"{"jsonrpc":"2.0","id":"ID","error":{"message":"m"}}"#),
        case!("a method and a result", "not_message", text r#"{"jsonrpc":"2.0","id":"ID","method":"m","result":{}}"#),
        case!("parameters in a list", "not_message", text r#"{"jsonrpc":"2.0","id":"ID","method":"m","params":[1]}"#),
        case!("an empty object", "not_message", text "{}"),
    ]
}

#[rustfmt::skip]
fn ids_and_streams() -> Vec<Case> {
    vec![
        case!("an id as a number", "not_message", text r#"{"jsonrpc":"2.0","id":1,"result":{"success":true}}"#),
        case!("an id that was never given", "unknown_id", text r#"{"jsonrpc":"2.0","id":"4711","result":{"success":true}}"#),
        case!("an id of its own making", "unknown_id", text r#"{"jsonrpc":"2.0","id":"call-1","result":{"success":true}}"#),
        case!("an id spelt differently", "unknown_id", text r#"{"jsonrpc":"2.0","id":"0ID","result":{"success":true}}"#),
        case!("an id that is very long", "unknown_id", |peer, _id| peer.text(&result(&"9".repeat(100_000), "")).await),
        case!("two answers", "duplicate_answer", text format!("{}\n{}", result("ID", ""), result("ID", ""))),
        case!("an answer to the handshake again", "duplicate_answer", text result("1", "")),
        case!("it could not read", "peer_refused", text r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}"#),
        case!("progress of a call that is none", "unknown_id", |peer, _id| peer.notify("$/progress", json!({ "id": "99" })).await),
        case!("a log line of nothing", "not_message", |peer, _id| peer.notify("$/log", json!({ "message": "m" })).await),
        case!("output of another's call", "unknown_id", |peer, _id| peer.notify("$/output", json!({ "id": "77", "stream": "a", "chunk": "x" })).await),
        case!("output beyond its credit", "no_credit", |peer, id| for _ in 0..5 {
            peer.notify("$/output", json!({ "id": id, "stream": "a", "chunk": "x".repeat(65_536) })).await;
        }),
        case!("nine streams", "too_many_streams", |peer, id| for stream in 0..9 {
            peer.notify("$/output", json!({ "id": id, "stream": format!("s{stream}"), "chunk": "x" })).await;
        }),
        case!("output that is not text", "not_message", |peer, id| peer.notify("$/output", json!({ "id": id, "stream": "a", "chunk": [1] })).await),
        case!("a stream with an endless name", "not_message", |peer, id| peer.notify("$/output", json!({ "id": id, "stream": "s".repeat(65), "chunk": "x" })).await),
        case!("a request with a number as id", "not_message", text r#"{"jsonrpc":"2.0","id":5,"method":"host.secret","params":{"name":"A"}}"#),
        case!("a request with an endless id", "not_message", |peer, _id| peer.text(&json!({ "jsonrpc": "2.0", "id": "i".repeat(65), "method": "host.secret" }).to_string()).await),
        case!("one id for two requests", "duplicate_request", |peer, _id| for _ in 0..2 { slow_request(peer, "same").await }),
        case!("a storm of requests", "flood", |peer, _id| for number in 0..100 { slow_request(peer, &number.to_string()).await }),
        case!("a storm of unknown methods", "flood", |peer, _id| for _ in 0..3_000 { peer.notify("$/unknown", json!({})).await }),
        case!("a storm of unknown requests", "flood", |peer, _id| {
            for number in 0..3_000 {
                peer.send(json!({ "jsonrpc": "2.0", "id": number.to_string(), "method": "host.shell" })).await;
            }
        }),
        case!("it stops reading for good", "closed", |peer, _id| {
            // SHUT_RD makes the next write of the host fail, although the other direction stays open.
            let socket: &tokio::net::UnixStream = peer.reader.get_ref().as_ref();
            rustix::net::shutdown(socket, rustix::net::Shutdown::Read).unwrap();
            slow_request(peer, "a").await;
            peer.send(json!({ "jsonrpc": "2.0", "id": "b", "method": "host.unknown" })).await;
        }),
    ]
}

/// A request that the host of these tests never answers.
async fn slow_request(peer: &mut Peer, id: &str) {
    peer.send(json!({ "jsonrpc": "2.0", "id": id, "method": "host.state.get", "params": { "key": "never" } })).await;
}

/// A host whose state never comes.
struct SlowHost;

impl akao_rpc::HostCalls for SlowHost {
    fn secret<'a>(&'a self, name: &'a str) -> akao_rpc::HostFuture<'a, akao_rpc::SecretText> {
        NoHostCalls.secret(name)
    }
    fn blob_put<'a>(
        &'a self,
        path: &'a akao_rpc::WorkspacePath,
        media_type: Option<&'a str>,
    ) -> akao_rpc::HostFuture<'a, akao_contract::BlobRef> {
        NoHostCalls.blob_put(path, media_type)
    }
    fn blob_get<'a>(
        &'a self,
        digest: &'a akao_contract::Digest,
        path: &'a akao_rpc::WorkspacePath,
    ) -> akao_rpc::HostFuture<'a, ()> {
        NoHostCalls.blob_get(digest, path)
    }
    fn state_get<'a>(&'a self, _: &'a str) -> akao_rpc::HostFuture<'a, Option<Value>> {
        Box::pin(std::future::pending())
    }
    fn state_put<'a>(&'a self, key: &'a str, value: Value) -> akao_rpc::HostFuture<'a, ()> {
        NoHostCalls.state_put(key, value)
    }
}

/// Lets the node act and says how the connection and the open call end.
async fn play(case: &Case) -> (String, String, Connection) {
    let limits = json!({ "compression": ["zstd"] });
    let (connection, mut peer) = ready_with(Settings::default(), Arc::new(SlowHost), limits).await;
    let parameters = parameters("a", 1);
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &parameters };
    let mut io = ExecuteIo::new();
    let _output = io.output();
    let call = connection.execute(&request, io);
    let id = peer.read_call("node.execute").await["id"].as_str().unwrap().to_owned();
    let (ended, called, ()) = tokio::join!(
        within(case.name, connection.closed()),
        within(case.name, call),
        within(case.name, async {
            (case.act)(&mut peer, &id).await;
            // The host closes both directions, so that the node sees the end.
            while peer.line().await.is_some() {}
        }),
    );
    let called = called.map_or_else(|error| error.name().to_owned(), |_| "answered".to_owned());
    (ended.name().to_owned(), called, connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_misbehaviour_has_its_name_and_harms_no_neighbour() {
    let (neighbour, peer) = support::ready().await;
    let echo = tokio::spawn(peer.echo());
    let cases: Vec<Case> = [framing(), documents(), ids_and_streams()].into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (ended, called, connection) = play(case).await;
        let answered_first = matches!(case.expected, "duplicate_answer") && called == "answered";
        if ended != case.expected || !(called == case.expected || answered_first) {
            wrong.push(format!("{}: ended as {ended}, the call as {called}, expected {}", case.name, case.expected));
        }
        assert_eq!(connection.in_flight(), 0, "{}", case.name);
        let refused = execute(&connection, &parameters("a", 1)).await.unwrap_err();
        assert_eq!(refused.name(), case.expected, "{}: a call after the end", case.name);
        let sent = parameters("after", case.name);
        assert_eq!(execute(&neighbour, &sent).await, Ok(sent), "{}: the neighbour", case.name);
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(neighbour.end_reason(), None);
    drop(neighbour);
    within("the echo", echo).await.unwrap();
}

#[tokio::test]
async fn an_offence_is_told_to_the_node_once() {
    let (connection, mut peer) = support::ready().await;
    peer.text(r#"{"jsonrpc":"2.0","id":"x","id":"x"}"#).await;
    assert_eq!(within("the end", connection.closed()).await.name(), "duplicate_key");
    let told = peer.read().await;
    assert_eq!(told["id"], Value::Null);
    assert_eq!(told["error"]["code"], -32700);
    assert_eq!(told["error"]["data"]["kind"], "protocol");
    assert_eq!(told["error"]["data"]["detail"], json!({ "reason": "duplicate_key" }));
    assert_eq!(peer.line().await, None);
}

#[tokio::test]
async fn a_handshake_without_a_common_version_ends_the_connection() {
    let (connection, mut peer) = support::open(Settings::default(), Arc::new(NoHostCalls));
    let request = akao_rpc::InfoRequest::new("akao/test");
    let (info, ()) = tokio::join!(connection.info(&request, support::PATIENCE), async {
        let call = peer.read().await;
        peer.answer(&call, json!({ "protocol": 2, "id": "a.b.c", "version": "1.0.0", "sdk": "x", "nodes": [] })).await;
    });
    assert_eq!(info.unwrap_err().name(), "wrong_version");
    assert_eq!(within("the end", connection.closed()).await.name(), "wrong_version");
}
