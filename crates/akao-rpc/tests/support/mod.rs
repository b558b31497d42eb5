//! The node's end of a connection, played by a test: well behaved by default, and able to send any bytes.

#![allow(dead_code, reason = "each test binary uses its own part")]

use akao_contract::{Address, ExecutionId};
use akao_rpc::{
    Connection, ExecuteContext, ExecuteIo, ExecuteRequest, HostCalls, InfoRequest, NoHostCalls, RpcError, Settings,
};
use serde_json::{Map, Value, json};
use std::{future::Future, sync::Arc, sync::LazyLock, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// No test waits longer than this for anything; it is far above what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The node's end.
pub(crate) struct Peer {
    pub(crate) reader: BufReader<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
}

/// Waits for `future`, and fails the test by name when it does not end.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not end"),
    }
}

/// Waits until `holds` does.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A connection and its other end, before the handshake.
pub(crate) fn open(settings: Settings, host: Arc<dyn HostCalls>) -> (Connection, Peer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (reader, writer) = theirs.into_split();
    (Connection::open(ours, settings, host), Peer { reader: BufReader::new(reader), writer })
}

/// A connection after the handshake, with the limits that the node answers.
pub(crate) async fn ready_with(settings: Settings, host: Arc<dyn HostCalls>, limits: Value) -> (Connection, Peer) {
    let (connection, mut peer) = open(settings, host);
    let request = InfoRequest::new("akao/test");
    let (info, ()) = tokio::join!(connection.info(&request, PATIENCE), async {
        let request = peer.read().await;
        assert_eq!(request["method"], "node.info");
        let nodes = json!(["org.example.one", { "id": "org.example.many", "batch": true }]);
        let info = json!({ "protocol": 1, "id": "org.example", "version": "1.0.0", "sdk": "test/1", "nodes": nodes,
                           "limits": limits });
        peer.answer(&request, info).await;
    });
    info.unwrap();
    (connection, peer)
}

/// A connection after the handshake, with the usual limits.
pub(crate) async fn ready() -> (Connection, Peer) {
    ready_with(Settings::default(), Arc::new(NoHostCalls), Value::Null).await
}

impl Peer {
    /// The next line, without its end; `None` at the end of the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
        }
    }

    /// The next message; compressed ones are unpacked.
    pub(crate) async fn read(&mut self) -> Value {
        let line = within("a message", self.line()).await.expect("the connection ended");
        let Some(length) = line.strip_prefix('Z') else { return serde_json::from_str(&line).unwrap() };
        let mut packed = vec![0; length.parse().unwrap()];
        self.reader.read_exact(&mut packed).await.unwrap();
        let unpacked = zstd::bulk::decompress(&packed, 16 << 20).unwrap();
        serde_json::from_slice(&unpacked).unwrap()
    }

    /// The next message that is a call of `method`; others are dropped.
    pub(crate) async fn read_call(&mut self, method: &str) -> Value {
        loop {
            let message = self.read().await;
            if message["method"] == method {
                return message;
            }
        }
    }

    /// Whether a cancel has come, without waiting for one.
    pub(crate) async fn is_told_to_cancel(&mut self) -> bool {
        match futures_util::poll!(Box::pin(self.line()).as_mut()) {
            std::task::Poll::Ready(line) => line.is_some_and(|line| line.contains("$/cancel")),
            std::task::Poll::Pending => false,
        }
    }

    /// Sends any bytes. An error is not one: the host may have closed already.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.writer.write_all(bytes).await;
    }

    /// Sends a text as a line.
    pub(crate) async fn text(&mut self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes()).await;
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Value) {
        self.text(&message.to_string()).await;
    }

    /// Answers a call.
    pub(crate) async fn answer(&mut self, call: &Value, result: Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": call["id"], "result": result })).await;
    }

    /// Sends a notification.
    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Answers every execute with its own parameters, until the connection ends.
    pub(crate) async fn echo(mut self) {
        while let Some(line) = self.line().await {
            let call: Value = serde_json::from_str(&line).unwrap();
            if call["method"] == "node.execute" {
                let outputs = call["params"]["parameters"].clone();
                self.answer(&call, json!({ "success": true, "outputs": outputs })).await;
            }
        }
    }
}

static STEP: LazyLock<Address> = LazyLock::new(|| Address::root().child(0).child(1));

/// The context that tests use.
pub(crate) fn context(node: &str) -> ExecuteContext<'_> {
    ExecuteContext {
        node_id: Some(node),
        workflow_id: "orders",
        execution_id: ExecutionId::from_parts(1_764_395_368_000, 7),
        step: &STEP,
        attempt: Some(1),
        idempotency_key: None,
        tenant: None,
        deadline: Some(1_764_395_398_000),
        trace: None,
    }
}

/// An object with one entry.
pub(crate) fn parameters(key: &str, value: impl Into<Value>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert(key.to_owned(), value.into());
    map
}

/// Executes and waits for the outputs.
pub(crate) async fn execute(
    connection: &Connection,
    parameters: &Map<String, Value>,
) -> Result<Map<String, Value>, RpcError> {
    let request = ExecuteRequest { context: context("org.example.one"), parameters };
    let answer = within("a call", connection.execute(&request, ExecuteIo::new())).await?;
    Ok(answer.result.expect("the echo never fails"))
}
