//! `node.health`: how a node feels.

use super::{bad, name::HEALTH, object};
use crate::RpcError;
use serde_json::Value;

/// How a node feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It cannot work.
    Unhealthy,
}

/// The answer to `node.health`.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthAnswer {
    /// How it feels.
    pub status: HealthStatus,
    /// Anything more; null when there is nothing.
    pub detail: Value,
}

impl HealthAnswer {
    pub(crate) fn read(value: Value) -> Result<Self, RpcError> {
        let mut map = object(HEALTH, value)?;
        let status = match map.get("status").and_then(Value::as_str) {
            Some("healthy") => HealthStatus::Healthy,
            Some("degraded") => HealthStatus::Degraded,
            Some("unhealthy") => HealthStatus::Unhealthy,
            _ => return Err(bad(HEALTH, "`status` is not healthy, degraded or unhealthy")),
        };
        Ok(Self { status, detail: map.remove("detail").unwrap_or_default() })
    }
}
