//! The reading side of the journal as the engine needs it, so that a simulator can stand in for the file.

use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use akao_journal::{ExecutionRow, Frame, OpenExecution, OperationRow, ReadError, Reader, Snapshot, StartKey, TaskRow};

/// What the engine reads. Everything it sees is committed.
pub trait Store {
    /// A stored definition's body.
    fn definition(&self, tenant: &Tenant, digest: Digest) -> Result<Option<Vec<u8>>, ReadError>;
    /// An execution's row.
    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError>;
    /// An execution's frames from a sequence number on.
    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError>;
    /// An execution's snapshot. A damaged one is an error; the frames can be used instead.
    fn snapshot(&self, id: ExecutionId) -> Result<Option<Snapshot>, ReadError>;
    /// Operations that are leased, retried or parked.
    fn operations(&self, id: ExecutionId) -> Result<Vec<OperationRow>, ReadError>;
    /// What an `Idempotency-Key` started.
    fn start_key(&self, tenant: &Tenant, key: &str) -> Result<Option<StartKey>, ReadError>;
    /// Whether a signal was taken before.
    fn signal_seen(&self, id: ExecutionId, signal_id: &str) -> Result<bool, ReadError>;
    /// A human task.
    fn task(&self, id: ExecutionId, op: OpId) -> Result<Option<TaskRow>, ReadError>;
    /// Visits every execution that is not final.
    fn open_executions(&self, visit: &mut dyn FnMut(OpenExecution)) -> Result<(), ReadError>;
}

impl Store for Reader {
    fn definition(&self, tenant: &Tenant, digest: Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Self::definition(self, tenant, digest)
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        Self::execution(self, id)
    }

    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        Self::frames(self, id, from_seq)
    }

    fn snapshot(&self, id: ExecutionId) -> Result<Option<Snapshot>, ReadError> {
        Self::snapshot(self, id)
    }

    fn operations(&self, id: ExecutionId) -> Result<Vec<OperationRow>, ReadError> {
        Self::operations(self, id)
    }

    fn start_key(&self, tenant: &Tenant, key: &str) -> Result<Option<StartKey>, ReadError> {
        Self::start_key(self, tenant, key)
    }

    fn signal_seen(&self, id: ExecutionId, signal_id: &str) -> Result<bool, ReadError> {
        Self::signal_seen(self, id, signal_id)
    }

    fn task(&self, id: ExecutionId, op: OpId) -> Result<Option<TaskRow>, ReadError> {
        Self::task(self, id, op)
    }

    fn open_executions(&self, visit: &mut dyn FnMut(OpenExecution)) -> Result<(), ReadError> {
        // A damaged row is left where it is: it is reported by `verify` and by whoever asks for it.
        Self::open_executions(self, |row| {
            if let Ok(row) = row {
                visit(row);
            }
        })
    }
}
