//! The file: its name, its tables, the settings of a connection, and the recognition of format and kind.

use crate::{
    Damage, OpenError,
    error::{Cause, cause},
};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
    time::Duration,
};

/// The journal's name within the data directory.
pub const JOURNAL_FILE: &str = "journal.db";

/// The format this version writes and reads. Every format that was ever released stays readable.
pub const FORMAT: i64 = 1;

/// `AKAO` in the header's application id, so that a database of something else is not mistaken for a journal.
const APPLICATION_ID: i64 = 0x414B_414F;

/// What every SQLite file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// SQLite before 3.51.3 can lose a write-ahead log's reset in a race between checkpoint and commit.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Bytes per page; the measurement is in `docs/journal.md`.
const PAGE_BYTES: i64 = 4096;

/// How long a connection waits for another one of the same file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept by a connection: more than the crate has.
const STATEMENTS_MAX: usize = 96;

const CREATE: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE tenant (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL) STRICT;

CREATE TABLE definition (
  key INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, digest BLOB NOT NULL,
  codec INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (tenant, digest)) STRICT;

CREATE TABLE execution (
  key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, tenant INTEGER NOT NULL,
  workflow TEXT NOT NULL, version TEXT NOT NULL, definition BLOB NOT NULL, semantics INTEGER NOT NULL,
  parent BLOB, parent_op INTEGER, forked_from BLOB, forked_seq INTEGER, queue_key TEXT, started_ms INTEGER NOT NULL,
  origin_crc INTEGER NOT NULL,
  status INTEGER NOT NULL, updated_ms INTEGER NOT NULL, ended_ms INTEGER, next_timer_ms INTEGER,
  last_seq INTEGER NOT NULL, waiting TEXT, state_crc INTEGER NOT NULL,
  attributes_codec INTEGER NOT NULL, attributes BLOB NOT NULL, attributes_crc INTEGER NOT NULL,
  summary_codec INTEGER, summary BLOB, summary_crc INTEGER) STRICT;
CREATE INDEX execution_by_tenant ON execution (tenant);
CREATE INDEX execution_by_status ON execution (status, tenant);
CREATE INDEX execution_by_definition ON execution (definition);
CREATE INDEX execution_by_parent ON execution (parent) WHERE parent IS NOT NULL;
CREATE INDEX execution_by_end ON execution (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE frame (
  lsn INTEGER PRIMARY KEY, execution INTEGER NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
  tenant INTEGER NOT NULL, at_ms INTEGER NOT NULL, codec INTEGER NOT NULL, crc INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX frame_by_execution ON frame (execution, first_seq);

CREATE TABLE snapshot (
  execution INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, seq INTEGER NOT NULL,
  codec INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

CREATE TABLE operation (
  execution INTEGER NOT NULL, op INTEGER NOT NULL, tenant INTEGER NOT NULL, state INTEGER NOT NULL,
  attempt INTEGER NOT NULL, not_before_ms INTEGER, codec INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (execution, op)) STRICT, WITHOUT ROWID;

CREATE TABLE start_key (
  tenant INTEGER NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL, execution INTEGER NOT NULL,
  crc INTEGER NOT NULL, PRIMARY KEY (tenant, key)) STRICT, WITHOUT ROWID;
CREATE INDEX start_key_by_execution ON start_key (execution);

CREATE TABLE signal_seen (
  execution INTEGER NOT NULL, signal_id TEXT NOT NULL, tenant INTEGER NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (execution, signal_id)) STRICT, WITHOUT ROWID;

CREATE TABLE task (
  execution INTEGER NOT NULL, op INTEGER NOT NULL, tenant INTEGER NOT NULL, title TEXT NOT NULL,
  assignee TEXT, role TEXT, due_ms INTEGER, status INTEGER NOT NULL, created_ms INTEGER NOT NULL, closed_ms INTEGER,
  crc INTEGER NOT NULL, body_codec INTEGER NOT NULL, body BLOB NOT NULL, result_codec INTEGER, result BLOB,
  PRIMARY KEY (execution, op)) STRICT, WITHOUT ROWID;
CREATE INDEX task_by_status ON task (status, tenant);
";

/// What a file turned out to be.
pub(crate) enum Kind {
    /// Nothing in it yet.
    Empty,
    /// A journal of this format.
    Journal { format: i64 },
    /// A database of something else.
    Foreign,
}

/// Refuses a SQLite that is too old.
pub(crate) fn assert_sqlite_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(OpenError::SqliteTooOld { found: rusqlite::version() });
    }
    Ok(())
}

/// Opens the writer's connection; the file is not changed yet.
pub(crate) fn writer_connection(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    settle(&connection)?;
    Ok(connection)
}

/// Puts the settings in force that durability rests on.
pub(crate) fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The writer runs its own checkpoints: SQLite's automatic one hides a failed sync of the main file.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// What is in force on the writer's connection, as SQLite tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `wal` always.
    pub journal_mode: String,
    /// 2 always, which is FULL: a commit returns after the log was synced.
    pub synchronous: i64,
    /// 0 always: the writer decides when the log is moved, and sees when that fails.
    pub automatic_checkpoint_pages: i64,
    /// Bytes per page of the file.
    pub page_bytes: i64,
}

/// Asks the connection for its settings.
pub(crate) fn settings(connection: &Connection) -> rusqlite::Result<Settings> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok(Settings {
        journal_mode: connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        synchronous: number("synchronous")?,
        automatic_checkpoint_pages: number("wal_autocheckpoint")?,
        page_bytes: number("page_size")?,
    })
}

/// Opens a connection that cannot write.
pub(crate) fn reader_connection(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    settle(&connection)?;
    Ok(connection)
}

/// Opens a connection to a file that nobody writes, on a disk that cannot be written.
pub(crate) fn frozen_connection(file: &Path) -> rusqlite::Result<Connection> {
    let mut address = OsString::from("file:");
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'%' | b'?' | b'#' => address.push(format!("%{byte:02x}")),
            _ => address.push(OsStr::from_bytes(std::slice::from_ref(byte))),
        }
    }
    address.push("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(Path::new(&address), flags)?;
    settle(&connection)?;
    Ok(connection)
}

/// Whether one of the files of a database cannot be opened or made.
pub(crate) fn is_cannot_open(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// A damaged pair of version numbers in the header of a data directory's journal. SQLite takes it for a file that may only be
/// read, or reads past a log, and says nothing of damage. What else is wrong with the header, it finds itself.
///
/// To be asked before anything is opened: a process that closes a file loses all its locks on it, also those of its open
/// connections, and another process could then take the log away from under them.
pub fn header_damage(folder: &Path) -> Option<Damage> {
    let file = folder.join(JOURNAL_FILE);
    let mut header = [0; 20];
    // A file that is missing, empty or unreadable is met by whoever opens it next.
    File::open(&file).and_then(|mut file| file.read_exact(&mut header)).ok()?;
    let [write, read] = [header[18], header[19]];
    if !header.starts_with(MAGIC) || [write, read].iter().all(|version| (1..=2).contains(version)) {
        return None;
    }
    let what = format!("the header has the impossible versions {write} and {read}");
    Some(Damage { file, table: None, row: None, execution: None, what })
}

/// Settings that both kinds share. A damaged schema must not be able to run anything, and cells are checked when a page
/// is read. Memory mapping stays off: a read error would be a signal instead of an error.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).or_else(ignore_no_row)?;
    Ok(())
}

fn ignore_no_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(error, rusqlite::Error::QueryReturnedNoRows) { Ok(()) } else { Err(error) }
}

/// Finds out what the file is.
pub(crate) fn kind(connection: &Connection) -> rusqlite::Result<Kind> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Ok(if tables == 0 && application == 0 { Kind::Empty } else { Kind::Foreign });
    }
    let format = connection.query_row("SELECT value FROM meta WHERE name = 'format'", [], |row| row.get(0))?;
    Ok(Kind::Journal { format })
}

/// Makes all tables in one transaction, so that a file is either empty or whole.
pub(crate) fn create(connection: &Connection, created_by: &str, now_ms: i64) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(CREATE)?;
    let mut put = transaction.prepare("INSERT INTO meta (name, value) VALUES (?1, ?2)")?;
    put.execute(("format", FORMAT))?;
    put.execute(("created_by", created_by))?;
    put.execute(("created_ms", now_ms))?;
    put.execute(("epoch", 0))?;
    drop(put);
    transaction.commit()
}

/// A SQLite error while a file is opened.
pub(crate) fn open_error(file: &Path, error: &rusqlite::Error) -> OpenError {
    match cause(error) {
        Cause::Damaged(what) => Damage { file: file.to_owned(), table: None, row: None, execution: None, what }.into(),
        Cause::Full(what) => {
            let source = io::Error::new(io::ErrorKind::StorageFull, format!("the disk is full: {what}"));
            OpenError::Io { path: file.to_owned(), source }
        }
        Cause::Io(what) | Cause::Other(what) => OpenError::Sqlite { file: file.to_owned(), what },
    }
}
