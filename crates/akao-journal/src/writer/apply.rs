//! One write of a batch, row by row: the SQL of the writer.
//!
//! Everything runs inside the batch's transaction. A rule that is broken refuses the whole batch.

use super::{Fault, Journal, KNOWN_EXECUTIONS_MAX, Known};
use crate::{
    BODY_BYTES_MAX, ExecutionChange, ExecutionRow, TaskRow, TaskStatus, Write, encode_body,
    row::{FIRST_FINAL_STATUS, OperationState, status_code},
    seal::{FrameColumns, Seal, State, origin_sum, part_sum, task_sum},
};
use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use rusqlite::{CachedStatement, OptionalExtension};
use std::borrow::Cow;

impl Journal {
    pub(super) fn apply(&mut self, write: &Write) -> Result<(), Fault> {
        match write {
            Write::PutDefinition { tenant, digest, body } => self.put_definition(tenant, *digest, body),
            Write::InsertExecution(row) => self.insert_execution(row),
            Write::UpdateExecution { execution, change } => self.update_execution(*execution, change),
            Write::AppendFrame { execution, first_seq, count, at_ms, body } => {
                self.append_frame(*execution, (*first_seq, *count), *at_ms, body)
            }
            Write::PutSnapshot { execution, seq, body } => self.put_snapshot(*execution, *seq, body),
            Write::PutOperation { execution, op, state, attempt, not_before_ms, body } => {
                self.put_operation((*execution, *op), *state, (*attempt, *not_before_ms), body)
            }
            Write::DeleteOperation { execution, op } => self.delete_operation(*execution, *op),
            Write::PutStartKey { tenant, key, request_hash, execution } => {
                self.put_start_key(tenant, key, request_hash, *execution)
            }
            Write::PutSignalSeen { execution, signal_id } => self.put_signal_seen(*execution, signal_id),
            Write::PutTask(row) => self.put_task(row),
            Write::CloseTask { execution, op, status, at_ms, body } => {
                self.close_task((*execution, *op), *status, *at_ms, body.as_deref())
            }
            Write::DeleteExecution { execution } => self.delete_execution(*execution),
        }
    }

    fn statement(&self, sql: &'static str) -> Result<CachedStatement<'_>, Fault> {
        Ok(self.reader.connection().prepare_cached(sql)?)
    }

    /// The tenant's integer key; a new tenant gets the next one.
    fn tenant_key(&mut self, tenant: &Tenant) -> Result<i64, Fault> {
        if let Some(key) = self.tenants.get(tenant) {
            return Ok(*key);
        }
        let key = self.tenants.values().max().copied().unwrap_or(0) + 1;
        let sum = Seal::new("tenant").integer(key).bytes(tenant.as_str().as_bytes()).sum();
        self.statement("INSERT INTO tenant (key, name, crc) VALUES (?1, ?2, ?3)")?.execute((
            key,
            tenant.as_str(),
            sum,
        ))?;
        self.tenants.insert(tenant.clone(), key);
        Ok(key)
    }

    /// What the writer knows about an execution that must exist.
    fn known(&mut self, id: ExecutionId) -> Result<Known, Fault> {
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let known = self.find(id)?.ok_or_else(|| Fault::Refused(format!("execution {id} is not in the journal")))?;
        self.remember(id, known);
        Ok(known)
    }

    fn find(&self, id: ExecutionId) -> Result<Option<Known>, Fault> {
        let mut find = self.statement("SELECT key, tenant FROM execution WHERE id = ?1")?;
        let found = find.query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((key, tenant)) = found else { return Ok(None) };
        let mut last =
            self.statement("SELECT first_seq + count FROM frame WHERE execution = ?1 ORDER BY first_seq DESC LIMIT 1")?;
        let next_seq = last.query_row([key], |row| row.get(0)).optional()?;
        Ok(Some(Known { key, tenant, next_seq }))
    }

    fn remember(&mut self, id: ExecutionId, known: Known) {
        if self.known.len() >= KNOWN_EXECUTIONS_MAX {
            self.known.clear();
        }
        self.known.insert(id, known);
    }

    fn put_definition(&mut self, tenant: &Tenant, digest: Digest, body: &[u8]) -> Result<(), Fault> {
        let tenant = self.tenant_key(tenant)?;
        let mut exists = self.statement("SELECT 1 FROM definition WHERE tenant = ?1 AND digest = ?2")?;
        if exists.exists((tenant, digest.bytes()))? {
            return Ok(());
        }
        let (codec, stored) = stored(body)?;
        let sum = Seal::new("definition").integer(tenant).bytes(digest.bytes()).integer(codec).bytes(&stored).sum();
        self.statement("INSERT INTO definition (tenant, digest, codec, crc, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((tenant, digest.bytes(), codec, sum, stored.as_ref()))?;
        Ok(())
    }

    fn insert_execution(&mut self, row: &ExecutionRow) -> Result<(), Fault> {
        let tenant = self.tenant_key(&row.tenant)?;
        let mut exists = self.statement("SELECT 1 FROM definition WHERE tenant = ?1 AND digest = ?2")?;
        if !exists.exists((tenant, row.definition.bytes()))? {
            return Err(Fault::Refused(format!("definition {} of execution {} is not there", row.definition, row.id)));
        }
        drop(exists);
        if self.find(row.id)?.is_some() {
            return Err(Fault::Refused(format!("execution {} is already in the journal", row.id)));
        }
        let key = self.next_key;
        self.insert_execution_row(key, tenant, row)?;
        self.next_key += 1;
        self.remember(row.id, Known { key, tenant, next_seq: None });
        Ok(())
    }

    fn insert_execution_row(&self, key: i64, tenant: i64, row: &ExecutionRow) -> Result<(), Fault> {
        let parent_op = row.parent.map(|(_, op)| integer(op.0)).transpose()?;
        let forked_seq = row.forked_from.map(|(_, seq)| integer(seq)).transpose()?;
        integer(row.last_seq)?;
        let state = State::of(row);
        let (attributes_codec, attributes) = stored(&row.attributes)?;
        let summary = row.summary.as_deref().map(stored).transpose()?;
        let mut insert = self.statement(
            "INSERT INTO execution (key, id, tenant, workflow, version, definition, semantics, parent, parent_op,
               forked_from, forked_seq, queue_key, started_ms, origin_crc, status, updated_ms, ended_ms, next_timer_ms,
               last_seq, waiting, state_crc, attributes_codec, attributes, attributes_crc,
               summary_codec, summary, summary_crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
               ?22, ?23, ?24, ?25, ?26, ?27)",
        )?;
        insert.execute(rusqlite::params![
            key,
            row.id.to_bytes(),
            tenant,
            row.workflow,
            row.version,
            row.definition.bytes(),
            row.semantics,
            row.parent.map(|(id, _)| id.to_bytes()),
            parent_op,
            row.forked_from.map(|(id, _)| id.to_bytes()),
            forked_seq,
            row.queue_key,
            row.started_ms,
            origin_sum(key, row),
            state.status,
            state.updated_ms,
            state.ended_ms,
            state.next_timer_ms,
            state.last_seq,
            state.waiting,
            state.sum(row.id),
            attributes_codec,
            attributes.as_ref(),
            part_sum("execution.attributes", row.id, attributes_codec, &attributes),
            summary.as_ref().map(|(codec, _)| *codec),
            summary.as_ref().map(|(_, stored)| stored.as_ref()),
            summary.as_ref().map(|(codec, stored)| part_sum("execution.summary", row.id, *codec, stored)),
        ])?;
        Ok(())
    }

    fn update_execution(&mut self, id: ExecutionId, change: &ExecutionChange) -> Result<(), Fault> {
        let known = self.known(id)?;
        let (mut state, sum) = self.state(known.key)?;
        // A row that was damaged before stays damaged: its new checksum is wrong by as much as its old one.
        let discrepancy = sum ^ state.sum(id);
        state.status = change.status.map_or(state.status, status_code);
        state.updated_ms = change.updated_ms.unwrap_or(state.updated_ms);
        state.ended_ms = change.ended_ms.unwrap_or(state.ended_ms);
        state.next_timer_ms = change.next_timer_ms.unwrap_or(state.next_timer_ms);
        if let Some(waiting) = &change.waiting {
            state.waiting.clone_from(waiting);
        }
        state.last_seq = match change.last_seq {
            Some(seq) => integer(seq)?,
            None => known.next_seq.map_or(state.last_seq, |next| state.last_seq.max(next - 1)),
        };
        self.statement(
            "UPDATE execution SET status = ?2, updated_ms = ?3, ended_ms = ?4, next_timer_ms = ?5, last_seq = ?6,
               waiting = ?7, state_crc = ?8 WHERE key = ?1",
        )?
        .execute((
            known.key,
            state.status,
            state.updated_ms,
            state.ended_ms,
            state.next_timer_ms,
            state.last_seq,
            state.waiting.as_deref(),
            state.sum(id) ^ discrepancy,
        ))?;
        self.update_details(id, known.key, change)?;
        if state.status >= FIRST_FINAL_STATUS {
            self.known.remove(&id);
        }
        Ok(())
    }

    fn state(&self, key: i64) -> Result<(State, i64), Fault> {
        let mut select = self.statement(
            "SELECT status, updated_ms, ended_ms, next_timer_ms, last_seq, waiting, state_crc
             FROM execution WHERE key = ?1",
        )?;
        let state = select.query_row([key], |row| {
            let state = State {
                status: row.get(0)?,
                updated_ms: row.get(1)?,
                ended_ms: row.get(2)?,
                next_timer_ms: row.get(3)?,
                last_seq: row.get(4)?,
                waiting: row.get(5)?,
            };
            Ok((state, row.get(6)?))
        })?;
        Ok(state)
    }

    fn update_details(&self, id: ExecutionId, key: i64, change: &ExecutionChange) -> Result<(), Fault> {
        if let Some(attributes) = &change.attributes {
            let (codec, stored) = stored(attributes)?;
            let sum = part_sum("execution.attributes", id, codec, &stored);
            self.statement(
                "UPDATE execution SET attributes_codec = ?2, attributes = ?3, attributes_crc = ?4 WHERE key = ?1",
            )?
            .execute((key, codec, stored.as_ref(), sum))?;
        }
        if let Some(summary) = &change.summary {
            let summary = summary.as_deref().map(stored).transpose()?;
            let sum = summary.as_ref().map(|(codec, stored)| part_sum("execution.summary", id, *codec, stored));
            let (codec, stored) = summary.unzip();
            self.statement("UPDATE execution SET summary_codec = ?2, summary = ?3, summary_crc = ?4 WHERE key = ?1")?
                .execute((key, codec, stored.as_deref(), sum))?;
        }
        Ok(())
    }

    fn append_frame(&mut self, id: ExecutionId, events: (u64, u32), at_ms: i64, body: &[u8]) -> Result<(), Fault> {
        let known = self.known(id)?;
        let (first_seq, count) = (integer(events.0)?, i64::from(events.1));
        let fits = known.next_seq.map_or(first_seq <= 1, |next| first_seq == next);
        if !fits || count == 0 || first_seq.checked_add(count).is_none() {
            let expected = known.next_seq.map_or("0 or 1".to_owned(), |next| next.to_string());
            let what = format!("execution {id}: {count} events from {first_seq}; they must begin at {expected}");
            return Err(Fault::Refused(what));
        }
        let (codec, stored) = stored(body)?;
        let columns = FrameColumns { tenant: known.tenant, first_seq, count, at_ms, codec, stored: &stored };
        self.statement(
            "INSERT INTO frame (execution, first_seq, count, tenant, at_ms, codec, crc, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            known.key,
            first_seq,
            count,
            known.tenant,
            at_ms,
            codec,
            columns.sum(id),
            columns.stored,
        ))?;
        if let Some(known) = self.known.get_mut(&id) {
            known.next_seq = Some(first_seq + count);
        }
        Ok(())
    }

    fn put_snapshot(&mut self, id: ExecutionId, seq: u64, body: &[u8]) -> Result<(), Fault> {
        let known = self.known(id)?;
        let seq = integer(seq)?;
        let (codec, stored) = stored(body)?;
        let sum = Seal::new("snapshot").execution(id).integers([known.tenant, seq, codec]).bytes(&stored).sum();
        self.statement(
            "INSERT INTO snapshot (execution, tenant, seq, codec, crc, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (execution) DO UPDATE SET
               tenant = excluded.tenant, seq = excluded.seq, codec = excluded.codec, crc = excluded.crc,
               body = excluded.body",
        )?
        .execute((known.key, known.tenant, seq, codec, sum, stored.as_ref()))?;
        Ok(())
    }

    fn put_operation(
        &mut self,
        (id, op): (ExecutionId, OpId),
        state: OperationState,
        (attempt, not_before_ms): (u32, Option<i64>),
        body: &[u8],
    ) -> Result<(), Fault> {
        let known = self.known(id)?;
        let op = integer(op.0)?;
        let (codec, stored) = stored(body)?;
        let sum = Seal::new("operation")
            .execution(id)
            .integers([known.tenant, op, state.code(), attempt.into(), codec])
            .optional_integer(not_before_ms)
            .bytes(&stored)
            .sum();
        self.statement(
            "INSERT OR REPLACE INTO operation (execution, op, tenant, state, attempt, not_before_ms, codec, crc, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            known.key,
            op,
            known.tenant,
            state.code(),
            attempt,
            not_before_ms,
            codec,
            sum,
            stored.as_ref(),
        ))?;
        Ok(())
    }

    fn delete_operation(&mut self, id: ExecutionId, op: OpId) -> Result<(), Fault> {
        let known = self.known(id)?;
        self.statement("DELETE FROM operation WHERE execution = ?1 AND op = ?2")?
            .execute((known.key, integer(op.0)?))?;
        Ok(())
    }

    fn put_start_key(&mut self, tenant: &Tenant, key: &str, hash: &[u8; 32], id: ExecutionId) -> Result<(), Fault> {
        let known = self.known(id)?;
        let tenant_key = self.tenant_key(tenant)?;
        if tenant_key != known.tenant {
            return Err(Fault::Refused(format!("execution {id} is not of tenant `{tenant}`")));
        }
        let mut exists = self.statement("SELECT 1 FROM start_key WHERE tenant = ?1 AND key = ?2")?;
        if exists.exists((tenant_key, key))? {
            return Err(Fault::Refused(format!("tenant `{tenant}` has already started with the key `{key}`")));
        }
        let sum = Seal::new("start_key").execution(id).integer(tenant_key).bytes(key.as_bytes()).bytes(hash).sum();
        self.statement(
            "INSERT INTO start_key (tenant, key, request_hash, execution, crc) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((tenant_key, key, hash, known.key, sum))?;
        Ok(())
    }

    fn put_signal_seen(&mut self, id: ExecutionId, signal_id: &str) -> Result<(), Fault> {
        let known = self.known(id)?;
        let sum = Seal::new("signal_seen").execution(id).integer(known.tenant).bytes(signal_id.as_bytes()).sum();
        self.statement(
            "INSERT OR IGNORE INTO signal_seen (execution, signal_id, tenant, crc) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((known.key, signal_id, known.tenant, sum))?;
        Ok(())
    }

    fn put_task(&mut self, row: &TaskRow) -> Result<(), Fault> {
        let known = self.known(row.execution)?;
        if self.tenant_key(&row.tenant)? != known.tenant {
            return Err(Fault::Refused(format!("execution {} is not of tenant `{}`", row.execution, row.tenant)));
        }
        let op = integer(row.op.0)?;
        let (codec, body) = stored(&row.body)?;
        let result = row.result.as_deref().map(stored).transpose()?;
        let sum = task_sum(row, (codec, &body), result.as_ref().map(|(codec, stored)| (*codec, stored.as_ref())));
        let (result_codec, result) = result.unzip();
        self.statement(
            "INSERT OR REPLACE INTO task (execution, op, tenant, title, assignee, role, due_ms, status, created_ms,
               closed_ms, crc, body_codec, body, result_codec, result)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(rusqlite::params![
            known.key,
            op,
            known.tenant,
            row.title,
            row.assignee,
            row.role,
            row.due_ms,
            row.status.code(),
            row.created_ms,
            row.closed_ms,
            sum,
            codec,
            body.as_ref(),
            result_codec,
            result.as_deref(),
        ])?;
        Ok(())
    }

    fn close_task(
        &mut self,
        (id, op): (ExecutionId, OpId),
        status: TaskStatus,
        at_ms: i64,
        body: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let key = self.known(id)?.key;
        let row = match self.reader.task(id, op) {
            Ok(row) => row,
            Err(crate::ReadError::Damaged(damage)) => {
                return Err(Fault::Damaged { table: "task", row: key, execution: id, what: damage.what });
            }
            Err(error) => return Err(Fault::Refused(error.to_string())),
        };
        let row = row.ok_or_else(|| Fault::Refused(format!("execution {id} has no task of operation {op}")))?;
        self.put_task(&TaskRow { status, closed_ms: Some(at_ms), result: body.map(<[u8]>::to_vec), ..row })
    }

    fn delete_execution(&mut self, id: ExecutionId) -> Result<(), Fault> {
        let known = self.known(id)?;
        self.delete_rows(known.key, known.tenant)?;
        self.known.remove(&id);
        Ok(())
    }

    /// Removes executions of a tenant that have ended, and says how many. With the last one goes what no execution uses.
    pub(super) fn delete_ended_of(&mut self, tenant: i64, executions_max: usize) -> Result<usize, Fault> {
        let sql = "SELECT key, id FROM execution WHERE tenant = ?1 AND status >= ?2 LIMIT ?3";
        let limit = i64::try_from(executions_max).unwrap_or(i64::MAX);
        let ended = self
            .statement(sql)?
            .query_map((tenant, FIRST_FINAL_STATUS, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
        for (key, id) in &ended {
            self.delete_rows(*key, tenant)?;
            if let Ok(id) = <[u8; 16]>::try_from(id.as_slice()) {
                self.known.remove(&ExecutionId::from_bytes(id));
            }
        }
        if ended.is_empty() {
            self.delete_unused_definitions(tenant)?;
        }
        Ok(ended.len())
    }

    fn delete_rows(&mut self, key: i64, tenant: i64) -> Result<(), Fault> {
        const DELETES: [&str; 7] = [
            "DELETE FROM frame WHERE execution = ?1",
            "DELETE FROM snapshot WHERE execution = ?1",
            "DELETE FROM operation WHERE execution = ?1",
            "DELETE FROM start_key WHERE execution = ?1",
            "DELETE FROM signal_seen WHERE execution = ?1",
            "DELETE FROM task WHERE execution = ?1",
            "DELETE FROM execution WHERE key = ?1",
        ];
        for sql in DELETES {
            self.statement(sql)?.execute([key])?;
        }
        self.delete_unused_definitions(tenant)
    }

    /// Removes the definitions of a tenant that has no execution. Before that any may be needed: executions start those that theirs
    /// names, perhaps in days, and only whoever reads a definition knows which these are.
    fn delete_unused_definitions(&self, tenant: i64) -> Result<(), Fault> {
        let sql = "DELETE FROM definition WHERE tenant = ?1
                   AND NOT EXISTS (SELECT 1 FROM execution WHERE tenant = ?1)";
        self.statement(sql)?.execute([tenant])?;
        Ok(())
    }
}

/// Codec and stored form of a body of acceptable length.
fn stored(body: &[u8]) -> Result<(i64, Cow<'_, [u8]>), Fault> {
    if body.len() > BODY_BYTES_MAX {
        let what = format!("a body of {} bytes is longer than {BODY_BYTES_MAX}", body.len());
        return Err(Fault::Refused(what));
    }
    let (codec, stored) = encode_body(body);
    Ok((codec.into(), stored))
}

/// An unsigned number as SQLite stores it.
fn integer(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::Refused(format!("{value} does not fit into a signed integer")))
}
