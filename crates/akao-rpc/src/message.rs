//! What a message of the node is: an answer, a request or a notification. Ids are strings.

use crate::{
    RpcError,
    json::{Envelope, read_envelope},
    limits::{ID_BYTES_MAX, QUOTED_BYTES_MAX},
    remote::RemoteError,
};
use akao_contract::shortened;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A message from the node.
#[derive(Debug)]
pub(crate) enum Incoming<'t> {
    /// The end of one of our calls.
    Answer { id: u64, answer: Result<Value, RpcError> },
    /// A host call; not usable when its parameters hold an integer that not every language reads exactly.
    Request { id: String, method: Cow<'t, str>, params: Result<Map<String, Value>, RpcError> },
    /// Progress, logs, output.
    Notification { method: Cow<'t, str>, params: Map<String, Value> },
}

/// Reads one message.
pub(crate) fn read_message(bytes: &[u8]) -> Result<Incoming<'_>, RpcError> {
    let envelope = read_envelope(bytes)?;
    if !envelope.versioned {
        return Err(not_message("`jsonrpc` is not there"));
    }
    match envelope.method {
        Some(_) => read_request(envelope),
        None => read_answer(envelope),
    }
}

fn read_request(envelope: Envelope<'_>) -> Result<Incoming<'_>, RpcError> {
    if envelope.result.is_some() || envelope.error.is_some() {
        return Err(not_message("both a request and an answer"));
    }
    let method = envelope.method.unwrap_or_default();
    let params = match envelope.params {
        Some(Value::Object(params)) => params,
        None => Map::new(),
        Some(_) => return Err(not_message("`params` is not an object")),
    };
    match envelope.id {
        None => Ok(Incoming::Notification { method, params }),
        Some(Value::String(id)) if !id.is_empty() && id.len() <= ID_BYTES_MAX => {
            let params = match envelope.integer_too_large {
                true => Err(RpcError::IntegerTooLarge { place: "the parameters" }),
                false => Ok(params),
            };
            Ok(Incoming::Request { id, method, params })
        }
        Some(_) => Err(not_message("`id` is not a string of 1 to 64 bytes")),
    }
}

fn read_answer(envelope: Envelope<'_>) -> Result<Incoming<'_>, RpcError> {
    let id = match envelope.id {
        Some(Value::String(id)) => {
            our_id(&id).ok_or_else(|| RpcError::UnknownId { id: shortened(&id, QUOTED_BYTES_MAX) })?
        }
        Some(Value::Null) => return Err(refusal(envelope.error)),
        Some(_) => return Err(not_message("`id` is not a string")),
        None => return Err(not_message("neither `method` nor `id`")),
    };
    let answer = match (envelope.result, envelope.error) {
        (Some(_), None) if envelope.integer_too_large => Err(RpcError::IntegerTooLarge { place: "the outputs" }),
        (Some(result), None) => Ok(result),
        (None, Some(error)) => {
            let remote = RemoteError::from_value(error).map_err(|reason| not_message(&reason))?;
            Err(RpcError::Answered(Box::new(remote)))
        }
        _ => return Err(not_message("neither exactly `result` nor exactly `error`")),
    };
    Ok(Incoming::Answer { id, answer })
}

/// The number in an id of ours: decimal, written in the one way that we write it.
pub(crate) fn our_id(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

/// An error without an id: the node could not read what it was sent.
fn refusal(error: Option<Value>) -> RpcError {
    match error.map(RemoteError::from_value) {
        Some(Ok(remote)) => {
            RpcError::PeerRefused { code: remote.code, message: shortened(&remote.error.message, QUOTED_BYTES_MAX) }
        }
        _ => not_message("`id` is null"),
    }
}

fn not_message(reason: &str) -> RpcError {
    RpcError::NotMessage { reason: reason.to_owned() }
}
