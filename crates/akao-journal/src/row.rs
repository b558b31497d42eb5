//! The rows of the journal as plain data: what the engine hands in and gets back.
//!
//! All times are Unix milliseconds. Bodies are opaque; by convention they are JSON.

use akao_contract::{Digest, ExecutionId, ExecutionStatus, OpId, Tenant};

/// Everything the journal knows about one execution besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// The execution.
    pub id: ExecutionId,
    /// Its owner.
    pub tenant: Tenant,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's version as people write it.
    pub version: String,
    /// The definition it is pinned to; must be in the journal.
    pub definition: Digest,
    /// The interpreter's semantics level it is pinned to.
    pub semantics: u16,
    /// Its state.
    pub status: ExecutionStatus,
    /// The execution and operation that started it.
    pub parent: Option<(ExecutionId, OpId)>,
    /// The execution it was forked from, and the last event it shares with it.
    pub forked_from: Option<(ExecutionId, u64)>,
    /// The concurrency key it queues under.
    pub queue_key: Option<String>,
    /// When it was accepted.
    pub started_ms: i64,
    /// When this row last changed.
    pub updated_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// When its earliest timer fires.
    pub next_timer_ms: Option<i64>,
    /// The sequence number of its last event.
    pub last_seq: u64,
    /// What it waits for, in words.
    pub waiting: Option<String>,
    /// Labels and other small facts (opaque).
    pub attributes: Vec<u8>,
    /// The result as lists show it (opaque).
    pub summary: Option<Vec<u8>>,
}

/// The light part of an execution that is not final, for start-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenExecution {
    /// The execution.
    pub id: ExecutionId,
    /// Its owner.
    pub tenant: Tenant,
    /// The workflow's name.
    pub workflow: String,
    /// The definition it is pinned to.
    pub definition: Digest,
    /// The interpreter's semantics level it is pinned to.
    pub semantics: u16,
    /// Its state.
    pub status: ExecutionStatus,
    /// The execution and operation that started it.
    pub parent: Option<(ExecutionId, OpId)>,
    /// The concurrency key it queues under.
    pub queue_key: Option<String>,
    /// When it was accepted.
    pub started_ms: i64,
    /// When its earliest timer fires.
    pub next_timer_ms: Option<i64>,
    /// The sequence number of its last event.
    pub last_seq: u64,
}

/// What changes in an execution's row; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionChange {
    /// The new state.
    pub status: Option<ExecutionStatus>,
    /// What it waits for now.
    pub waiting: Option<Option<String>>,
    /// When its earliest timer fires now.
    pub next_timer_ms: Option<Option<i64>>,
    /// When the change happened.
    pub updated_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<Option<i64>>,
    /// The sequence number of its last event; the journal fills it in from the appended frames when absent.
    pub last_seq: Option<u64>,
    /// New attributes.
    pub attributes: Option<Vec<u8>>,
    /// The new summary.
    pub summary: Option<Option<Vec<u8>>>,
}

/// Consecutive events of one execution that were committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The frame's place in the file's order of writing.
    pub lsn: i64,
    /// The sequence number of its first event.
    pub first_seq: u64,
    /// How many events it holds.
    pub count: u32,
    /// When it was made.
    pub at_ms: i64,
    /// The events (opaque).
    pub body: Vec<u8>,
}

/// The latest snapshot of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event it contains.
    pub seq: u64,
    /// The interpreter's state (opaque).
    pub body: Vec<u8>,
}

/// Why an operation has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationState {
    /// A worker has it.
    Leased,
    /// It is tried again at `not_before_ms`.
    RetryAt,
    /// It waits for something without a time, such as a missing secret.
    Parked,
}

impl OperationState {
    const ALL: [Self; 3] = [Self::Leased, Self::RetryAt, Self::Parked];

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Leased => 0,
            Self::RetryAt => 1,
            Self::Parked => 2,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// An operation that is leased, retried or parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRow {
    /// The operation within its execution.
    pub op: OpId,
    /// Why it has a row.
    pub state: OperationState,
    /// Which attempt it is at, from 1.
    pub attempt: u32,
    /// Not to be started before.
    pub not_before_ms: Option<i64>,
    /// What the driver needs to go on (opaque).
    pub body: Vec<u8>,
}

/// A start that was made with an `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartKey {
    /// SHA-256 of the request: the same key with another request is a conflict.
    pub request_hash: [u8; 32],
    /// The execution that the first request started.
    pub execution: ExecutionId,
}

/// The state of a human task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskStatus {
    /// Somebody has to do it.
    Open,
    /// Done by a person.
    Completed,
    /// Nobody did it in time.
    Expired,
    /// No longer wanted.
    Cancelled,
}

impl TaskStatus {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Completed, Self::Expired, Self::Cancelled];

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Completed => 1,
            Self::Expired => 2,
            Self::Cancelled => 3,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// A human task; its id is the execution and the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The execution that waits.
    pub execution: ExecutionId,
    /// The operation that waits.
    pub op: OpId,
    /// The owner.
    pub tenant: Tenant,
    /// What is to be done, in one line.
    pub title: String,
    /// The person it is for.
    pub assignee: Option<String>,
    /// The role it is for.
    pub role: Option<String>,
    /// When it is due.
    pub due_ms: Option<i64>,
    /// Its state.
    pub status: TaskStatus,
    /// When it was made.
    pub created_ms: i64,
    /// When it left `open`.
    pub closed_ms: Option<i64>,
    /// Instructions, form and the like (opaque).
    pub body: Vec<u8>,
    /// What the person answered (opaque).
    pub result: Option<Vec<u8>>,
}

/// Which executions a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Of this tenant; of all when absent.
    pub tenant: Option<Tenant>,
    /// In one of these states; in any when empty.
    pub statuses: Vec<ExecutionStatus>,
    /// Of the workflow with exactly this name.
    pub workflow: Option<String>,
    /// Started at or after.
    pub since_ms: Option<i64>,
    /// Started before.
    pub until_ms: Option<i64>,
    /// Found in the workflow's name, or at the start of the id; upper and lower case are equal.
    pub text: Option<String>,
    /// Started by this execution.
    pub parent: Option<ExecutionId>,
}

/// Which tasks a list shows; absent or empty fields do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this tenant.
    pub tenant: Option<Tenant>,
    /// In one of these states.
    pub statuses: Vec<TaskStatus>,
    /// For this person.
    pub assignee: Option<String>,
    /// For this role.
    pub role: Option<String>,
    /// Of this execution.
    pub execution: Option<ExecutionId>,
    /// Made at or after, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Behind this one in the list, which need not be there any more.
    pub after: Option<(ExecutionId, OpId)>,
}

/// An execution of which events were written behind a place of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedExecution {
    /// Its id.
    pub id: ExecutionId,
    /// The place of the last of these events.
    pub last_lsn: i64,
    /// When the first of them was written, in Unix milliseconds.
    pub first_ms: i64,
}

/// The number a status has in the file; those below [`FIRST_FINAL_STATUS`] are open.
pub(crate) fn status_code(status: ExecutionStatus) -> i64 {
    match status {
        ExecutionStatus::Queued => 0,
        ExecutionStatus::Running => 1,
        ExecutionStatus::Waiting => 2,
        ExecutionStatus::Paused => 3,
        ExecutionStatus::Success => 4,
        ExecutionStatus::Failure => 5,
        ExecutionStatus::Cancelled => 6,
        ExecutionStatus::Skipped => 7,
        ExecutionStatus::Quarantined => 8,
    }
}

/// The first number of a final status.
pub(crate) const FIRST_FINAL_STATUS: i64 = 4;

pub(crate) fn status_from_code(code: i64) -> Option<ExecutionStatus> {
    ExecutionStatus::ALL.into_iter().find(|status| status_code(*status) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_numbers_are_unique_and_split_at_the_first_final_one() {
        for status in ExecutionStatus::ALL {
            assert_eq!(status_from_code(status_code(status)), Some(status));
            assert_eq!(status_code(status) >= FIRST_FINAL_STATUS, status.is_final(), "{status}");
        }
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::from_code(status.code()), Some(status));
        }
        for state in OperationState::ALL {
            assert_eq!(OperationState::from_code(state.code()), Some(state));
        }
        assert_eq!((status_from_code(9), TaskStatus::from_code(4), OperationState::from_code(-1)), (None, None, None));
    }
}
