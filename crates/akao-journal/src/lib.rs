//! The embedded journal: one SQLite file that holds every execution's events, and nothing that understands them.
//!
//! [`Journal`] is the one writer: a [`Batch`] of typed [`Write`]s becomes one transaction, and when [`Journal::commit`]
//! answers `Ok` it survives `kill -9` and power loss. [`Reader`] reads, also beside a running writer of another process.
//! Bodies are opaque bytes with a checksum: a flipped bit is found when the row is read and is blamed on one execution.
//!
//! The crate knows no event, no clock and no thread: times and batches are given by the engine. The format, the
//! guarantees and the ways to recover are described in `docs/journal.md`.

mod batch;
mod body;
mod error;
mod lock;
mod reader;
mod row;
mod schema;
mod seal;
mod wal;
mod writer;

pub use batch::{Batch, Write};
pub use body::{BODY_BYTES_MAX, BodyError, decode_body, encode_body};
pub use error::{CommitError, Damage, OpenError, ReadError};
pub use reader::{DiskUse, Page, Prefix, Reader, Readers, VerifyReport};
pub use row::{
    ChangedExecution, ExecutionChange, ExecutionFilter, ExecutionRow, Frame, OpenExecution, OperationRow,
    OperationState, Snapshot, StartKey, TaskFilter, TaskRow, TaskStatus,
};
pub use schema::{FORMAT, JOURNAL_FILE, Settings, header_damage};
pub use writer::{Journal, OpenOptions, Pruned};
