//! Platform data in one SQLite file beside the journal.
//!
//! One connection writes, behind a lock; others read, each with its own view. A commit is synced before it is answered, as
//! in the journal.

use crate::{
    StoreError,
    access::{Access, Row, Scope, Value},
    migrate,
    vault::Vault,
};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, TransactionBehavior,
    config::DbConfig,
    types::{ToSqlOutput, Value as Stored, ValueRef},
};
use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The file's name within the data directory.
pub const PLATFORM_FILE: &str = "platform.db";

/// How long a connection waits for another one of the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reading connections kept while nobody uses them.
const IDLE_MAX: usize = 4;

/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 64;

/// The file, opened.
pub(crate) struct Sqlite {
    file: PathBuf,
    writer: Mutex<Connection>,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the file of a data directory; makes it, or brings it to the newest schema.
    pub(crate) fn open(folder: &Path, vault: &Vault) -> Result<Self, StoreError> {
        let file = folder.join(PLATFORM_FILE);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Open { file: file.clone(), source };
        // SQLite would make the file readable by the group.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&file).map_err(|error| failed(error.into()))?;
        let mut writer = open(&file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| failed(error.into()))?;
        make_durable(&writer).map_err(|error| failed(error.into()))?;
        migrate::sqlite(&mut writer, &file, vault)?;
        Ok(Self { file, writer: Mutex::new(writer), idle: Mutex::default() })
    }

    /// Opens the file of a data directory where it is there, and says which schema it has.
    pub(crate) fn open_as_it_is(folder: &Path) -> Result<Option<(Self, i64)>, StoreError> {
        let file = folder.join(PLATFORM_FILE);
        if !file.exists() {
            return Ok(None);
        }
        let failed = |error: rusqlite::Error| StoreError::Open { file: file.clone(), source: error.into() };
        let writer = open(&file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        let found = migrate::found(&writer, &file)?;
        // A commit of this connection is as durable as one of the server.
        writer.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        Ok(Some((Self { file, writer: Mutex::new(writer), idle: Mutex::default() }, found)))
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        self.file.display().to_string()
    }

    /// Reads in one view.
    pub(crate) fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&dyn Access) -> Result<T, E>) -> Result<T, E> {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match free {
            Some(connection) => connection,
            None => open(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(database)?,
        };
        let view = connection.unchecked_transaction().map_err(database)?;
        let answer = read(&View(&view));
        // Nothing was written, so ending the view cannot fail in a way that matters.
        drop(view);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        answer
    }

    /// Writes in one transaction.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&dyn Access) -> Result<T, E>,
    ) -> Result<T, E> {
        // A panic of another thread within a transaction has rolled it back.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let answer = write(&View(&transaction))?;
        transaction.commit().map_err(database)?;
        Ok(answer)
    }

    /// Moves the write-ahead log into the file and empties it. False when somebody holds it up; it waits for nobody, since every writer
    /// would wait with it.
    pub(crate) fn settle(&self) -> Result<bool, StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.busy_timeout(Duration::ZERO).map_err(database)?;
        let held_up = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        writer.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
        match held_up {
            Ok(held_up) => Ok(held_up == 0),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            Err(error) => Err(database(error)),
        }
    }
}

/// Writes one view of a file into a new one.
pub(crate) fn copy(file: &Path, target: &Path) -> Result<(), StoreError> {
    let name = target.to_str().ok_or_else(|| StoreError::Database("the name of the copy is not UTF-8".into()))?;
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(database)?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(database)?;
    crate::backup::sync(target).map_err(|error| StoreError::Database(error.into()))
}

fn open(file: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What was deleted or sealed again is not left in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")
}

pub(crate) fn database(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Taken,
        _ => StoreError::Database(error.into()),
    }
}

/// A connection within a transaction. The file has nothing by which rows could be told apart, so the scope is the statement's
/// own matter.
pub(crate) struct View<'a>(pub(crate) &'a Connection);

impl Access for View<'_> {
    fn query(&self, _: Scope<'_>, table: &'static str, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(database)?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(database)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(database)? {
            let values = (0..columns).map(|column| value(table, column, row.get_ref(column).map_err(database)?));
            found.push(Row::new(table, values.collect::<Result<_, StoreError>>()?));
        }
        Ok(found)
    }

    fn execute(&self, _: Scope<'_>, sql: &str, values: &[Value]) -> Result<usize, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(database)?;
        statement.execute(rusqlite::params_from_iter(values)).map_err(database)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Stored::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Stored::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn value(table: &'static str, column: usize, stored: ValueRef<'_>) -> Result<Value, StoreError> {
    match stored {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(StoreError::Damaged { table, column }),
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(StoreError::Damaged { table, column }),
    }
}
