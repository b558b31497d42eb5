//! Lock files beside workflows: which version with which content they name for a node.

use crate::commands::packages::lock::{self, LockedVersion};
use akao_flow::Refusal;
use akao_install::LockNeed;
use akao_package::{LOCK_FILE, Lock};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What to do when something of a lock is not there.
pub(super) const INSTALL_LOCKED: &str = "Install what the lock names: `akao install --locked`.";

/// Locks that have been looked for, by their files.
#[derive(Default)]
pub(super) struct Locks(BTreeMap<PathBuf, Result<Option<Lock>, Refusal>>);

impl Locks {
    /// What the lock in a folder names for a node. Nothing where there is no lock, or where it does not have the package.
    pub(super) fn find(&mut self, need: &LockNeed, folder: &Path) -> Result<Option<LockedVersion>, Refusal> {
        let read = |path: &PathBuf| lock::read(path).map(|found| found.map(|(lock, _)| lock));
        let lock = self.0.entry(folder.join(LOCK_FILE)).or_insert_with_key(read);
        match lock.as_ref().map_err(Clone::clone)? {
            Some(lock) => LockedVersion::of(lock, need),
            None => Ok(None),
        }
    }
}
