//! Reading: every row is checked against its checksum before it is handed out.
//!
//! A damaged row is an error that names its execution; it does not keep others from being read. Lists and look-ups of
//! executions are in `reader/executions.rs`, tasks in `reader/tasks.rs`, the walk over everything in `reader/verify.rs`.

mod bodies;
mod executions;
mod pool;
mod tasks;
mod verify;

pub use executions::{Page, Prefix};
pub use pool::Readers;
pub use verify::{DiskUse, VerifyReport};

use crate::{
    Damage, FORMAT, Frame, JOURNAL_FILE, OperationRow, OperationState, ReadError, Snapshot, StartKey, decode_body,
    error::{Cause, cause},
    schema::{self, Kind},
    seal::{FrameColumns, Seal},
    wal,
};
use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// A connection that reads the journal; works beside a running writer, also of another process.
pub struct Reader {
    connection: Connection,
    file: PathBuf,
    tenants: RefCell<BTreeMap<i64, Tenant>>,
}

/// Where a row was read from, for the message when it is damaged.
#[derive(Clone, Copy)]
struct Place {
    table: &'static str,
    row: Option<i64>,
    execution: Option<ExecutionId>,
}

impl Place {
    fn table(table: &'static str) -> Self {
        Self { table, row: None, execution: None }
    }

    fn of(table: &'static str, row: i64, execution: ExecutionId) -> Self {
        Self { table, row: Some(row), execution: Some(execution) }
    }
}

/// What every damaged row says.
const CHECKSUM: &str = "the checksum does not match";

impl Reader {
    /// Opens the journal of `folder` for reading.
    pub fn open(folder: &Path) -> Result<Self, ReadError> {
        Self::open_file(&folder.join(JOURNAL_FILE))
    }

    pub(crate) fn open_file(file: &Path) -> Result<Self, ReadError> {
        if !file.exists() {
            return Err(ReadError::Missing { file: file.to_owned() });
        }
        let known = |connection: Connection| -> rusqlite::Result<(Kind, Connection)> {
            Ok((schema::kind(&connection)?, connection))
        };
        let opened = match schema::reader_connection(file).and_then(known) {
            // A disk that cannot be written has no room for the files that readers and writers share. Without a log nobody
            // writes, and the main file holds everything.
            Err(error) if schema::is_cannot_open(&error) && !wal::path(file).exists() => {
                schema::frozen_connection(file).and_then(known)
            }
            other => other,
        };
        let (kind, connection) = opened.map_err(|error| read_error(file, &error, None))?;
        match kind {
            Kind::Journal { format: FORMAT } => Ok(Self::new(connection, file.to_owned())),
            Kind::Journal { format: found } => {
                Err(ReadError::Format { file: file.to_owned(), found, supported: FORMAT })
            }
            Kind::Empty => Err(ReadError::Missing { file: file.to_owned() }),
            Kind::Foreign => Err(ReadError::Foreign { file: file.to_owned() }),
        }
    }

    pub(crate) fn new(connection: Connection, file: PathBuf) -> Self {
        Self { connection, file, tenants: RefCell::default() }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Writes one view of the whole journal into a new file, beside a writer that goes on: whatever was committed before is in it.
    ///
    /// # Errors
    /// The journal cannot be read, or the file cannot be written.
    pub fn copy_to(&self, target: &Path) -> Result<(), ReadError> {
        let place = Place::table("journal");
        let name = target.to_str().ok_or_else(|| ReadError::Request {
            what: format!("{} is not a name in UTF-8, which a copy needs", target.display()),
        })?;
        let copied = self.connection.execute("VACUUM INTO ?1", [name]).map(drop);
        copied.map_err(|error| self.error(&error, place))
    }

    /// The journal file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A definition's body; `None` when the tenant has none with this digest.
    pub fn definition(&self, tenant: &Tenant, digest: Digest) -> Result<Option<Vec<u8>>, ReadError> {
        let place = Place::table("definition");
        let Some(tenant) = self.tenant_key(tenant)? else { return Ok(None) };
        let sql = "SELECT key, codec, crc, body FROM definition WHERE tenant = ?1 AND digest = ?2";
        let mut select = self.statement(sql, place)?;
        let found = select.query_row((tenant, digest.bytes()), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?))
        });
        let found: Option<(i64, i64, i64, _)> = found.optional().map_err(|error| self.error(&error, place))?;
        let Some((key, codec, crc, stored)) = found else { return Ok(None) };
        let place = Place { row: Some(key), ..place };
        let sum = Seal::new("definition").integer(tenant).bytes(digest.bytes()).integer(codec).bytes(&stored).sum();
        self.body(sum == crc, codec, &stored, place).map(Some)
    }

    /// The digests of a tenant's definitions, in no promised order.
    pub fn definitions(&self, tenant: &Tenant) -> Result<Vec<Digest>, ReadError> {
        let place = Place::table("definition");
        let Some(tenant) = self.tenant_key(tenant)? else { return Ok(Vec::new()) };
        let mut select = self.statement("SELECT digest FROM definition WHERE tenant = ?1", place)?;
        let rows = select.query_map([tenant], |row| row.get::<_, [u8; 32]>(0));
        let rows = rows.map_err(|error| self.error(&error, place))?;
        rows.map(|row| row.map(Digest::from_bytes).map_err(|error| self.error(&error, place))).collect()
    }

    /// The frames of an execution from the one that holds event `from_seq` on, checked to be without a gap and to reach
    /// the execution's last event.
    pub fn frames(&self, execution: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        let mut frames = Vec::new();
        self.each_frame(execution, from_seq, |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        })?;
        Ok(frames)
    }

    /// As [`Reader::frames`], one at a time; `Break` ends the reading early. An unknown execution has no frames.
    pub fn each_frame(
        &self,
        execution: ExecutionId,
        from_seq: u64,
        visit: impl FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let place = Place { table: "frame", row: None, execution: Some(execution) };
        // One view of the file, so that a prune between the two statements does not look like damage.
        let _view = self.connection.unchecked_transaction().map_err(|error| self.error(&error, place))?;
        self.each_frame_in_view(execution, from_seq, visit)
    }

    fn each_frame_in_view(
        &self,
        execution: ExecutionId,
        from_seq: u64,
        mut visit: impl FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let place = Place { table: "frame", row: None, execution: Some(execution) };
        let Some((key, last_seq)) = self.key_and_last_seq(execution)? else { return Ok(()) };
        let from_seq = i64::try_from(from_seq).unwrap_or(i64::MAX);
        let mut select = self.statement(
            "SELECT lsn, first_seq, count, tenant, at_ms, codec, crc, body FROM frame WHERE execution = ?1
             AND first_seq >= coalesce((SELECT max(first_seq) FROM frame WHERE execution = ?1 AND first_seq <= ?2), 0)
             ORDER BY first_seq",
            place,
        )?;
        let mut rows = select.query((key, from_seq)).map_err(|error| self.error(&error, place))?;
        let mut next = None;
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            let frame = self.frame(row, execution)?;
            let begins = i64::try_from(frame.first_seq).unwrap_or(i64::MAX);
            if next.map_or(begins > from_seq.max(1), |next| begins != next) {
                let what = format!("events before {begins} are missing");
                return Err(self.damaged(Place::of("frame", frame.lsn, execution), what));
            }
            let ends = begins.saturating_add(frame.count.into());
            next = Some(ends);
            if ends > from_seq && visit(frame).is_break() {
                return Ok(());
            }
        }
        let reached = next.map_or(-1, |next| next - 1);
        if reached < last_seq && last_seq > 0 {
            return Err(self.damaged(place, format!("the events end at {reached}, the execution at {last_seq}")));
        }
        Ok(())
    }

    fn frame(&self, row: &Row<'_>, execution: ExecutionId) -> Result<Frame, ReadError> {
        let lsn = row.get(0).map_err(|error| self.error(&error, Place::table("frame")))?;
        let place = Place::of("frame", lsn, execution);
        let read = || -> rusqlite::Result<_> {
            let stored = row.get_ref(7)?.as_blob()?;
            let (first_seq, count, tenant): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let (at_ms, codec, crc): (i64, i64, i64) = (row.get(4)?, row.get(5)?, row.get(6)?);
            Ok((FrameColumns { tenant, first_seq, count, at_ms, codec, stored }, crc))
        };
        let (columns, crc) = read().map_err(|error| self.error(&error, place))?;
        let body = self.body(columns.sum(execution) == crc, columns.codec, columns.stored, place)?;
        let (Ok(first_seq), Ok(count)) = (u64::try_from(columns.first_seq), u32::try_from(columns.count)) else {
            return Err(self.damaged(place, "the events have impossible numbers".to_owned()));
        };
        Ok(Frame { lsn, first_seq, count, at_ms: columns.at_ms, body })
    }

    /// The latest snapshot. When it is damaged, the frames from the beginning say the same.
    pub fn snapshot(&self, execution: ExecutionId) -> Result<Option<Snapshot>, ReadError> {
        let Some(key) = self.key(execution)? else { return Ok(None) };
        let place = Place::of("snapshot", key, execution);
        let mut select =
            self.statement("SELECT tenant, seq, codec, crc, body FROM snapshot WHERE execution = ?1", place)?;
        let found = select.query_row([key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, Vec<u8>>(4)?))
        });
        let found: Option<(i64, i64, i64, i64, _)> = found.optional().map_err(|error| self.error(&error, place))?;
        let Some((tenant, seq, codec, crc, stored)) = found else { return Ok(None) };
        let sum = Seal::new("snapshot").execution(execution).integers([tenant, seq, codec]).bytes(&stored).sum();
        let body = self.body(sum == crc, codec, &stored, place)?;
        Ok(Some(Snapshot { seq: self.unsigned(seq, place)?, body }))
    }

    /// The operations of an execution that are leased, retried or parked, in order.
    pub fn operations(&self, execution: ExecutionId) -> Result<Vec<OperationRow>, ReadError> {
        let Some(key) = self.key(execution)? else { return Ok(Vec::new()) };
        let place = Place::of("operation", key, execution);
        let mut select = self.statement(
            "SELECT op, tenant, state, attempt, not_before_ms, codec, crc, body FROM operation
             WHERE execution = ?1 ORDER BY op",
            place,
        )?;
        let mut rows = select.query([key]).map_err(|error| self.error(&error, place))?;
        let mut operations = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            operations.push(self.operation(row, execution, place)?);
        }
        Ok(operations)
    }

    fn operation(&self, row: &Row<'_>, execution: ExecutionId, place: Place) -> Result<OperationRow, ReadError> {
        let read = || -> rusqlite::Result<_> {
            let integers: [i64; 5] = [row.get(1)?, row.get(0)?, row.get(2)?, row.get(3)?, row.get(5)?];
            let (not_before_ms, crc): (Option<i64>, i64) = (row.get(4)?, row.get(6)?);
            Ok((integers, not_before_ms, crc, row.get_ref(7)?.as_blob()?))
        };
        let (integers, not_before_ms, crc, stored) = read().map_err(|error| self.error(&error, place))?;
        let sum = Seal::new("operation")
            .execution(execution)
            .integers(integers)
            .optional_integer(not_before_ms)
            .bytes(stored)
            .sum();
        let [_, op, state, attempt, codec] = integers;
        let body = self.body(sum == crc, codec, stored, place)?;
        let impossible = || self.damaged(place, "the state or attempt is impossible".to_owned());
        Ok(OperationRow {
            op: OpId(self.unsigned(op, place)?),
            state: OperationState::from_code(state).ok_or_else(impossible)?,
            attempt: u32::try_from(attempt).map_err(|_| impossible())?,
            not_before_ms,
            body,
        })
    }

    /// The start that was made with this `Idempotency-Key`.
    pub fn start_key(&self, tenant: &Tenant, key: &str) -> Result<Option<StartKey>, ReadError> {
        let place = Place::table("start_key");
        let Some(tenant) = self.tenant_key(tenant)? else { return Ok(None) };
        let mut select = self.statement(
            "SELECT s.request_hash, s.crc, e.id FROM start_key s LEFT JOIN execution e ON e.key = s.execution
             WHERE s.tenant = ?1 AND s.key = ?2",
            place,
        )?;
        let found = select.query_row((tenant, key), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let found: Option<([u8; 32], i64, Option<[u8; 16]>)> =
            found.optional().map_err(|error| self.error(&error, place))?;
        let Some((request_hash, crc, id)) = found else { return Ok(None) };
        let id = id.ok_or_else(|| self.damaged(place, format!("the key `{key}` names no execution")))?;
        let execution = ExecutionId::from_bytes(id);
        let seal = Seal::new("start_key").execution(execution).integer(tenant).bytes(key.as_bytes());
        if seal.bytes(&request_hash).sum() != crc {
            return Err(self.damaged(Place { execution: Some(execution), ..place }, CHECKSUM.to_owned()));
        }
        Ok(Some(StartKey { request_hash, execution }))
    }

    /// Whether the execution has already taken a signal with this id.
    pub fn signal_seen(&self, execution: ExecutionId, signal_id: &str) -> Result<bool, ReadError> {
        let Some(key) = self.key(execution)? else { return Ok(false) };
        let place = Place::of("signal_seen", key, execution);
        let sql = "SELECT 1 FROM signal_seen WHERE execution = ?1 AND signal_id = ?2";
        let mut select = self.statement(sql, place)?;
        select.exists((key, signal_id)).map_err(|error| self.error(&error, place))
    }

    /// Every tenant with its integer key.
    ///
    /// # Errors
    /// As with every other question.
    pub fn tenants(&self) -> Result<BTreeMap<Tenant, i64>, ReadError> {
        let place = Place::table("tenant");
        let mut select = self.statement("SELECT key, name, crc FROM tenant", place)?;
        let mut rows = select.query([]).map_err(|error| self.error(&error, place))?;
        let mut tenants = BTreeMap::new();
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            let read = || -> rusqlite::Result<(i64, String, i64)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
            let (key, name, crc) = read().map_err(|error| self.error(&error, place))?;
            let place = Place { row: Some(key), ..place };
            if Seal::new("tenant").integer(key).bytes(name.as_bytes()).sum() != crc {
                return Err(self.damaged(place, CHECKSUM.to_owned()));
            }
            let tenant = name.parse().map_err(|_| self.damaged(place, format!("`{name}` is no tenant name")))?;
            tenants.insert(tenant, key);
        }
        Ok(tenants)
    }

    fn tenant(&self, key: i64) -> Result<Tenant, ReadError> {
        if let Some(tenant) = self.tenants.borrow().get(&key) {
            return Ok(tenant.clone());
        }
        let fresh = self.tenants()?.into_iter().map(|(tenant, key)| (key, tenant)).collect();
        self.tenants.replace(fresh);
        let tenant = self.tenants.borrow().get(&key).cloned();
        tenant.ok_or_else(|| self.damaged(Place { row: Some(key), ..Place::table("tenant") }, "no such row".to_owned()))
    }

    fn tenant_key(&self, tenant: &Tenant) -> Result<Option<i64>, ReadError> {
        let known = |tenants: &BTreeMap<i64, Tenant>| tenants.iter().find(|(_, name)| *name == tenant).map(|(k, _)| *k);
        if let Some(key) = known(&self.tenants.borrow()) {
            return Ok(Some(key));
        }
        Ok(self.tenants()?.get(tenant).copied())
    }

    fn key(&self, execution: ExecutionId) -> Result<Option<i64>, ReadError> {
        Ok(self.key_and_last_seq(execution)?.map(|(key, _)| key))
    }

    fn key_and_last_seq(&self, execution: ExecutionId) -> Result<Option<(i64, i64)>, ReadError> {
        let place = Place { table: "execution", row: None, execution: Some(execution) };
        let mut select = self.statement("SELECT key, last_seq FROM execution WHERE id = ?1", place)?;
        let found = select.query_row([execution.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional().map_err(|error| self.error(&error, place))
    }

    fn statement(&self, sql: &str, place: Place) -> Result<CachedStatement<'_>, ReadError> {
        self.connection.prepare_cached(sql).map_err(|error| self.error(&error, place))
    }

    /// The body of a row whose checksum was compared; what does not match is never decoded.
    fn body(&self, intact: bool, codec: i64, stored: &[u8], place: Place) -> Result<Vec<u8>, ReadError> {
        if !intact {
            return Err(self.damaged(place, CHECKSUM.to_owned()));
        }
        decode_body(codec, stored).map_err(|error| self.damaged(place, error.to_string()))
    }

    fn unsigned(&self, value: i64, place: Place) -> Result<u64, ReadError> {
        u64::try_from(value).map_err(|_| self.damaged(place, format!("{value} where only positive numbers are")))
    }

    fn damaged(&self, place: Place, what: String) -> ReadError {
        let Place { table, row, execution } = place;
        ReadError::Damaged(Damage { file: self.file.clone(), table: Some(table), row, execution, what })
    }

    fn error(&self, error: &rusqlite::Error, place: Place) -> ReadError {
        read_error(&self.file, error, Some(place))
    }
}

fn read_error(file: &Path, error: &rusqlite::Error, place: Option<Place>) -> ReadError {
    let file = file.to_owned();
    match cause(error) {
        Cause::Damaged(what) => ReadError::Damaged(Damage {
            file,
            table: place.map(|place| place.table),
            row: place.and_then(|place| place.row),
            execution: place.and_then(|place| place.execution),
            what,
        }),
        Cause::Full(what) | Cause::Io(what) | Cause::Other(what) => ReadError::Io { file, what },
    }
}
