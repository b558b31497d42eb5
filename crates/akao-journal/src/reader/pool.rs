//! Readers that many threads share: one is made when none is free, and kept for the next who asks.

use super::Reader;
use crate::{JOURNAL_FILE, ReadError};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Readers kept while nobody uses them; each holds an open file and its cache.
const IDLE_MAX: usize = 8;

/// Readers of one journal.
pub struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    /// The readers of a folder's journal. Nothing is opened yet.
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(JOURNAL_FILE), idle: Mutex::default() }
    }

    /// Reads with a reader that nobody else has meanwhile.
    ///
    /// # Errors
    /// The journal cannot be opened, or `read` failed.
    pub fn with<T>(&self, read: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match free {
            Some(reader) => reader,
            None => Reader::open_file(&self.file)?,
        };
        let answer = read(&reader);
        // A reader that met a fault of the disk is not trusted with the next look.
        if !matches!(answer, Err(ReadError::Io { .. })) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(reader);
            }
        }
        answer
    }
}
