//! What can go wrong with the journal file, said so that a person knows which file, where in it, and what to do.

use akao_contract::ExecutionId;
use rusqlite::ErrorCode;
use std::{fmt, io, path::PathBuf};

/// A place in the file that does not hold what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// The table, when known.
    pub table: Option<&'static str>,
    /// The row's integer key in its table (for a frame its `lsn`), when known.
    pub row: Option<i64>,
    /// The execution that the row belongs to, when known. Other executions are not affected then.
    pub execution: Option<ExecutionId>,
    /// What does not fit.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged", self.file.display())?;
        if let Some(table) = self.table {
            write!(f, ", table {table}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(execution) = self.execution {
            write!(f, ", execution {execution}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Damage {}

/// Why a journal cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process is the writer.
    #[error("the data directory {folder} is in use by process {pid}", folder = folder.display())]
    Locked {
        /// The data directory.
        folder: PathBuf,
        /// The writer's process id; 0 while it has not written it yet.
        pid: u32,
        /// When that process opened the journal, in Unix milliseconds; 0 while it has not written it yet.
        started_at_ms: i64,
    },
    /// The file has a format that this version does not know.
    #[error("{file} has journal format {found}; this version reads and writes format {supported}", file = file.display())]
    Format {
        /// The journal file.
        file: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format of this version.
        supported: i64,
    },
    /// The file is a database of something else.
    #[error("{file} is not an Akao journal", file = file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The file does not hold what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The linked SQLite is too old to be trusted with a write-ahead log.
    #[error("SQLite {found} is too old; the journal needs 3.51.3 or later")]
    SqliteTooOld {
        /// The version that is linked.
        found: &'static str,
    },
    /// The folder or a file in it cannot be read or written.
    #[error("{path} cannot be opened", path = path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that SQLite reports.
    #[error("{file} cannot be opened: {what}", file = file.display())]
    Sqlite {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
}

impl OpenError {
    /// What the person can do now.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "Use the running process, or stop it first.",
            Self::Format { .. } => "Use the version of Akao that wrote the file, or a later one.",
            Self::Foreign { .. } => "Choose another data directory.",
            Self::Damaged(_) => "Keep a copy of the data directory, then follow docs/journal.md, \"Recovery\".",
            Self::SqliteTooOld { .. } => "Build Akao with its bundled SQLite.",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "Free space on the disk of the data directory, then start again."
                }
                _ => "Check that the folder exists, is writable and is on a local disk.",
            },
            Self::Sqlite { .. } => "Check free space and permissions of the data directory.",
        }
    }
}

/// Why a batch was not committed. After any of these the journal accepts nothing more: the process ends and the next
/// one reads what is durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No space left.
    #[error("{file} cannot grow, the disk is full: {what}", file = file.display())]
    DiskFull {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// Reading, writing or syncing failed. What was acknowledged before is not affected.
    #[error("{file} cannot be written: {what}", file = file.display())]
    Io {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// What the batch rests on cannot be read. The disk does not answer; the record may well be sound.
    #[error("{file} cannot be read: {what}", file = file.display())]
    Unreadable {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// A page or row that the batch had to touch is damaged.
    #[error(transparent)]
    Damaged(Damage),
    /// Another writer has opened the file in spite of the lock.
    #[error("{file} was taken over by another writer (epoch {found}, this writer has {own})", file = file.display())]
    Fenced {
        /// The journal file.
        file: PathBuf,
        /// The epoch in the file.
        found: i64,
        /// The epoch of this writer.
        own: i64,
    },
    /// The batch breaks a rule of the journal, such as a gap in an execution's events. A mistake of the caller.
    #[error("{file}: the batch was refused: {what}", file = file.display())]
    Refused {
        /// The journal file.
        file: PathBuf,
        /// Which rule, and which values.
        what: String,
    },
    /// Anything else that SQLite reports.
    #[error("{file} refused the batch: {what}", file = file.display())]
    Sqlite {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
}

impl CommitError {
    /// What the person can do now.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } => "Free space on the disk of the data directory, then start again.",
            Self::Io { .. } | Self::Unreadable { .. } => {
                "Check the disk and the system log, then start again. Acknowledged work is kept."
            }
            Self::Damaged(_) => "Keep a copy of the data directory, then follow docs/journal.md, \"Recovery\".",
            Self::Fenced { .. } => "Stop one of the two processes; never delete journal.lock while one runs.",
            Self::Refused { .. } | Self::Sqlite { .. } => "Start again and report this with the log.",
        }
    }
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no journal in the folder.
    #[error("{file} does not exist", file = file.display())]
    Missing {
        /// The journal file.
        file: PathBuf,
    },
    /// The file has a format that this version does not know.
    #[error("{file} has journal format {found}; this version reads format {supported}", file = file.display())]
    Format {
        /// The journal file.
        file: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format of this version.
        supported: i64,
    },
    /// The file is a database of something else.
    #[error("{file} is not an Akao journal", file = file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// What was read is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Reading failed.
    #[error("{file} cannot be read: {what}", file = file.display())]
    Io {
        /// The journal file.
        file: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The request cannot be met: a number out of range or a bad cursor.
    #[error("{what}")]
    Request {
        /// What does not fit.
        what: String,
    },
}

/// What a SQLite error means for the journal.
pub(crate) enum Cause {
    Full(String),
    Damaged(String),
    Io(String),
    Other(String),
}

/// Sorts a SQLite error. A value of the wrong type or range in a row is damage too: only this crate writes the file.
pub(crate) fn cause(error: &rusqlite::Error) -> Cause {
    let what = error.to_string();
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            let what = format!("{what} (SQLite code {})", failure.extended_code);
            match failure.code {
                ErrorCode::DiskFull => Cause::Full(what),
                // The index of the log cannot get its size, which takes nothing but space.
                _ if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Cause::Full(what),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Cause::Damaged(what),
                ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly => Cause::Io(what),
                _ => Cause::Other(what),
            }
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => Cause::Damaged(what),
        _ => Cause::Other(what),
    }
}
