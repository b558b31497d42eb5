//! A disk in memory: what is written is buffered until it is synced, and a crash loses what is buffered. It refuses what
//! the journal refuses.

use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use akao_engine::Store;
use akao_journal::{
    Batch, ExecutionChange, ExecutionRow, Frame, OpenExecution, OperationRow, ReadError, Snapshot, StartKey, TaskRow,
    Write,
};
use std::{cell::Cell, collections::BTreeMap};

#[derive(Default)]
pub(crate) struct MemStore {
    buffered: Option<Batch>,
    pub(crate) executions: BTreeMap<ExecutionId, ExecutionRow>,
    definitions: BTreeMap<(Tenant, Digest), Vec<u8>>,
    frames: BTreeMap<ExecutionId, Vec<Frame>>,
    snapshots: BTreeMap<ExecutionId, Snapshot>,
    pub(crate) operations: BTreeMap<(ExecutionId, OpId), OperationRow>,
    start_keys: BTreeMap<(Tenant, String), StartKey>,
    signals: BTreeMap<(ExecutionId, String), ()>,
    pub(crate) tasks: BTreeMap<(ExecutionId, OpId), TaskRow>,
    /// Whether snapshots come back damaged; replay must then begin at the start.
    pub(crate) snapshots_are_damaged: Cell<bool>,
}

impl MemStore {
    /// Takes a batch; it is lost with a crash until it is synced.
    pub(crate) fn write(&mut self, batch: Batch) {
        assert!(self.buffered.replace(batch).is_none(), "one batch is written at a time");
    }

    /// Makes the batch durable.
    ///
    /// # Errors
    /// The batch breaks a rule of the journal.
    pub(crate) fn sync(&mut self) -> Result<(), String> {
        let Some(batch) = self.buffered.take() else { return Ok(()) };
        batch.writes.into_iter().try_for_each(|write| self.apply(write))
    }

    pub(crate) fn crash(&mut self) {
        self.buffered = None;
    }

    fn must_be_known(&self, execution: ExecutionId) -> Result<(), String> {
        if self.executions.contains_key(&execution) {
            return Ok(());
        }
        Err(format!("execution {execution} is not in the journal"))
    }

    fn apply(&mut self, write: Write) -> Result<(), String> {
        match write {
            Write::PutDefinition { tenant, digest, body } => {
                self.definitions.entry((tenant, digest)).or_insert_with(|| body.to_vec());
            }
            Write::InsertExecution(row) => {
                if !self.definitions.contains_key(&(row.tenant.clone(), row.definition)) {
                    return Err(format!("the definition of execution {} is not there", row.id));
                }
                if let Some(old) = self.executions.insert(row.id, *row) {
                    return Err(format!("execution {} is already in the journal", old.id));
                }
            }
            Write::UpdateExecution { execution, change } => {
                self.must_be_known(execution)?;
                if let Some(row) = self.executions.get_mut(&execution) {
                    update(row, change);
                }
            }
            Write::AppendFrame { execution, first_seq, count, at_ms, body } => {
                self.must_be_known(execution)?;
                let frames = self.frames.entry(execution).or_default();
                let expected = frames.last().map_or(0, |last| last.first_seq + u64::from(last.count));
                if first_seq != expected || count == 0 {
                    return Err(format!("execution {execution}: {count} events from {first_seq}, not {expected}"));
                }
                let lsn = frames.len() as i64;
                frames.push(Frame { lsn, first_seq, count, at_ms, body });
            }
            Write::PutSnapshot { execution, seq, body } => {
                self.must_be_known(execution)?;
                self.snapshots.insert(execution, Snapshot { seq, body });
            }
            Write::PutOperation { execution, op, state, attempt, not_before_ms, body } => {
                self.must_be_known(execution)?;
                self.operations.insert((execution, op), OperationRow { op, state, attempt, not_before_ms, body });
            }
            Write::DeleteOperation { execution, op } => {
                self.must_be_known(execution)?;
                self.operations.remove(&(execution, op));
            }
            Write::PutStartKey { tenant, key, request_hash, execution } => {
                self.must_be_known(execution)?;
                if self.start_keys.insert((tenant, key.clone()), StartKey { request_hash, execution }).is_some() {
                    return Err(format!("the key `{key}` was used before"));
                }
            }
            Write::PutSignalSeen { execution, signal_id } => {
                self.must_be_known(execution)?;
                self.signals.insert((execution, signal_id), ());
            }
            Write::PutTask(task) => {
                self.must_be_known(task.execution)?;
                self.tasks.insert((task.execution, task.op), *task);
            }
            Write::CloseTask { execution, op, status, at_ms, body } => {
                let task = self.tasks.get_mut(&(execution, op));
                let task = task.ok_or_else(|| format!("execution {execution} has no task of operation {op}"))?;
                (task.status, task.closed_ms, task.result) = (status, Some(at_ms), body);
            }
            Write::DeleteExecution { .. } => return Err("nothing is pruned here".into()),
        }
        Ok(())
    }

    /// The frames of an execution that were made durable from `at` on.
    pub(crate) fn frames_from(&self, execution: ExecutionId, at: usize) -> &[Frame] {
        self.frames.get(&execution).and_then(|frames| frames.get(at..)).unwrap_or_default()
    }

    pub(crate) fn body(&self, tenant: &Tenant, digest: Digest) -> Option<&[u8]> {
        self.definitions.get(&(tenant.clone(), digest)).map(Vec::as_slice)
    }
}

fn update(row: &mut ExecutionRow, change: ExecutionChange) {
    row.status = change.status.unwrap_or(row.status);
    row.waiting = change.waiting.unwrap_or_else(|| row.waiting.take());
    row.next_timer_ms = change.next_timer_ms.unwrap_or(row.next_timer_ms);
    row.updated_ms = change.updated_ms.unwrap_or(row.updated_ms);
    row.ended_ms = change.ended_ms.unwrap_or(row.ended_ms);
    row.last_seq = change.last_seq.unwrap_or(row.last_seq);
    if let Some(attributes) = change.attributes {
        row.attributes = attributes;
    }
    if let Some(summary) = change.summary {
        row.summary = summary;
    }
}

impl Store for MemStore {
    fn definition(&self, tenant: &Tenant, digest: Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.body(tenant, digest).map(<[u8]>::to_vec))
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        Ok(self.executions.get(&id).cloned())
    }

    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        let frames = self.frames_from(id, 0).iter();
        Ok(frames.filter(|frame| frame.first_seq + u64::from(frame.count) > from_seq).cloned().collect())
    }

    fn snapshot(&self, id: ExecutionId) -> Result<Option<Snapshot>, ReadError> {
        let mut snapshot = self.snapshots.get(&id).cloned();
        if let Some(snapshot) = &mut snapshot
            && self.snapshots_are_damaged.get()
        {
            snapshot.body.truncate(snapshot.body.len() / 2);
        }
        Ok(snapshot)
    }

    fn operations(&self, id: ExecutionId) -> Result<Vec<OperationRow>, ReadError> {
        let rows = self.operations.range((id, OpId(0))..=(id, OpId(u64::MAX)));
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    fn start_key(&self, tenant: &Tenant, key: &str) -> Result<Option<StartKey>, ReadError> {
        Ok(self.start_keys.get(&(tenant.clone(), key.to_owned())).copied())
    }

    fn signal_seen(&self, id: ExecutionId, signal_id: &str) -> Result<bool, ReadError> {
        Ok(self.signals.contains_key(&(id, signal_id.to_owned())))
    }

    fn task(&self, id: ExecutionId, op: OpId) -> Result<Option<TaskRow>, ReadError> {
        Ok(self.tasks.get(&(id, op)).cloned())
    }

    fn open_executions(&self, visit: &mut dyn FnMut(OpenExecution)) -> Result<(), ReadError> {
        for row in self.executions.values().filter(|row| !row.status.is_final()) {
            visit(OpenExecution {
                id: row.id,
                tenant: row.tenant.clone(),
                workflow: row.workflow.clone(),
                definition: row.definition,
                semantics: row.semantics,
                status: row.status,
                parent: row.parent,
                queue_key: row.queue_key.clone(),
                started_ms: row.started_ms,
                next_timer_ms: row.next_timer_ms,
                last_seq: row.last_seq,
            });
        }
        Ok(())
    }
}
