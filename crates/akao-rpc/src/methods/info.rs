//! `node.info`: the handshake. Both sides say what they can do; the smaller of each pair holds.

use super::{bad, name::INFO, object, string};
use crate::{
    RpcError, Settings,
    limits::{DEPTH_MAX, MESSAGE_BYTES_DEFAULT, PROTOCOL_VERSIONS, STREAM_CREDIT_BYTES},
};
use serde_json::{Map, Value, json};

/// The word in `limits.context` of a node that takes `key` for the execution and the idempotency key.
const SHORT_KEY: &str = "key";

/// What the node is told at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct InfoRequest {
    /// Name and version of the program that asks, such as `akao/0.1.0`.
    pub host: String,
    /// The tenant that this process works for, for as long as it lives.
    pub tenant: Option<String>,
    /// What was granted, as it stands in a manifest.
    pub granted: Vec<Value>,
    /// Calls that the process is given at once.
    pub concurrency: u32,
    /// Limits of the process for the node's own use (`memory_bytes`, `timeout_ms`, …), beside those of the wire.
    pub limits: Map<String, Value>,
}

impl InfoRequest {
    /// A request from `host` without grants.
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), tenant: None, granted: Vec::new(), concurrency: 1, limits: Map::new() }
    }

    pub(crate) fn params(&self, settings: &Settings) -> Value {
        let mut limits = self.limits.clone();
        limits.insert("concurrency".into(), self.concurrency.into());
        limits.insert("message_bytes_max".into(), settings.message_bytes_max.into());
        limits.insert("depth_max".into(), DEPTH_MAX.into());
        limits.insert("stream_credit_bytes".into(), STREAM_CREDIT_BYTES.into());
        limits.insert("context".into(), json!([SHORT_KEY]));
        if settings.compression {
            limits.insert("compression".into(), json!(["zstd"]));
        }
        let mut params = json!({
            "protocol": PROTOCOL_VERSIONS,
            "host": self.host,
            "granted": self.granted,
            "limits": limits,
        });
        if let Some(tenant) = &self.tenant {
            params["tenant"] = tenant.as_str().into();
        }
        params
    }
}

/// One node of the package that the process serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its id.
    pub id: String,
    /// Whether it takes many inputs in one call.
    pub batch: bool,
}

/// What the node says of itself. The manifest is what counts; this is compared with it.
#[derive(Debug, Clone, PartialEq)]
pub struct InfoAnswer {
    /// The version of the protocol that holds from now on.
    pub protocol: u32,
    /// The package.
    pub id: String,
    /// The package's version.
    pub version: String,
    /// Name and version of the SDK, such as `python/0.1.0`.
    pub sdk: Option<String>,
    /// The nodes that it serves.
    pub nodes: Vec<NodeInfo>,
    /// What both sides agreed on.
    pub agreed: Agreed,
}

/// What holds on a connection after `node.info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Longest message in either direction.
    pub message_bytes_max: usize,
    /// Whether long messages may be compressed.
    pub compression: bool,
    /// Whether a context may say the execution within its key.
    pub short_keys: bool,
}

impl Default for Agreed {
    fn default() -> Self {
        Self { message_bytes_max: MESSAGE_BYTES_DEFAULT, compression: false, short_keys: false }
    }
}

impl InfoAnswer {
    pub(crate) fn read(value: Value, settings: &Settings) -> Result<Self, RpcError> {
        let mut map = object(INFO, value)?;
        let protocol = map.get("protocol").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let protocol = protocol.ok_or_else(|| bad(INFO, "`protocol` is not a version number"))?;
        if !PROTOCOL_VERSIONS.contains(&protocol) {
            return Err(RpcError::WrongVersion { offered: PROTOCOL_VERSIONS.to_vec(), answered: protocol });
        }
        let sdk = match map.remove("sdk") {
            Some(Value::String(sdk)) => Some(sdk),
            Some(Value::Object(sdk)) => Some(sdk_text(&sdk)),
            Some(Value::Null) | None => None,
            Some(_) => return Err(bad(INFO, "`sdk` is not a string")),
        };
        Ok(Self {
            protocol,
            id: string(INFO, &mut map, "id")?,
            version: string(INFO, &mut map, "version")?,
            sdk,
            nodes: nodes(map.remove("nodes"))?,
            agreed: agreed(map.remove("limits"), settings)?,
        })
    }
}

/// `{name, version}` written as one text.
fn sdk_text(sdk: &Map<String, Value>) -> String {
    let part = |key| sdk.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("{}/{}", part("name"), part("version"))
}

/// A list of ids, or of objects with an `id` and `batch`.
fn nodes(value: Option<Value>) -> Result<Vec<NodeInfo>, RpcError> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(bad(INFO, "`nodes` is not a list")),
    };
    let node = |item| match item {
        Value::String(id) => Ok(NodeInfo { id, batch: false }),
        Value::Object(mut map) => {
            let batch = map.get("batch").and_then(Value::as_bool).unwrap_or(false);
            Ok(NodeInfo { id: string(INFO, &mut map, "id")?, batch })
        }
        _ => Err(bad(INFO, "`nodes` holds something that is neither an id nor an object")),
    };
    items.into_iter().map(node).collect()
}

/// The smaller of what both sides allow.
fn agreed(value: Option<Value>, settings: &Settings) -> Result<Agreed, RpcError> {
    let limits = match value {
        None | Some(Value::Null) => return Ok(Agreed::default()),
        Some(Value::Object(limits)) => limits,
        Some(_) => return Err(bad(INFO, "`limits` is not an object")),
    };
    let message_bytes_max = match limits.get("message_bytes_max") {
        None => MESSAGE_BYTES_DEFAULT,
        Some(number) => {
            let number = number.as_u64().ok_or_else(|| bad(INFO, "`limits.message_bytes_max` is not a number"))?;
            usize::try_from(number).unwrap_or(usize::MAX)
        }
    };
    let offered = settings.message_bytes_max;
    let says = |key: &str, word: &str| {
        limits.get(key).and_then(Value::as_array).is_some_and(|names| names.iter().any(|name| name == word))
    };
    let (compression, short_keys) = (settings.compression && says("compression", "zstd"), says("context", SHORT_KEY));
    Ok(Agreed { message_bytes_max: message_bytes_max.clamp(MESSAGE_BYTES_DEFAULT, offered), compression, short_keys })
}
