//! The audit of external nodes: what ran, and everything that was denied.
//!
//! Denials are told where they are decided: a permission that was not granted, a secret that was refused, a connection or
//! a name that the policy forbids. The same denial again is counted and told once a minute, and of different ones of one
//! process a hundred a minute are named, so that a node that tries without end fills no disk.

mod chain;
mod log;
mod repeats;

pub use chain::{ChainBreak, Verified};
pub use log::{AuditError, AuditLog};
pub(crate) use repeats::{Denial, Repeats};

use akao_contract::{Digest, StepError};
use serde::{Deserialize, Serialize};

/// Takes entries. It is called where connections are relayed, so it must not block.
pub trait Audit: Send + Sync {
    /// Takes one entry.
    fn record(&self, subject: &Subject, event: AuditEvent);
}

/// Whose act it is. Known from the connection, never from what a node says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The tenant.
    pub tenant: String,
    /// The package.
    pub package: String,
    /// Its version, where one version acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The number of the process, where one acted; unique while the program runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u64>,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// Whose act.
    #[serde(flatten)]
    pub subject: Subject,
    /// Its number, from 1; none in entries of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The digest of the line before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    /// What.
    #[serde(flatten)]
    pub event: AuditEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AuditEvent {
    /// A process was started.
    Started {
        /// The content of its package.
        digest: Digest,
        /// The SHA-256 of the specification of its sandbox.
        sandbox: String,
        /// How well the machine held it.
        tier: String,
        /// What was granted.
        grants: Vec<String>,
    },
    /// A process ended.
    Ended {
        /// Why.
        cause: String,
        /// Milliseconds of processor time.
        cpu_ms: u64,
        /// The most bytes of memory at once.
        memory_peak_bytes: u64,
    },
    /// Something was denied.
    Denied {
        /// What was tried: `permission`, `secret`, `query`, `connect` or `relay`.
        act: String,
        /// Of what: a permission, a secret's name, a host with its port.
        target: String,
        /// Why.
        reason: String,
        /// How often, since it was told last.
        count: u64,
    },
    /// Something was done to a package: it was installed, granted something, disabled, or taken away.
    Package {
        /// What was done.
        act: String,
        /// By whom.
        by: String,
        /// Versions, contents, grants, reasons.
        #[serde(flatten)]
        details: serde_json::Map<String, serde_json::Value>,
    },
    /// What a data directory demands, or whom it trusts, was changed.
    Settings {
        /// What was done.
        act: String,
        /// By whom.
        by: String,
        /// Keys, prefixes, reasons, rules.
        #[serde(flatten)]
        details: serde_json::Map<String, serde_json::Value>,
    },
    /// More entries came than could be written.
    Lost {
        /// How many.
        count: u64,
    },
}

impl AuditEvent {
    /// A refusal by the process manager, as its error tells it.
    pub(crate) fn of_refusal(error: &StepError) -> (String, String, String) {
        let detail = |key: &str| error.detail.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let target = detail("permission").unwrap_or_default();
        let act = if target.starts_with("secrets") { "secret" } else { "permission" };
        (act.to_owned(), target, detail("reason").unwrap_or_else(|| error.message.clone()))
    }
}
