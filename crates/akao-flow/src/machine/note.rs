//! The trace for people: what changed because of an event. Notes are recomputed on replay, never stored.

use super::command::Failure;
use akao_contract::{Address, LogLine, NodeId, NodeStatus, OpId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One line of the trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A node has started.
    Started {
        /// Where.
        address: Address,
        /// The node.
        id: NodeId,
        /// Its type.
        #[serde(rename = "type")]
        node_type: Arc<str>,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Arc<str>>,
        /// The operation of a leaf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        op: Option<OpId>,
        /// The rendered props of a leaf; secrets stand as `***`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        props: Option<Arc<Map<String, Value>>>,
    },
    /// A node has ended.
    Ended {
        /// Where.
        address: Address,
        /// The node.
        id: NodeId,
        /// Its type.
        #[serde(rename = "type")]
        node_type: Arc<str>,
        /// How.
        status: NodeStatus,
        /// Attempts of a leaf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempts: Option<u32>,
        /// Outputs of a leaf, a loop or a child.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        outputs: Map<String, Value>,
        /// Why it failed, and where that began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Box<Failure>>,
    },
    /// A step wrote a line.
    Log {
        /// Where.
        address: Address,
        /// The line.
        #[serde(flatten)]
        line: LogLine,
    },
    /// A blackboard key has a new value.
    Wrote {
        /// The key.
        key: String,
        /// The value.
        value: Arc<Value>,
    },
    /// A node waits: for a timer, a signal, a person or a child.
    Waiting {
        /// Where.
        address: Address,
        /// For what, as a fragment: `signal go`, `timer`, `task "Approve"`.
        what: String,
        /// Until when, in Unix milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
    },
    /// A node is held by a pause or a breakpoint.
    Held {
        /// Where.
        address: Address,
        /// The node.
        id: NodeId,
        /// Its type.
        #[serde(rename = "type")]
        node_type: Arc<str>,
        /// `pause`, `breakpoint` or `step`.
        reason: String,
    },
    /// A signal found nobody waiting and is kept.
    Buffered {
        /// The signal's name.
        name: String,
    },
}
