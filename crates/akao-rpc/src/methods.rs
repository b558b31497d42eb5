//! The five methods of the node protocol: what is sent and what is answered, as types.

mod execute;
mod health;
mod info;
mod validate;

pub use execute::{BATCH_KEY, ExecuteAnswer, ExecuteContext, ExecuteRequest, ItemAnswer, Metadata, batch_parameters};
pub use health::{HealthAnswer, HealthStatus};
pub use info::{Agreed, InfoAnswer, InfoRequest, NodeInfo};
pub use validate::{ValidateAnswer, ValidateProblem, ValidateRequest};

use crate::RpcError;
use serde_json::{Map, Value};

/// Names of the methods, as they stand on the wire.
pub(crate) mod name {
    pub(crate) const INFO: &str = "node.info";
    pub(crate) const VALIDATE: &str = "node.validate";
    pub(crate) const EXECUTE: &str = "node.execute";
    pub(crate) const HEALTH: &str = "node.health";
    pub(crate) const SHUTDOWN: &str = "node.shutdown";
}

/// An answer that does not have the shape of its method.
fn bad(method: &'static str, reason: impl Into<String>) -> RpcError {
    RpcError::BadAnswer { method, reason: reason.into() }
}

/// The object that an answer must be.
fn object(method: &'static str, value: Value) -> Result<Map<String, Value>, RpcError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(bad(method, "not an object")),
    }
}

/// A string that an answer must hold.
fn string(method: &'static str, map: &mut Map<String, Value>, key: &str) -> Result<String, RpcError> {
    match map.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(bad(method, format!("`{key}` is not a string"))),
    }
}
