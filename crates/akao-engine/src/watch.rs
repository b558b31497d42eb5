//! Notices when the journal cannot be read.
//!
//! A record that is damaged concerns its execution alone, which is quarantined. A disk that does not answer says nothing
//! about the record: whoever went on would take a sound execution for a damaged one. So the engine ends, as it does when it
//! cannot write, and the next one finds everything as it was committed.

use crate::store::Store;
use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use akao_journal::{
    CommitError, ExecutionRow, Frame, OpenExecution, OperationRow, ReadError, Snapshot, StartKey, TaskRow,
};
use std::cell::RefCell;

/// The first read that failed.
#[derive(Default)]
pub(crate) struct Unread(RefCell<Option<CommitError>>);

impl Unread {
    /// The same store, watched.
    pub(crate) fn watch<'a, S: Store>(&'a self, store: &'a S) -> Watched<'a, S> {
        Watched { store, unread: self }
    }

    /// # Errors
    /// A read has failed since the engine began.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        self.0.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn note<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Io { file, what }) = &read {
            let failed = || CommitError::Unreadable { file: file.clone(), what: what.clone() };
            self.0.borrow_mut().get_or_insert_with(failed);
        }
        read
    }
}

/// A store whose failing reads are noticed.
pub(crate) struct Watched<'a, S> {
    store: &'a S,
    unread: &'a Unread,
}

impl<S: Store> Store for Watched<'_, S> {
    fn definition(&self, tenant: &Tenant, digest: Digest) -> Result<Option<Vec<u8>>, ReadError> {
        self.unread.note(self.store.definition(tenant, digest))
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        self.unread.note(self.store.execution(id))
    }

    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        self.unread.note(self.store.frames(id, from_seq))
    }

    fn snapshot(&self, id: ExecutionId) -> Result<Option<Snapshot>, ReadError> {
        self.unread.note(self.store.snapshot(id))
    }

    fn operations(&self, id: ExecutionId) -> Result<Vec<OperationRow>, ReadError> {
        self.unread.note(self.store.operations(id))
    }

    fn start_key(&self, tenant: &Tenant, key: &str) -> Result<Option<StartKey>, ReadError> {
        self.unread.note(self.store.start_key(tenant, key))
    }

    fn signal_seen(&self, id: ExecutionId, signal_id: &str) -> Result<bool, ReadError> {
        self.unread.note(self.store.signal_seen(id, signal_id))
    }

    fn task(&self, id: ExecutionId, op: OpId) -> Result<Option<TaskRow>, ReadError> {
        self.unread.note(self.store.task(id, op))
    }

    fn open_executions(&self, visit: &mut dyn FnMut(OpenExecution)) -> Result<(), ReadError> {
        self.unread.note(self.store.open_executions(visit))
    }
}
