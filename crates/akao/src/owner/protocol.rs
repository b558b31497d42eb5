//! What passes over the control socket: JSON-RPC 2.0, one message a line.
//!
//! ```text
//! ← {"jsonrpc":"2.0","method":"hello","params":{"pid":4711}}          as soon as the owner has taken the connection
//! → {"jsonrpc":"2.0","id":"1","method":"call","params":{"request":"health"}}
//! ← {"jsonrpc":"2.0","id":"1","result":{"reply":"health",…}}
//! → {"jsonrpc":"2.0","id":"1","method":"follow","params":{"execution":"01…"}}
//! ← {"jsonrpc":"2.0","id":"1","result":null}
//! ← {"jsonrpc":"2.0","method":"feed","params":{"entries":{"first_seq":7,"entries":[…]}}}
//! ```
//! A client waits for `hello` before it asks, so a connection that breaks off earlier has asked nothing.

use akao_contract::{LogLine, OpId};
use akao_engine::{CallError, Entry, FeedItem};
use akao_step::StepEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{io, sync::Arc};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest message in bytes; an exported execution with its large values has to fit.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// The code of a request that the engine refused; `data` says why.
pub(super) const REFUSED: i64 = -32_000;
/// The code of a message that is not JSON-RPC.
pub(super) const INVALID_REQUEST: i64 = -32_600;
/// The code of a method that does not exist.
pub(super) const NO_METHOD: i64 = -32_601;
/// The code of parameters that the method does not take.
pub(super) const INVALID_PARAMS: i64 = -32_602;

/// A message, whatever its direction: a question has an id and a method, an answer an id, a notification a method.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) jsonrpc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) params: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<RpcError>,
}

/// Why a question has no result.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<CallError>,
}

impl Message {
    /// A question.
    pub(super) fn question(method: &str, params: Value) -> Self {
        Self { id: Some("1".into()), ..Self::notification(method, params) }
    }

    /// A notification.
    pub(super) fn notification(method: &str, params: Value) -> Self {
        Self { jsonrpc: "2.0".into(), method: Some(method.into()), params: Some(params), ..Self::default() }
    }

    /// The answer to a question.
    pub(super) fn answer(id: Option<String>, answer: Result<Value, RpcError>) -> Self {
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { jsonrpc: "2.0".into(), id, result, error, ..Self::default() }
    }
}

/// An item of a feed as it is sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WireItem {
    /// Durable entries.
    Entries {
        /// Sequence number of the first one.
        first_seq: u64,
        /// The entries.
        entries: Arc<Vec<Entry>>,
    },
    /// A line that a running step wrote.
    Log {
        /// The step.
        op: OpId,
        /// The line.
        line: LogLine,
    },
    /// How far a running step is.
    Progress {
        /// The step.
        op: OpId,
        /// 0 to 1, when the step knows.
        fraction: Option<f64>,
        /// What it is doing.
        message: String,
    },
}

impl From<FeedItem> for WireItem {
    fn from(item: FeedItem) -> Self {
        match item {
            FeedItem::Entries(first_seq, entries) => Self::Entries { first_seq, entries },
            FeedItem::Step(op, StepEvent::Log(line)) => Self::Log { op, line },
            FeedItem::Step(op, StepEvent::Progress { fraction, message }) => Self::Progress { op, fraction, message },
        }
    }
}

impl From<WireItem> for FeedItem {
    fn from(item: WireItem) -> Self {
        match item {
            WireItem::Entries { first_seq, entries } => Self::Entries(first_seq, entries),
            WireItem::Log { op, line } => Self::Step(op, StepEvent::Log(line)),
            WireItem::Progress { op, fraction, message } => Self::Step(op, StepEvent::Progress { fraction, message }),
        }
    }
}

/// Sends a message.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Receives a message; none at the end of the connection.
pub(super) async fn receive(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the message breaks off")),
    }
}
