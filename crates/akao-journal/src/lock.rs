//! The lock of the data directory: one writer, refused with the process id of the one that holds it.
//!
//! The lock is `flock` on `journal.lock`, so the kernel releases it when the process ends, however it ends. The file's
//! text is for people and for the message of a refused second process; it decides nothing.

use crate::OpenError;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

/// The lock file's name within the data directory.
pub(crate) const LOCK_FILE: &str = "journal.lock";

/// Text beyond this is not ours; it is not read.
const LOCK_TEXT_BYTES_MAX: u64 = 256;

/// The held lock; released when dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder` and writes who holds it.
    pub(crate) fn take(folder: &Path, now_ms: i64) -> Result<Self, OpenError> {
        let path = folder.join(LOCK_FILE);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (pid, started_at_ms) = holder(&mut file);
                return Err(OpenError::Locked { folder: folder.to_owned(), pid, started_at_ms });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        let text = format!("pid = {}\nstarted_at_ms = {now_ms}\n", std::process::id());
        file.write_all(text.as_bytes()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Process id and start of the holder; zeros where the text is not there yet.
fn holder(file: &mut File) -> (u32, i64) {
    let mut text = String::new();
    if file.take(LOCK_TEXT_BYTES_MAX).read_to_string(&mut text).is_err() {
        return (0, 0);
    }
    let value = |name: &str| {
        text.lines().filter_map(|line| line.split_once(" = ")).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let pid = value("pid").and_then(|text| text.parse().ok()).unwrap_or(0);
    (pid, value("started_at_ms").and_then(|text| text.parse().ok()).unwrap_or(0))
}
