//! The one writer: opens the file, commits batches, checkpoints, and stops for good at the first failure.
//!
//! How a single row is written stands in `writer/apply.rs`.

mod apply;

use crate::{
    Batch, CommitError, Damage, FORMAT, JOURNAL_FILE, OpenError, ReadError, Reader, Write,
    error::{Cause, cause},
    lock::Lock,
    schema::{self, Kind, Settings},
    wal,
};
use akao_contract::{ExecutionId, Tenant};
use rusqlite::{Connection, Transaction, TransactionBehavior, config::DbConfig};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

/// The write-ahead log is copied into the main file beyond this many pages (16 MB).
const CHECKPOINT_PAGES: i32 = 4000;

/// It is also copied after this many commits, so that a slow writer comes round soon: a log that is written over from its
/// beginning keeps its size, and a sync that need not record a new size is the cheapest there is.
const CHECKPOINT_COMMITS: u32 = 256;

/// A log of at most this many pages (2 MB) keeps its place on the disk while there is nothing to do.
const IDLE_LOG_PAGES: i32 = 512;

/// Executions whose integer key is remembered; beyond it the memory starts afresh.
const KNOWN_EXECUTIONS_MAX: usize = 262_144;

/// Executions that one transaction of [`Journal::prune`] removes at most.
const PRUNE_EXECUTIONS_MAX: usize = 64;

thread_local! {
    /// Pages in the write-ahead log, told by SQLite's hook during a commit on this thread and taken right after it.
    static WAL_PAGES: Cell<Option<i32>> = const { Cell::new(None) };
}

/// What the opener tells the journal about itself and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Name and version of the program, noted in a new file.
    pub created_by: String,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// What one call of [`Journal::prune_some`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many executions.
    pub executions: usize,
    /// How many of each tenant.
    pub tenants: BTreeMap<Tenant, u64>,
}

/// The writer of a data directory's journal. There is one; it holds the directory's lock until it is dropped.
pub struct Journal {
    // Before the lock, so that the connection is closed when the next writer gets in.
    reader: Reader,
    file: PathBuf,
    epoch: i64,
    next_key: i64,
    known: BTreeMap<ExecutionId, Known>,
    tenants: BTreeMap<Tenant, i64>,
    /// Pages in the write-ahead log that are not in the main file.
    wal_pages: i32,
    /// Pages that the log's file may have room for.
    wal_room: i32,
    /// Commits since the log was last moved.
    commits: u32,
    poison: Option<CommitError>,
    _lock: Lock,
}

/// What the writer remembers about an execution.
#[derive(Clone, Copy)]
struct Known {
    key: i64,
    tenant: i64,
    /// Where the next frame has to begin; `None` before the first one.
    next_seq: Option<i64>,
}

/// Why a write within a batch failed.
enum Fault {
    Sqlite(rusqlite::Error),
    Refused(String),
    Damaged { table: &'static str, row: i64, execution: ExecutionId, what: String },
    Fenced(i64),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Journal {
    /// Opens or makes the journal of `folder`, which must exist.
    ///
    /// Only one process can: a second one gets [`OpenError::Locked`] with the first one's process id. A write-ahead log
    /// that has lost acknowledged commits to damage is refused before anything is overwritten.
    pub fn open(folder: &Path, options: &OpenOptions) -> Result<Self, OpenError> {
        schema::assert_sqlite_version()?;
        let lock = Lock::take(folder, options.now_ms)?;
        let file = folder.join(JOURNAL_FILE);
        wal::check(&file)?;
        if let Some(damage) = schema::header_damage(folder) {
            return Err(damage.into());
        }
        let sqlite = |error: rusqlite::Error| schema::open_error(&file, &error);
        let connection = schema::writer_connection(&file).map_err(sqlite)?;
        let kind = schema::kind(&connection).map_err(sqlite)?;
        match kind {
            Kind::Empty | Kind::Journal { format: FORMAT } => schema::make_durable(&connection).map_err(sqlite)?,
            Kind::Journal { format: found } => {
                return Err(OpenError::Format { file, found, supported: FORMAT });
            }
            Kind::Foreign => return Err(OpenError::Foreign { file }),
        }
        if matches!(kind, Kind::Empty) {
            schema::create(&connection, &options.created_by, options.now_ms).map_err(sqlite)?;
            let io = |source| OpenError::Io { path: folder.to_owned(), source };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(Some(pages));
            Ok(())
        }));
        let epoch = next_epoch(&connection).map_err(sqlite)?;
        let wal_pages = WAL_PAGES.take().unwrap_or(0);
        let next_key = connection
            .query_row("SELECT coalesce(max(key), 0) + 1 FROM execution", [], |row| row.get(0))
            .map_err(sqlite)?;
        let reader = Reader::new(connection, file.clone());
        let tenants = reader.tenants().map_err(|error| match error {
            ReadError::Damaged(damage) => OpenError::Damaged(damage),
            other => OpenError::Sqlite { file: file.clone(), what: other.to_string() },
        })?;
        Ok(Self {
            reader,
            file,
            epoch,
            next_key,
            known: BTreeMap::new(),
            tenants,
            wal_pages,
            wal_room: wal_pages,
            commits: 0,
            poison: None,
            _lock: lock,
        })
    }

    /// Writes all of `batch` in one transaction. `Ok` means durable: synced to the disk.
    ///
    /// After any error nothing more is accepted: every later commit fails with the first cause, because after a failed
    /// sync nobody knows what the disk holds until the file is opened anew.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if let Some(first) = &self.poison {
            return Err(first.clone());
        }
        match self.transact(&batch.writes) {
            Ok(()) => {
                self.wal_pages = WAL_PAGES.take().unwrap_or(self.wal_pages);
                self.wal_room = self.wal_room.max(self.wal_pages);
                self.commits += 1;
                if self.wal_pages > CHECKPOINT_PAGES || self.commits >= CHECKPOINT_COMMITS {
                    // The batch is durable whatever becomes of this; a failure is met by the next commit.
                    let _ = self.checkpoint("PASSIVE");
                }
                Ok(())
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    /// To be called when there is nothing to commit: moves the write-ahead log into the main file, and gives the room of a
    /// large one back, unless a reader is using it.
    pub fn idle(&mut self) -> Result<(), CommitError> {
        if let Some(first) = &self.poison {
            return Err(first.clone());
        }
        let large = self.wal_room > IDLE_LOG_PAGES;
        match (large, self.wal_pages) {
            (true, _) => self.checkpoint("TRUNCATE"),
            (false, 0) => Ok(()),
            (false, _) => self.checkpoint("PASSIVE"),
        }
    }

    /// Removes the oldest executions that ended before `ended_before_ms`, at most 64 in one transaction, and returns how
    /// many. Call it until it returns 0, with other commits between. Quarantined and damaged ones are kept.
    pub fn prune(&mut self, ended_before_ms: i64) -> Result<usize, CommitError> {
        self.prune_some(ended_before_ms, PRUNE_EXECUTIONS_MAX).map(|pruned| pruned.executions)
    }

    /// As [`Journal::prune`], at most so many, and says whose they were. What is damaged is kept.
    pub fn prune_some(&mut self, ended_before_ms: i64, executions_max: usize) -> Result<Pruned, CommitError> {
        let oldest = self.reader.prunable(ended_before_ms, executions_max.min(PRUNE_EXECUTIONS_MAX));
        let (mut pruned, mut writes) = (Pruned::default(), Vec::new());
        for execution in oldest.map_err(|error| self.unread(error))? {
            match self.reader.execution(execution) {
                Ok(Some(row)) if row.status.is_final() => {
                    *pruned.tenants.entry(row.tenant).or_default() += 1;
                    writes.push(Write::DeleteExecution { execution });
                }
                // A row that is not what was written may be of an execution that has not ended.
                Ok(_) | Err(ReadError::Damaged(_)) => {}
                Err(error) => return Err(self.unread(error)),
            }
        }
        if !writes.is_empty() {
            pruned.executions = writes.len();
            self.commit(&Batch { writes })?;
        }
        Ok(pruned)
    }

    /// Removes an execution. What it held is overwritten where it stands, as in [`Journal::remove_of`].
    pub fn remove(&mut self, execution: ExecutionId) -> Result<(), CommitError> {
        if let Some(first) = &self.poison {
            return Err(first.clone());
        }
        self.overwrite(true).map_err(|fault| self.fail(fault))?;
        let removed = self.commit(&Batch { writes: vec![Write::DeleteExecution { execution }] });
        self.overwrite(false).map_err(|fault| self.fail(fault))?;
        removed
    }

    /// Removes executions of a tenant that have ended, at most 64 in one transaction, and returns how many: also those that are
    /// quarantined, since nobody will look at them. What they held is overwritten where it stands; a place from which a row was
    /// moved before may keep a piece of it until it is used again. Call it until it returns 0, with other commits between. The
    /// tenant's name keeps its number, by which readers know it.
    pub fn remove_of(&mut self, tenant: &Tenant, executions_max: usize) -> Result<usize, CommitError> {
        if let Some(first) = &self.poison {
            return Err(first.clone());
        }
        let Some(tenant) = self.tenants.get(tenant).copied() else { return Ok(0) };
        let removed = self.overwrite(true).and_then(|()| self.remove_rows_of(tenant, executions_max));
        match removed.and_then(|removed| self.overwrite(false).map(|()| removed)) {
            Ok(removed) => {
                self.wal_pages = WAL_PAGES.take().unwrap_or(self.wal_pages);
                self.wal_room = self.wal_room.max(self.wal_pages);
                if removed == 0 {
                    // What was removed stands in the log until that is moved. A reader may hold it up, and the next commits move it.
                    let _ = self.checkpoint("TRUNCATE");
                }
                Ok(removed)
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    /// Whether what is deleted is overwritten with zeros, also where whole pages become free.
    fn overwrite(&self, overwrite: bool) -> Result<(), Fault> {
        let connection = self.reader.connection();
        Ok(connection.pragma_update_and_check(None, "secure_delete", overwrite, |_| Ok(()))?)
    }

    fn remove_rows_of(&mut self, tenant: i64, executions_max: usize) -> Result<usize, Fault> {
        self.run("BEGIN IMMEDIATE")?;
        self.check_epoch()?;
        let removed = self.delete_ended_of(tenant, executions_max.min(PRUNE_EXECUTIONS_MAX))?;
        self.run("COMMIT")?;
        Ok(removed)
    }

    fn unread(&self, error: ReadError) -> CommitError {
        match error {
            ReadError::Damaged(damage) => CommitError::Damaged(damage),
            error => CommitError::Sqlite { file: self.file.clone(), what: error.to_string() },
        }
    }

    /// Reads by the writer's own connection: sees what is committed.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// A connection of its own for reading, for another thread.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open_file(&self.file)
    }

    /// How often this file was opened for writing. It is written in the file, and a commit fails when it has changed.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The settings that durability rests on, as they are in force.
    pub fn settings(&self) -> Result<Settings, ReadError> {
        let settings = schema::settings(self.reader.connection());
        settings.map_err(|error| ReadError::Io { file: self.file.clone(), what: error.to_string() })
    }

    /// Sets the number of pages that the file may have, so that a test can meet a full disk.
    #[doc(hidden)]
    pub fn limit_pages(&self, pages: u32) -> Result<(), CommitError> {
        let limited = self.reader.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        limited.map_err(|error| self.describe(Fault::Sqlite(error)))
    }

    fn transact(&mut self, writes: &[Write]) -> Result<(), Fault> {
        self.run("BEGIN IMMEDIATE")?;
        self.check_epoch()?;
        for write in writes {
            self.apply(write)?;
        }
        self.run("COMMIT")
    }

    fn run(&self, sql: &str) -> Result<(), Fault> {
        self.reader.connection().prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// The lock keeps other writers out unless somebody deletes its file; then this one stops here.
    fn check_epoch(&self) -> Result<(), Fault> {
        let connection = self.reader.connection();
        let mut epoch = connection.prepare_cached("SELECT value FROM meta WHERE name = 'epoch'")?;
        let found = epoch.query_row([], |row| row.get(0))?;
        if found == self.epoch { Ok(()) } else { Err(Fault::Fenced(found)) }
    }

    fn checkpoint(&mut self, mode: &str) -> Result<(), CommitError> {
        let connection = self.reader.connection();
        let pages = connection.busy_timeout(Duration::ZERO).and_then(|()| {
            let pages = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                let (log, moved): (i32, i32) = (row.get(1)?, row.get(2)?);
                Ok(log - moved)
            });
            connection.busy_timeout(schema::BUSY_TIMEOUT)?;
            pages
        });
        match pages {
            Ok(left) => {
                self.wal_pages = left;
                self.commits = 0;
                if mode == "TRUNCATE" && left == 0 {
                    self.wal_room = 0;
                }
                Ok(())
            }
            Err(error) => Err(self.fail(Fault::Sqlite(error))),
        }
    }

    /// Ends all writing. The write-ahead log stays as it is: closing must not copy pages that were never synced.
    fn fail(&mut self, fault: Fault) -> CommitError {
        let connection = self.reader.connection();
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let error = self.describe(fault);
        self.poison = Some(error.clone());
        error
    }

    fn describe(&self, fault: Fault) -> CommitError {
        let file = self.file.clone();
        match fault {
            Fault::Refused(what) => CommitError::Refused { file, what },
            Fault::Fenced(found) => CommitError::Fenced { file, found, own: self.epoch },
            Fault::Damaged { table, row, execution, what } => CommitError::Damaged(Damage {
                file,
                table: Some(table),
                row: Some(row),
                execution: Some(execution),
                what,
            }),
            Fault::Sqlite(error) => match cause(&error) {
                Cause::Full(what) => CommitError::DiskFull { file, what },
                Cause::Io(what) => CommitError::Io { file, what },
                Cause::Other(what) => CommitError::Sqlite { file, what },
                Cause::Damaged(what) => {
                    CommitError::Damaged(Damage { file, table: None, row: None, execution: None, what })
                }
            },
        }
    }
}

/// Raises the epoch. The commit is a statement of its own: one that ends with the statement that returns a row would fail
/// without a word.
fn next_epoch(connection: &Connection) -> rusqlite::Result<i64> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'", [])?;
    let epoch = transaction.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(epoch)
}
