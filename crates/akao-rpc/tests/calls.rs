//! What a connection does with a node that keeps to the protocol: the five methods, many calls at once, batches,
//! compression, limits, and calls that are given up.

mod support;

use akao_contract::{ErrorKind, StepError};
use akao_rpc::{
    ExecuteIo, ExecuteRequest, HealthStatus, InfoRequest, NoHostCalls, RpcError, Settings, ValidateRequest,
    batch_parameters,
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use support::{PATIENCE, context, execute, parameters, ready, ready_with, until, within};

#[tokio::test]
async fn the_handshake_says_what_both_sides_can_do_and_agrees_on_the_smaller() {
    let cases = [
        (json!(null), 1 << 20, false),
        (json!({}), 1 << 20, false),
        (json!({ "message_bytes_max": 2_000_000, "compression": ["zstd"] }), 2_000_000, true),
        (json!({ "message_bytes_max": 1_000_000_000_u64, "compression": ["br"] }), 4 << 20, false),
        (json!({ "message_bytes_max": 10 }), 1 << 20, false),
    ];
    for (limits, bytes_max, compression) in cases {
        let settings = Settings { message_bytes_max: 4 << 20, ..Settings::default() };
        let (connection, _peer) = ready_with(settings, Arc::new(NoHostCalls), limits.clone()).await;
        let agreed = connection.agreed();
        assert_eq!((agreed.message_bytes_max, agreed.compression), (bytes_max, compression), "{limits}");
    }
}

#[tokio::test]
async fn the_handshake_comes_first_and_in_time() {
    let (connection, mut peer) = support::open(Settings::default(), Arc::new(NoHostCalls));
    assert_eq!(execute(&connection, &Map::new()).await, Err(RpcError::NotReady));
    let request = InfoRequest { tenant: Some("acme".into()), concurrency: 3, ..InfoRequest::new("akao/1") };
    let late = connection.info(&request, Duration::from_millis(10)).await;
    assert_eq!(late, Err(RpcError::TimedOut { method: "node.info", limit_ms: 10 }));
    let sent = peer.read().await;
    assert_eq!(sent["params"]["protocol"], json!([1]));
    assert_eq!(sent["params"]["tenant"], "acme");
    assert_eq!(sent["params"]["limits"]["concurrency"], 3);
    assert_eq!(peer.read().await, json!({ "jsonrpc": "2.0", "method": "$/cancel", "params": { "id": "1" } }));
}

#[tokio::test]
async fn an_unusable_handshake_is_an_error_of_its_own() {
    let good = json!({ "protocol": 1, "id": "a.b.c", "version": "1.0.0", "sdk": "s", "nodes": ["a.b.c"] });
    let spoilt = [
        ("protocol", json!("1")),
        ("id", json!(3)),
        ("version", Value::Null),
        ("nodes", json!({})),
        ("nodes", json!([7])),
        ("limits", json!([])),
        ("limits", json!({ "message_bytes_max": "many" })),
        ("sdk", json!(1)),
    ];
    for (key, value) in spoilt {
        let (connection, mut peer) = support::open(Settings::default(), Arc::new(NoHostCalls));
        let mut info = good.clone();
        info[key] = value;
        let request = InfoRequest::new("akao/1");
        let (answer, ()) = tokio::join!(connection.info(&request, PATIENCE), async {
            let call = peer.read().await;
            peer.answer(&call, info.clone()).await;
        });
        assert_eq!(answer.unwrap_err().name(), "bad_answer", "{info}");
    }
}

#[tokio::test]
async fn an_attempt_ends_as_the_node_says() {
    let user =
        StepError { detail: json!({ "row": 3 }), retryable: true, ..StepError::new(ErrorKind::User, "row 3 is bad") };
    let unsaid = StepError::new(ErrorKind::Internal, "the node failed without saying why");
    let error = json!({ "kind": "user", "message": "row 3 is bad", "retryable": true, "detail": { "row": 3 } });
    let cases = [
        (json!({ "success": true, "outputs": { "a": 1 } }), Ok(parameters("a", 1))),
        (json!({ "success": true }), Ok(Map::new())),
        (json!({ "success": false, "error": error }), Err(user)),
        (json!({ "success": false, "outputs": {}, "error": null }), Err(unsaid.clone())),
        (json!({ "success": false }), Err(unsaid)),
        (json!({ "success": false, "error": "no" }), Err(StepError::new(ErrorKind::User, "no"))),
    ];
    let (connection, mut peer) = ready().await;
    for (result, expected) in cases {
        let sent = parameters("x", 1);
        let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
        let call = connection.execute(&request, ExecuteIo::new());
        let received = peer.read().await;
        peer.answer(&received, result.clone()).await;
        assert_eq!(within("the call", call).await.unwrap().result, expected, "{result}");
    }
    let metadata = json!({ "success": true, "metadata": { "execution_time": 1.5, "memory_used": 4096 } });
    let answer = answered(&connection, &mut peer, metadata).await.unwrap();
    assert_eq!((answer.metadata.execution_time, answer.metadata.memory_used), (Some(1.5), Some(4096)));
}

async fn answered(
    connection: &akao_rpc::Connection,
    peer: &mut support::Peer,
    result: Value,
) -> Result<akao_rpc::ExecuteAnswer, RpcError> {
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    let received = peer.read_call("node.execute").await;
    peer.answer(&received, result).await;
    within("the call", call).await
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_fails_its_call_alone() {
    let (connection, mut peer) = ready().await;
    let cases = [
        json!(null),
        json!([]),
        json!({}),
        json!({ "success": 1 }),
        json!({ "success": true, "outputs": [] }),
        json!({ "success": true, "metadata": 3 }),
        json!({ "success": false, "error": 3 }),
    ];
    for result in cases {
        let error = answered(&connection, &mut peer, result.clone()).await.unwrap_err();
        assert_eq!((error.name(), error.to_step_error().kind), ("bad_answer", ErrorKind::Protocol), "{result}");
    }
    let large = answered(&connection, &mut peer, json!({ "success": true, "outputs": { "n": 1_u64 << 53 } })).await;
    assert_eq!(large.unwrap_err().name(), "integer_too_large");
    let exact =
        answered(&connection, &mut peer, json!({ "success": true, "outputs": { "n": (1_u64 << 53) - 1 } })).await;
    assert!(exact.is_ok());
    assert_eq!(connection.end_reason(), None);
}

#[tokio::test]
async fn a_json_rpc_error_reaches_the_step_with_its_kind() {
    let (connection, mut peer) = ready().await;
    let cases = [
        (json!({ "code": -1004, "message": "too much" }), ErrorKind::Resource, false),
        (json!({ "code": -1003, "message": "too late" }), ErrorKind::Timeout, true),
        (json!({ "code": -32601, "message": "no such method" }), ErrorKind::Protocol, false),
        (
            json!({ "code": -1005, "message": "m", "data": { "kind": "not_found", "retryable": true } }),
            ErrorKind::NotFound,
            true,
        ),
    ];
    for (error, kind, retryable) in cases {
        let sent = Map::new();
        let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
        let call = connection.execute(&request, ExecuteIo::new());
        let received = peer.read().await;
        peer.send(json!({ "jsonrpc": "2.0", "id": received["id"], "error": error })).await;
        let step = within("the call", call).await.unwrap_err().to_step_error();
        assert_eq!((step.kind, step.retryable), (kind, retryable), "{error}");
        assert_eq!(step.detail["code"], error["code"]);
    }
}

#[tokio::test]
async fn parameters_that_other_languages_would_misread_are_not_sent() {
    let (connection, mut peer) = ready().await;
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (json!(u64::MAX), "integer_too_large"),
        (json!(-(1_i64 << 53)), "integer_too_large"),
        (json!("a\0b"), "answered"),
        (json!({ "a\0": 1 }), "request_nul"),
        (deep(62), "request_too_deep"),
        (json!("x".repeat(1 << 20)), "request_too_long"),
        (json!([{ "$items": 1 }]), "answered"),
        (deep(61), "answered"),
        (json!((1_u64 << 53) - 1), "answered"),
        (json!(1e300), "answered"),
        (json!("\u{10ffff}\u{7f}\u{1}"), "answered"),
    ];
    let echo = tokio::spawn(async move {
        while let Some(line) = peer.line().await {
            let call: Value = serde_json::from_str(&line).unwrap();
            peer.answer(&call, json!({ "success": true, "outputs": call["params"]["parameters"] })).await;
        }
    });
    for (value, expected) in cases {
        let sent = parameters("v", value);
        match execute(&connection, &sent).await {
            Ok(outputs) => assert_eq!((outputs, "answered"), (sent, expected)),
            Err(error) => assert_eq!(error.name(), expected),
        }
    }
    let batch = batch_parameters(&[Map::new()]);
    assert_eq!(execute(&connection, &batch).await.unwrap_err().name(), "no_batch");
    drop(connection);
    within("the echo", echo).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_are_in_flight_and_answers_come_in_any_order() {
    let (connection, mut peer) = ready().await;
    let node = tokio::spawn(async move {
        for _ in 0..20 {
            let mut calls = Vec::new();
            for _ in 0..50 {
                calls.push(peer.read().await);
            }
            calls.reverse();
            for call in &calls {
                peer.answer(call, json!({ "success": true, "outputs": call["params"]["parameters"] })).await;
            }
        }
        peer
    });
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let connection = connection.clone();
        callers.spawn(async move {
            for turn in 0..20 {
                let sent = parameters("at", json!([caller, turn]));
                assert_eq!(execute(&connection, &sent).await, Ok(sent));
            }
        });
    }
    while let Some(done) = within("the callers", callers.join_next()).await {
        done.unwrap();
    }
    let _peer = node.await.unwrap();
    let counters = connection.counters();
    assert_eq!((counters.calls, counters.answers), (1001, 1001));
    assert!(counters.writes < 900, "calls leave together: {counters:?}");
}

#[tokio::test]
async fn more_calls_than_agreed_are_refused_here() {
    let settings = Settings { in_flight_max: 2, ..Settings::default() };
    let (connection, _peer) = ready_with(settings, Arc::new(NoHostCalls), Value::Null).await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let _calls = (connection.execute(&request, ExecuteIo::new()), connection.execute(&request, ExecuteIo::new()));
    let third = connection.execute(&request, ExecuteIo::new()).await;
    assert_eq!(third, Err(RpcError::TooManyCalls { calls_max: 2 }));
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item() {
    let (connection, mut peer) = ready().await;
    let sent = batch_parameters(&[parameters("n", 1), parameters("n", 2)]);
    let request = ExecuteRequest { context: context("org.example.many"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    let received = peer.read().await;
    assert_eq!(received["params"]["parameters"], json!({ "$items": [{ "n": 1 }, { "n": 2 }] }));
    let failed = json!({ "success": false, "error": { "kind": "input", "message": "two is odd" } });
    let items = json!([{ "success": true, "outputs": { "n": 1 } }, failed]);
    peer.answer(&received, json!({ "success": true, "outputs": { "$items": items } })).await;
    let answer = within("the batch", call).await.unwrap();
    let expected = vec![Ok(parameters("n", 1)), Err(StepError::new(ErrorKind::Input, "two is odd"))];
    assert_eq!(answer.clone().items(2), Ok(expected));
    assert_eq!(answer.items(3).unwrap_err().name(), "bad_answer");
}

#[tokio::test]
async fn long_messages_are_compressed_in_both_directions_where_both_said_so() {
    let limits = json!({ "compression": ["zstd"], "message_bytes_max": 8_000_000 });
    let settings = Settings { message_bytes_max: 8 << 20, ..Settings::default() };
    let (connection, mut peer) = ready_with(settings, Arc::new(NoHostCalls), limits).await;
    for length in [10, 40_000, 1_500_000, 7_900_000] {
        let sent = parameters("text", "abcdefghij".repeat(length / 10));
        let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
        let before = connection.counters().bytes_written;
        let call = connection.execute(&request, ExecuteIo::new());
        let received = peer.read().await;
        assert_eq!(received["params"]["parameters"]["text"].as_str().unwrap().len(), length);
        let written = connection.counters().bytes_written - before;
        assert!(written < 33_000, "{length} bytes took {written}");
        let answer = json!({ "jsonrpc": "2.0", "id": received["id"], "result": { "success": true, "outputs": sent } });
        let packed = zstd::bulk::compress(answer.to_string().as_bytes(), 1).unwrap();
        peer.bytes(format!("Z{}\n", packed.len()).as_bytes()).await;
        // In pieces, so that the host reads a message that is not complete.
        for piece in packed.chunks(100) {
            peer.bytes(piece).await;
        }
        assert_eq!(within("the call", call).await.unwrap().result, Ok(sent));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_message_passes_without_compression_byte_by_byte_as_well() {
    let limits = json!({ "message_bytes_max": 16 << 20 });
    let settings = Settings { message_bytes_max: 64 << 20, compression: false, ..Settings::default() };
    let (connection, peer) = ready_with(settings, Arc::new(NoHostCalls), limits).await;
    assert_eq!(connection.agreed().message_bytes_max, 16 << 20);
    let echo = tokio::spawn(peer.echo());
    let sent = parameters("text", "x".repeat((16 << 20) - 1000));
    assert_eq!(execute(&connection, &sent).await, Ok(sent));
    drop(connection);
    within("the echo", echo).await.unwrap();
}

#[tokio::test]
async fn a_late_answer_is_dropped_and_counted_and_a_second_one_is_an_offence() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    drop(connection.execute(&request, ExecuteIo::new()));
    let call = peer.read().await;
    let cancel = peer.read().await;
    assert_eq!((&cancel["method"], &cancel["params"]["id"]), (&json!("$/cancel"), &call["id"]));
    peer.notify("$/progress", json!({ "id": call["id"], "message": "still here" })).await;
    peer.notify("$/output", json!({ "id": call["id"], "stream": "a", "chunk": "x" })).await;
    peer.answer(&call, json!({ "success": true })).await;
    until("the late answer", || connection.counters().late_answers == 1).await;
    assert_eq!(connection.counters().late_events, 2);
    assert_eq!(connection.end_reason(), None);
    peer.answer(&call, json!({ "success": true })).await;
    assert_eq!(within("the end", connection.closed()).await.name(), "duplicate_answer");
}

#[tokio::test]
async fn a_cancelled_call_is_still_answered() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    let received = peer.read().await;
    call.cancel();
    assert_eq!(peer.read().await["method"], "$/cancel");
    let error = json!({ "kind": "cancelled", "message": "cancelled by the host" });
    peer.answer(&received, json!({ "success": false, "error": error })).await;
    let outcome = within("the call", call).await.unwrap().into_outcome();
    assert_eq!(outcome.status, akao_contract::OutcomeStatus::Cancelled);
}

#[tokio::test]
async fn validate_health_and_shutdown() {
    let (connection, mut peer) = ready().await;
    let sent = parameters("n", -1);
    let request = ValidateRequest { node: "org.example.one", parameters: &sent };
    let problems = json!([{ "path": "/n", "message": "is negative", "suggestion": "Use a number above 0." }]);
    let (answer, ()) = tokio::join!(connection.validate(&request, PATIENCE), async {
        let call = peer.read().await;
        assert_eq!(call["params"], json!({ "node": "org.example.one", "parameters": { "n": -1 } }));
        peer.answer(&call, json!({ "valid": false, "problems": problems })).await;
    });
    let answer = answer.unwrap();
    assert_eq!((answer.valid, answer.problems[0].path.as_str()), (false, "/n"));
    for (word, status) in [
        ("healthy", HealthStatus::Healthy),
        ("degraded", HealthStatus::Degraded),
        ("unhealthy", HealthStatus::Unhealthy),
    ] {
        let (health, ()) = tokio::join!(connection.health(PATIENCE), async {
            let call = peer.read().await;
            peer.answer(&call, json!({ "status": word, "detail": "d" })).await;
        });
        assert_eq!(health.unwrap().status, status);
    }
    let (ended, ()) = tokio::join!(connection.shutdown(Duration::from_millis(1500), PATIENCE), async move {
        let call = peer.read().await;
        assert_eq!((&call["method"], &call["params"]), (&json!("node.shutdown"), &json!({ "grace": 1500 })));
        peer.answer(&call, json!({})).await;
    });
    assert_eq!(ended, Ok(()));
    assert_eq!(within("the end", connection.closed()).await, RpcError::Closed);
}

#[tokio::test]
async fn closing_here_ends_calls_and_tells_the_node() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    connection.close();
    assert_eq!(within("the call", call).await, Err(RpcError::ClosedHere));
    while peer.line().await.is_some() {}
}

#[tokio::test]
async fn the_last_handle_closes_and_a_call_is_one() {
    let (connection, mut peer) = ready().await;
    let sent = Map::new();
    let request = ExecuteRequest { context: context("org.example.one"), parameters: &sent };
    let call = connection.execute(&request, ExecuteIo::new());
    drop(connection);
    let received = peer.read().await;
    peer.answer(&received, json!({ "success": true })).await;
    assert!(within("the call", call).await.is_ok());
    assert_eq!(within("the end", peer.line()).await, None);
}
