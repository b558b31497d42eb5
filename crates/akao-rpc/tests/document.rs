//! `docs/node-protocol.md` says what the code does: each JSON line in it is a message, the worked conversation happens as
//! written, and its tables hold the limits and names of the code.

mod support;

use akao_contract::{BlobRef, Digest, StepError};
use akao_rpc::{
    Connection, ExecuteContext, ExecuteIo, ExecuteRequest, HostCalls, HostFuture, InfoRequest, RpcError, SecretText,
    Settings, WorkspacePath, limits,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use support::{PATIENCE, within};

const DOCUMENT: &str = include_str!("../../../docs/node-protocol.md");

/// The lines of all blocks with this mark.
fn lines(mark: &str) -> Vec<&'static str> {
    let opening = format!("```{mark}\n");
    DOCUMENT.split(&opening).skip(1).flat_map(|rest| rest.split("```").next().unwrap_or("").lines()).collect()
}

#[test]
fn each_example_is_a_message() {
    let examples = lines("json");
    assert!(examples.len() > 20, "{}", examples.len());
    for line in examples {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let members: Vec<&str> = message.as_object().unwrap().keys().map(String::as_str).collect();
        let known = [
            &["jsonrpc", "id", "method", "params"][..],
            &["jsonrpc", "method", "params"],
            &["jsonrpc", "id", "result"],
            &["jsonrpc", "id", "error"],
        ];
        assert!(known.contains(&&members[..]), "{line}");
        assert_eq!(message["jsonrpc"], "2.0");
        assert_eq!(message.to_string(), line, "an example is written as it is sent");
    }
}

/// A host that answers as the document does.
struct DocumentHost;

impl HostCalls for DocumentHost {
    fn secret<'a>(&'a self, name: &'a str) -> HostFuture<'a, SecretText> {
        akao_rpc::NoHostCalls.secret(name)
    }
    fn blob_put<'a>(&'a self, _: &'a WorkspacePath, media_type: Option<&'a str>) -> HostFuture<'a, BlobRef> {
        let media_type = media_type.unwrap_or_default().to_owned();
        Box::pin(async move { Ok(BlobRef { digest: Digest::of(b"abc"), bytes: 3, media_type, items: None }) })
    }
    fn blob_get<'a>(&'a self, _: &'a Digest, _: &'a WorkspacePath) -> HostFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Value>> {
        let value = (key == "cursor").then(|| serde_json::json!({ "page": 3 }));
        Box::pin(async move { Ok::<_, StepError>(value) })
    }
    fn state_put<'a>(&'a self, _: &'a str, _: Value) -> HostFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

async fn ready() -> (Connection, support::Peer) {
    support::ready_with(Settings::default(), Arc::new(DocumentHost), Value::Null).await
}

#[tokio::test]
async fn host_calls_are_answered_as_written() {
    let examples = lines("json");
    let (connection, mut peer) = ready().await;
    let mut checked = 0;
    for pair in examples.windows(2) {
        let request: Value = serde_json::from_str(pair[0]).unwrap();
        if request["method"].as_str().is_some_and(|method| method.starts_with("host.")) {
            peer.text(pair[0]).await;
            assert_eq!(within("an answer", peer.line()).await.as_deref(), Some(pair[1]));
            checked += 1;
        }
    }
    assert_eq!((checked, connection.end_reason()), (5, None));
}

#[tokio::test]
async fn the_offence_is_told_as_written() {
    let (_connection, mut peer) = ready().await;
    peer.text(r#"{"jsonrpc":"2.0","id":"1","id":"2"}"#).await;
    assert_eq!(within("the last word", peer.line()).await.as_deref(), Some(lines("json")[0]));
}

#[tokio::test]
async fn the_conversation_happens_as_written() {
    let conversation = lines("text");
    let settings = Settings { compression: false, ..Settings::default() };
    let (connection, mut peer) = support::open(settings, Arc::new(DocumentHost));
    let host = tokio::spawn(async move {
        connection.info(&InfoRequest::new("akao/0.1.0"), PATIENCE).await.unwrap();
        let step = "/0".parse().unwrap();
        let context = ExecuteContext {
            node_id: None,
            workflow_id: "orders",
            execution_id: "01K7H2M4N6P8Q0R2S4T6V8W0X2".parse().unwrap(),
            step: &step,
            attempt: None,
            idempotency_key: None,
            tenant: None,
            deadline: None,
            trace: None,
        };
        let parameters = support::parameters("text", "one two");
        let mut io = ExecuteIo::new();
        let mut output = io.output();
        let call = connection.execute(&ExecuteRequest { context, parameters: &parameters }, io);
        assert_eq!(output.next().await.unwrap().text, "one\ntwo\n");
        assert_eq!(call.await.unwrap().result, Ok(support::parameters("words", 2)));
        connection.shutdown(Duration::from_secs(2), PATIENCE).await.unwrap();
    });
    for line in conversation {
        match line.split_at(2) {
            ("> ", sent) => assert_eq!(within(sent, peer.line()).await.as_deref(), Some(sent)),
            ("< ", answered) => peer.text(answered).await,
            _ => panic!("{line}"),
        }
    }
    within("the host", host).await.unwrap();
}

#[test]
fn limits_in_the_text_are_those_of_the_code() {
    let spelt = [
        ("1,048,576 bytes", limits::MESSAGE_BYTES_DEFAULT == 1_048_576),
        ("up to 16 MiB", limits::MESSAGE_BYTES_MAX == 16 << 20),
        ("the message included | 64 |", limits::DEPTH_MAX == 64),
        ("| values in a message | 131,072 |", limits::VALUES_MAX == 131_072),
        ("2^53 - 1", limits::INTEGER_MAX == (1 << 53) - 1),
        ("longer than 32 KiB", limits::COMPRESS_BYTES_MIN == 32 << 10),
        ("262,144 bytes", limits::STREAM_CREDIT_BYTES == 262_144),
        ("eight streams a call", limits::STREAMS_MAX == 8),
        ("the name at most 64 bytes", limits::STREAM_NAME_BYTES_MAX == 64),
        ("requests 1 to 64 bytes", limits::ID_BYTES_MAX == 64),
        ("Names and keys have 1 to 256 bytes", limits::NAME_BYTES_MAX == 256),
        ("`value` (64 KiB; null removes)", limits::STATE_VALUE_BYTES_MAX == 64 << 10),
        ("at most ten times a second", limits::PROGRESS_INTERVAL.as_millis() == 100),
        ("cut at 8 KiB", limits::TEXT_BYTES_MAX == 8 << 10),
        ("500 lines a second", limits::LOG_LINES_PER_SECOND_MAX == 500),
        ("beyond 2,000 in 100 ms", limits::NOTIFICATIONS_PER_WINDOW_MAX == 2_000),
        ("more than 1,000 messages a second", limits::UNSOLICITED_PER_SECOND_MAX == 1_000),
        ("more than 1,024 calls", limits::ABANDONED_MAX == 1_024),
        ("At most 64 may be unanswered; eight are worked on at once", limits::HOST_CALLS_MAX == 64),
        ("more than 64 requests open", limits::HOST_CALLS_AT_ONCE_MAX == 8),
    ];
    for (text, holds) in spelt {
        assert!(holds && DOCUMENT.contains(text), "{text}");
    }
}

#[test]
fn every_name_of_an_error_is_explained() {
    let text = String::new;
    let all = [
        RpcError::MessageTooLong { bytes_max: 1 },
        RpcError::TooDeep { depth_max: 1 },
        RpcError::TooManyValues { values_max: 1 },
        RpcError::DuplicateKey { key: text() },
        RpcError::NotJson { reason: text() },
        RpcError::NotUtf8 { offset: 1 },
        RpcError::Nul,
        RpcError::LoneSurrogate,
        RpcError::NotMessage { reason: text() },
        RpcError::BadFrame { reason: text() },
        RpcError::BadCompression { reason: text() },
        RpcError::NotNegotiated { what: "x" },
        RpcError::UnknownId { id: text() },
        RpcError::DuplicateAnswer { id: text() },
        RpcError::DuplicateRequest { id: text() },
        RpcError::NoCredit { stream: text(), bytes: 1 },
        RpcError::TooManyStreams { streams_max: 1 },
        RpcError::Flood { what: "x" },
        RpcError::WrongVersion { offered: vec![], answered: 1 },
        RpcError::PeerRefused { code: 1, message: text() },
        RpcError::TooManyAbandoned { calls: 1 },
        RpcError::HalfLine { bytes: 1 },
        RpcError::Closed,
        RpcError::ClosedHere,
        RpcError::Io { reason: text() },
        RpcError::BadAnswer { method: "x", reason: text() },
        RpcError::IntegerTooLarge { place: "x" },
        RpcError::RequestTooLong { bytes: 1, bytes_max: 1 },
        RpcError::RequestTooDeep { depth_max: 1 },
        RpcError::RequestNul,
        RpcError::NoBatch { node: text() },
        RpcError::NotReady,
        RpcError::TimedOut { method: "x", limit_ms: 1 },
        RpcError::Backlog { bytes: 1 },
        RpcError::TooManyCalls { calls_max: 1 },
    ];
    for error in all {
        assert!(DOCUMENT.contains(&format!("`{}`", error.name())), "{}", error.name());
        let step = error.to_step_error();
        assert_eq!(step.detail["reason"], error.name());
        assert_eq!(error.is_offence(), error.ends_connection() && step.kind == akao_contract::ErrorKind::Protocol);
    }
}
