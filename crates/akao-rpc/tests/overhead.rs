//! What a call costs on the wire beyond its parameters and outputs, as the bytes that a socket carries.

mod support;

use akao_contract::{Address, ExecutionId, NodeId, OpId, StepContext, Tenant};
use akao_rpc::{ExecuteContext, ExecuteIo, ExecuteRequest, NoHostCalls, Settings};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use support::{parameters, ready_with, within};

const NODE: &str = "com.example.enrich";

fn context() -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(1_764_395_368_000, 7),
        workflow: "orders".into(),
        node_id: NodeId::new("work"),
        step: Address::root().child(0).child(1),
        op: OpId(1),
        attempt: 1,
        idempotency_key: format!("{}-1", ExecutionId::from_parts(1_764_395_368_000, 7)),
        deadline_ms: Some(1_764_395_398_000),
        grants: Arc::default(),
        volumes: Arc::default(),
        trace: None,
    }
}

/// Bytes of one call in both directions beyond its parameters and outputs, which are the same here.
async fn beyond(context: ExecuteContext<'_>, metadata: Value, limits: Value) -> u64 {
    let (connection, mut peer) = ready_with(Settings::default(), Arc::new(NoHostCalls), limits).await;
    let sent = parameters("rows", json!([1, 2, 3]));
    let before = connection.counters();
    let call = connection.execute(&ExecuteRequest { context, parameters: &sent }, ExecuteIo::new());
    let received = peer.read().await;
    let mut result = Map::from_iter([("success".to_owned(), true.into()), ("outputs".to_owned(), json!(sent))]);
    if !metadata.is_null() {
        result.insert("metadata".to_owned(), metadata);
    }
    peer.answer(&received, Value::Object(result)).await;
    assert_eq!(within("the call", call).await.unwrap().result, Ok(sent.clone()));
    let after = connection.counters();
    let bytes = after.bytes_written - before.bytes_written + after.bytes_read - before.bytes_read;
    bytes - 2 * json!(sent).to_string().len() as u64
}

#[tokio::test]
async fn a_call_costs_at_most_300_bytes_beyond_parameters_and_outputs() {
    let step = context();
    let time = || json!({ "execution_time": 0.012 });
    let lean = |nodes| ExecuteContext { idempotency_key: None, ..ExecuteContext::new(NODE, &step).lean(nodes) };
    let keyed = || ExecuteContext::new(NODE, &step).lean(1);
    let without_deadline = ExecuteContext { deadline: None, ..lean(1) };
    let sizes = [
        ("first attempt in a package of one node", beyond(lean(1), time(), json!({})).await, 300),
        ("the same without a deadline", beyond(without_deadline, time(), json!({})).await, 300),
        ("one of several nodes, without metadata", beyond(lean(2), Value::Null, json!({})).await, 300),
        ("an idempotent node", beyond(keyed(), time(), json!({ "context": ["key"] })).await, 300),
        // It was not said that one member may stand for two.
        ("an idempotent node of an older SDK", beyond(keyed(), time(), json!({})).await, 345),
    ];
    for (what, bytes, most) in sizes {
        println!("{what}: {bytes} bytes");
        assert!(bytes <= most, "{what}: {bytes} bytes, {most} are allowed");
    }
}
