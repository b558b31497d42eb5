//! The store: `sha256/<digest>/` for each package, read-only, and `lists/<digest>` with what it holds.
//!
//! A package is put together in `sha256/.staging-…`, flushed, sealed, and named by its digest in one rename, so that a crash
//! leaves all of it or nothing. A removed one is renamed to `sha256/.gone-…` first. What a killed process left behind is
//! nobody's and is swept by age. A list is the text that the digest is taken of, so it says itself whether it is right.

mod collect;
mod error;
mod stage;
mod verify;

pub use collect::Collected;
pub use error::StoreError;
pub use verify::{Damage, DifferenceKind, StoredDifference};

use crate::Archive;
use crate::copy::open_below;
use akao_contract::Digest;
use akao_manifest::{EntryKind, Folder, FolderLimits, FolderList, digest_folder, list_folder, read_folder};
use std::{
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// Where packages stand, and how the digest in their names is made.
const HOME: &str = "sha256";

/// Where the lists of what they hold stand.
const LISTS: &str = "lists";

/// Packages of one data directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A package in the store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The digest of its content.
    pub digest: Digest,
    /// Its folder with its manifest, as read from the store.
    pub folder: Folder,
}

impl Store {
    /// The store in a folder, which is made when something is stored.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where a package stands or would stand.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.home().join(digest.hex())
    }

    /// Stores a folder's content, if it is not there yet. What is there and damaged is replaced.
    ///
    /// # Errors
    /// It is no package, it changes under the copy, or the disk refuses.
    pub fn put(&self, folder: &Path) -> Result<Stored, StoreError> {
        read_folder(folder)?;
        let list = list_of(folder)?;
        let digest = list.digest().digest;
        if let Some(stored) = self.already(&list)? {
            return Ok(stored);
        }
        let source = crate::copy::open_folder(folder).map_err(|_| StoreError::Changed { folder: folder.to_owned() })?;
        let mut changed = false;
        let staged = self.stage(&list, |filling| {
            for entry in list.entries().iter().filter(|entry| entry.kind != EntryKind::Folder) {
                let Ok(mut from) = open_below(source.as_fd(), &entry.path) else {
                    changed = true;
                    return Ok(());
                };
                let executable = entry.kind == EntryKind::Program;
                filling.file(&entry.path, executable, |file| io::copy(&mut from, file).map(drop))?;
            }
            Ok(())
        });
        let staged = staged.map_err(|error| StoreError::writing(&self.path(&digest), list.digest().bytes, error))?;
        // The copy is held against the digest before it gets its name.
        if changed || digest_of(staged.path())? != digest {
            return Err(StoreError::Changed { folder: folder.to_owned() });
        }
        self.name(staged, &list)?;
        Ok(Stored { digest, folder: read_folder(&self.path(&digest))? })
    }

    /// Stores an archive's content, if it is not there yet: the same package as its unpacked folder. What is there and
    /// damaged is replaced.
    ///
    /// # Errors
    /// The content is not what the manifest needs, or the disk refuses. Nothing of it is left then.
    pub fn install(&self, archive: &Archive) -> Result<Stored, StoreError> {
        let content = archive.content();
        if let Some(stored) = self.already(archive.list())? {
            return Ok(stored);
        }
        let mut refused = None;
        let staged = self.stage(archive.list(), |filling| {
            for file in archive.contents() {
                match file {
                    Ok((path, executable, bytes)) => {
                        filling.file(path, executable, |file| io::Write::write_all(file, &bytes))?;
                    }
                    Err(error) => {
                        refused = Some(error);
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        if let Some(error) = refused {
            return Err(error.into());
        }
        let failed = |error| StoreError::writing(&self.path(&content.digest), content.bytes, error);
        let staged = staged.map_err(failed)?;
        read_folder(staged.path())?;
        self.name(staged, archive.list())?;
        Ok(Stored { digest: content.digest, folder: read_folder(&self.path(&content.digest))? })
    }

    /// A stored package. Its content is held against its name, so that what was checked is what runs.
    ///
    /// # Errors
    /// It is not there, or not what its name says.
    pub fn get(&self, digest: &Digest) -> Result<Stored, StoreError> {
        let place = self.path(digest);
        if !place.is_dir() {
            return Err(StoreError::Absent(*digest));
        }
        let found = digest_of(&place)?;
        if found != *digest {
            return Err(StoreError::Damaged { folder: place, found });
        }
        Ok(Stored { digest: *digest, folder: read_folder(&place)? })
    }

    /// Whether something of this digest is stored. Its content is not looked at.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_dir()
    }

    /// A package that is stored already and sound; a damaged one is taken away.
    fn already(&self, list: &FolderList) -> Result<Option<Stored>, StoreError> {
        let digest = &list.digest().digest;
        if !self.touch(list)? {
            return Ok(None);
        }
        match self.get(digest) {
            Ok(stored) => Ok(Some(stored)),
            Err(StoreError::Damaged { .. } | StoreError::Digest { .. }) => {
                self.remove(digest)?;
                Ok(None)
            }
            Err(StoreError::Absent(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn home(&self) -> PathBuf {
        self.root.join(HOME)
    }

    fn list_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(LISTS).join(digest.hex())
    }
}

fn list_of(folder: &Path) -> Result<FolderList, StoreError> {
    let failed = |source| StoreError::Digest { folder: folder.to_owned(), source };
    list_folder(folder, &FolderLimits::default(), &mut |_, _| true).map_err(failed)
}

fn digest_of(folder: &Path) -> Result<Digest, StoreError> {
    let failed = |source| StoreError::Digest { folder: folder.to_owned(), source };
    Ok(digest_folder(folder, &FolderLimits::default()).map_err(failed)?.digest)
}
