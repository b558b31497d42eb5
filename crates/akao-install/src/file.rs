//! Small files that are replaced at once: whoever reads sees the old content or the new, also after a crash.

use rustix::fs::OFlags;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A file of the data directory that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be {act}", .path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// `read`, `written`, `moved`, `locked` or `removed`.
    pub act: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(path: &Path, act: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { path: path.clone(), act, source }
    }

    /// Whether the disk has no room.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        if self.is_full() {
            "Free space for the data directory, or raise its quota, and try again."
        } else {
            "Check the permissions of the data directory and the disk it is on."
        }
    }
}

/// The text of a file; none when there is none. Nothing is waited for where a pipe stands in its place.
pub(crate) fn read(path: &Path) -> Result<Option<String>, FileError> {
    let failed = FileError::new(path, "read");
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !file.metadata().map_err(&failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(&failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any file of this kind")));
    }
    Ok(Some(text))
}

/// Replaces a file, or makes it with the folders above it. Who calls holds the lock, so that the name of the new file is
/// nobody else's; one that a killed process left is overwritten.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), FileError> {
    let failed = FileError::new(path, "written");
    if text.len() as u64 > FILE_BYTES_MAX {
        // Nobody would read it again.
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any file of this kind")));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder).map_err(&failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.new"));
    let written = write_new(&new, text).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // The first error is the one that is told.
        let _ = fs::remove_file(&new);
        return Err(failed(error));
    }
    flush(folder).map_err(failed)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Moves a file into another folder, which is made if it is not there.
pub(crate) fn move_to(from: &Path, to: &Path) -> Result<(), FileError> {
    let failed = FileError::new(from, "moved");
    let folders = [to, from].map(|path| path.parent().unwrap_or(Path::new(".")));
    make_folder(folders[0]).map_err(&failed)?;
    fs::rename(from, to).map_err(&failed)?;
    folders.into_iter().try_for_each(|folder| flush(folder).map_err(&failed))
}

/// Removes a file for good. False when there was none.
pub(crate) fn remove(path: &Path) -> Result<bool, FileError> {
    let failed = FileError::new(path, "removed");
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    flush(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    Ok(true)
}

/// Makes a folder with those above it, so that they stay after a crash.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if above != Path::new(".") {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Ok(()) => flush(above),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits until a folder's entries are on the disk.
pub(crate) fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Waits for the lock on a file, which is held until the value is dropped.
pub(crate) fn lock(path: &Path) -> Result<File, FileError> {
    let failed = FileError::new(path, "locked");
    make_folder(path.parent().unwrap_or(Path::new("."))).map_err(&failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(&failed)?;
    file.lock().map_err(&failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_moved_and_removed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/file.json");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        let to = temp.path().join("c/file.json");
        move_to(&path, &to).unwrap();
        assert_eq!((read(&path).unwrap(), read(&to).unwrap().as_deref()), (None, Some("two")));
        assert_eq!((remove(&to).unwrap(), remove(&to).unwrap()), (true, false));
        assert_eq!(fs::read_dir(temp.path().join("a/b")).unwrap().count(), 0, "something is left");
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pipe");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        for place in [path.as_path(), temp.path()] {
            let error = read(place).unwrap_err();
            assert!(error.source.to_string().contains("not a file"), "{error}: {}", error.source);
        }
    }

    #[test]
    fn what_nobody_would_read_is_not_written() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file.json");
        write(&path, "before").unwrap();
        let text = "x".repeat(usize::try_from(FILE_BYTES_MAX).unwrap() + 1);
        assert!(write(&path, &text).is_err());
        assert_eq!(read(&path).unwrap().as_deref(), Some("before"));
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("file"), "").unwrap();
        let error = write(&temp.path().join("file/below.json"), "x").unwrap_err();
        assert!(error.to_string().contains("file/below.json"), "{error}");
        assert!(!error.is_full());
    }
}
