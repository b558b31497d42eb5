//! Files of a repository: written whole or not at all, read with a bound, and the lock.

use super::{Folder, FolderError, METADATA};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// The file that is locked while somebody changes the repository. It is never served.
const LOCK: &str = ".lock";

/// Largest file that is read whole, in bytes: a role, a part of the index, the kill list.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Held while the repository is changed; the system gives it up when the process ends in any way.
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file gives the lock up")] File);

impl Folder {
    pub(super) fn metadata(&self, name: &str) -> PathBuf {
        self.dir.join(METADATA).join(name)
    }

    /// Waits until nobody else changes the repository.
    pub(super) fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.dir.join(LOCK);
        let failed = |source| FolderError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.dir).map_err(failed)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(Lock(file))
    }

    pub(super) fn read(&self, part: &str, name: &str) -> Result<Vec<u8>, FolderError> {
        let path = self.dir.join(part).join(name);
        read_whole(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if name == "1.root.json" => FolderError::Absent(self.dir.clone()),
            _ => FolderError::Io { path, source },
        })
    }

    /// Writes a file so that it is complete and on the disk before it has its name.
    pub(super) fn write(&self, part: &str, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let folder = self.dir.join(part);
        #[cfg(test)]
        self.count_write().map_err(|source| FolderError::Io { path: folder.join(name), source })?;
        write_whole(&folder, name, bytes).map_err(|source| FolderError::Io { path: folder.join(name), source })
    }
}

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any file of a repository")),
        false => Ok(bytes),
    }
}

/// Writes `folder/name` under another name, waits for the disk, renames it and waits for the folder.
pub(crate) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Names that begin with a dot are not served.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    set_readable(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Files of a repository are for everybody; temporary files are not.
pub(crate) fn set_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
