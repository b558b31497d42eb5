//! What one commit writes: a list of typed rows, applied in order within one transaction.

use crate::{ExecutionChange, ExecutionRow, OperationState, TaskRow, TaskStatus};
use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use std::sync::Arc;

/// The writes of one group commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Applied in order; all of them or none.
    pub writes: Vec<Write>,
}

/// One row to write. An execution must have been inserted before anything else mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A workflow definition, kept once per tenant and digest; writing it again changes nothing.
    PutDefinition {
        /// The owner.
        tenant: Tenant,
        /// The content's digest as the caller computes it.
        digest: Digest,
        /// The definition (opaque).
        body: Arc<[u8]>,
    },
    /// A new execution; its definition must be there.
    InsertExecution(Box<ExecutionRow>),
    /// A change of an execution's row.
    UpdateExecution {
        /// The execution.
        execution: ExecutionId,
        /// What changes.
        change: ExecutionChange,
    },
    /// Consecutive events. The first frame begins at 0 or 1, every other one where the one before ended.
    AppendFrame {
        /// The execution.
        execution: ExecutionId,
        /// The sequence number of the first event.
        first_seq: u64,
        /// How many events; at least 1.
        count: u32,
        /// When they happened.
        at_ms: i64,
        /// The events (opaque).
        body: Vec<u8>,
    },
    /// The execution's snapshot; replaces the one before.
    PutSnapshot {
        /// The execution.
        execution: ExecutionId,
        /// The last event it contains.
        seq: u64,
        /// The state (opaque).
        body: Vec<u8>,
    },
    /// An operation that is leased, retried or parked; replaces its earlier row.
    PutOperation {
        /// The execution.
        execution: ExecutionId,
        /// The operation.
        op: OpId,
        /// Why it has a row.
        state: OperationState,
        /// Which attempt, from 1.
        attempt: u32,
        /// Not to be started before.
        not_before_ms: Option<i64>,
        /// What the driver needs to go on (opaque).
        body: Vec<u8>,
    },
    /// The operation is over; no row is no error.
    DeleteOperation {
        /// The execution.
        execution: ExecutionId,
        /// The operation.
        op: OpId,
    },
    /// The `Idempotency-Key` of a start. A key that is already there is refused: look it up before.
    PutStartKey {
        /// The owner.
        tenant: Tenant,
        /// The key as the client sent it.
        key: String,
        /// SHA-256 of the request.
        request_hash: [u8; 32],
        /// The execution that was started.
        execution: ExecutionId,
    },
    /// A signal's id, so that the same signal is not taken twice; writing it again changes nothing.
    PutSignalSeen {
        /// The execution.
        execution: ExecutionId,
        /// The signal's id.
        signal_id: String,
    },
    /// A human task; replaces its earlier row.
    PutTask(Box<TaskRow>),
    /// A human task leaves `open`.
    CloseTask {
        /// The execution.
        execution: ExecutionId,
        /// The operation.
        op: OpId,
        /// The state it goes to.
        status: TaskStatus,
        /// When.
        at_ms: i64,
        /// The answer (opaque).
        body: Option<Vec<u8>>,
    },
    /// Removes the execution with all its rows, and its definition when no other execution uses it.
    DeleteExecution {
        /// The execution.
        execution: ExecutionId,
    },
}
