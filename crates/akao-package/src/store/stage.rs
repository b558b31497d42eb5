//! Puts a package together out of sight and gives it its name in one rename.

use super::{HOME, LISTS, Store, StoreError};
use crate::copy::{Filling, flush, open_folder, remove};
use akao_manifest::{EntryKind, FolderList};
use rustix::fs::{AtFlags, FlockOperation, RenameFlags, Timespec, Timestamps};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// Beginnings of names in the packages' folder that are no package: what is put together, and what is being removed.
pub(super) const STAGING: &str = ".staging-";
pub(super) const GONE: &str = ".gone-";

/// A complete package without a name. It goes away with this value.
pub(super) struct Staged {
    path: Option<PathBuf>,
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // Whatever is left is in nobody's way; the sweep finds it.
            let _ = remove(&path);
        }
    }
}

impl Store {
    /// Makes the folders of a list, lets `fill` make the files, seals and flushes all of it.
    pub(super) fn stage(
        &self,
        list: &FolderList,
        fill: impl FnOnce(&mut Filling<'_>) -> io::Result<()>,
    ) -> io::Result<Staged> {
        self.make_home()?;
        let path = tempfile::Builder::new().prefix(STAGING).tempdir_in(self.home())?.keep();
        let root = open_folder(&path);
        let staged = Staged { path: Some(path) };
        let root = root?;
        let mut filling = Filling::new(root.as_fd());
        for entry in list.entries().iter().filter(|entry| entry.kind == EntryKind::Folder) {
            filling.folder(&entry.path)?;
        }
        fill(&mut filling)?;
        filling.finish()?;
        Ok(staged)
    }

    /// Gives a complete package its name. Another process may have been faster with the same content.
    pub(super) fn name(&self, mut staged: Staged, list: &FolderList) -> Result<(), StoreError> {
        let digest = list.digest().digest;
        let place = self.path(&digest);
        let failed = |error| StoreError::writing(&place, list.digest().bytes, error);
        // Whoever removes the package removes its list in the same moment.
        let lock = lock(&self.home(), FlockOperation::LockShared).map_err(failed)?;
        self.keep_list(list).map_err(failed)?;
        let (home, path) = (self.home(), staged.path().to_owned());
        let (from, to) = (path.file_name().unwrap_or_default(), place.file_name().unwrap_or_default());
        let renamed = rustix::fs::renameat_with(&lock, from, &lock, to, RenameFlags::NOREPLACE);
        match renamed {
            Ok(()) => staged.path = None,
            Err(_) if place.is_dir() => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        flush(&home).map_err(failed)
    }

    /// Keeps the list, so that what was changed later can be told by name.
    fn keep_list(&self, list: &FolderList) -> io::Result<()> {
        let lists = self.root.join(LISTS);
        fs::create_dir_all(&lists)?;
        let mut file = tempfile::Builder::new().prefix(STAGING).tempfile_in(&lists)?;
        file.write_all(list.to_text().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.list_path(&list.digest().digest)).map_err(|error| error.error)?;
        flush(&lists)
    }

    fn make_home(&self) -> io::Result<()> {
        for folder in [HOME, LISTS] {
            let folder = self.root.join(folder);
            if !folder.is_dir() {
                fs::create_dir_all(&folder)?;
                flush(&self.root)?;
            }
        }
        Ok(())
    }

    /// Notes that a package is used, so that it is not collected in this moment. False when it is not there.
    pub(super) fn touch(&self, list: &FolderList) -> Result<bool, StoreError> {
        let digest = list.digest().digest;
        let place = self.path(&digest);
        let failed = |source: io::Error| StoreError::Io { path: place.clone(), source };
        let _lock = match lock(&self.home(), FlockOperation::LockShared) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        match rustix::fs::utimensat(rustix::fs::CWD, &place, &times, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) if self.list_path(&digest).is_file() => Ok(true),
            // A store from before there were lists, or one that somebody has cleaned up.
            Ok(()) => self.keep_list(list).map(|()| true).map_err(failed),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

/// Locks the packages' folder until the file is dropped: shared by who uses a package, alone by who takes one away.
pub(super) fn lock(home: &Path, operation: FlockOperation) -> io::Result<File> {
    let folder = open_folder(home)?;
    loop {
        match rustix::fs::flock(&folder, operation) {
            Ok(()) => return Ok(folder),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
