//! Removes what nobody refers to, and what killed processes left.

use super::stage::{GONE, STAGING, lock};
use super::{LISTS, Store, StoreError};
use crate::copy::{flush, remove};
use akao_contract::Digest;
use rustix::fs::{FlockOperation, RenameFlags};
use std::{
    collections::BTreeSet,
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What was removed.
    pub removed: Vec<Digest>,
    /// What is still there.
    pub kept: usize,
}

impl Store {
    /// Every package that is stored, by its digest, sorted. Contents are not looked at.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        let named = |entry: &DirEntry| format!("sha256:{}", entry.file_name().to_str()?).parse().ok();
        let mut digests: Vec<Digest> = self.entries(&self.home())?.iter().filter_map(named).collect();
        digests.sort();
        Ok(digests)
    }

    /// Removes a package. Processes that run it keep what they have open. True when it was there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.take_away(digest, None)
    }

    /// Removes every package that is not in `referenced` and that nobody has stored, or stored again, since
    /// `unused_since`: who stores a package and has not noted its use yet does not lose it.
    ///
    /// # Errors
    /// The system refuses. What was removed until then is removed.
    pub fn collect(&self, referenced: &BTreeSet<Digest>, unused_since: SystemTime) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        for digest in self.digests()? {
            if !referenced.contains(&digest) && self.take_away(&digest, Some(unused_since))? {
                collected.removed.push(digest);
            } else {
                collected.kept += 1;
            }
        }
        Ok(collected)
    }

    /// Removes what nobody has written to since `before` and is no package: what a killed process left. Returns how many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep_staging(&self, before: SystemTime) -> Result<usize, StoreError> {
        let mut swept = 0;
        for entry in self.entries(&self.home())? {
            let name = entry.file_name();
            let left = name.to_str().is_some_and(|name| name.starts_with(STAGING) || name.starts_with(GONE));
            if left && is_older(&entry, before) && remove(&entry.path()).is_ok() {
                swept += 1;
            }
        }
        for entry in self.entries(&self.root.join(LISTS))? {
            // A list is written before its package has its name.
            let alone = !self.home().join(entry.file_name()).is_dir();
            if alone && is_older(&entry, before) && fs::remove_file(entry.path()).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn take_away(&self, digest: &Digest, unused_since: Option<SystemTime>) -> Result<bool, StoreError> {
        let (home, place) = (self.home(), self.path(digest));
        let failed = |source| StoreError::Io { path: place.clone(), source };
        let Some(gone) = self.hide(&home, digest, unused_since).map_err(failed)? else { return Ok(false) };
        flush(&home).map_err(failed)?;
        // From here on it is removed; what cannot be deleted now the sweep deletes.
        let _ = remove(&gone);
        Ok(true)
    }

    /// Takes a package's name from it.
    fn hide(&self, home: &Path, digest: &Digest, unused_since: Option<SystemTime>) -> io::Result<Option<PathBuf>> {
        let place = &self.path(digest);
        let lock = match lock(home, FlockOperation::LockExclusive) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let modified = match fs::symlink_metadata(place) {
            Ok(data) => data.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if unused_since.is_some_and(|since| modified >= since) {
            return Ok(None);
        }
        // The name of an empty folder is taken over, so that two removals never meet.
        let gone = tempfile::Builder::new().prefix(GONE).tempdir_in(home)?.keep();
        let (from, to) = (place.file_name().unwrap_or_default(), gone.file_name().unwrap_or_default());
        rustix::fs::renameat_with(&lock, from, &lock, to, RenameFlags::empty())?;
        let _ = fs::remove_file(self.list_path(digest));
        Ok(Some(gone))
    }

    /// The entries of a folder, which need not be there.
    pub(super) fn entries(&self, folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
        let failed = |source| StoreError::Io { path: folder.to_owned(), source };
        match fs::read_dir(folder) {
            Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

fn is_older(entry: &DirEntry, before: SystemTime) -> bool {
    entry.metadata().and_then(|data| data.modified()).is_ok_and(|modified| modified < before)
}
