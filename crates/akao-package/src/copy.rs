//! Fills and seals the folder of a package: files are made anew below an open folder, never over something that is there,
//! flushed, and readable by all and writable by none.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Mode of a file, and of one that may be executed.
pub(crate) const FILE: u32 = 0o444;
pub(crate) const PROGRAM: u32 = 0o555;

/// Mode of a folder while it is filled, and afterwards.
const OPEN: u32 = 0o755;
pub(crate) const CLOSED: u32 = 0o555;

/// How many files are open before they are flushed together.
const OPEN_FILES_MAX: usize = 128;

/// How many are flushed at once. A file system writes one entry of its log for all who wait for it.
const FLUSHES_AT_ONCE: usize = 8;

/// A folder that is being filled.
pub(crate) struct Filling<'a> {
    root: BorrowedFd<'a>,
    folders: Vec<String>,
    files: Vec<File>,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, folders: Vec::new(), files: Vec::new() }
    }

    /// Makes a folder; the one above it was made before.
    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        rustix::fs::mkdirat(self.root, path, Mode::from_raw_mode(OPEN))?;
        self.folders.push(path.to_owned());
        Ok(())
    }

    /// Makes a file, which `write` fills.
    pub(crate) fn file(
        &mut self,
        path: &str,
        executable: bool,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(self.root, path, flags, Mode::from_raw_mode(0o600))?);
        write(&mut file)?;
        file.flush()?;
        file.set_permissions(Permissions::from_mode(if executable { PROGRAM } else { FILE }))?;
        self.files.push(file);
        if self.files.len() >= OPEN_FILES_MAX { self.flush_files() } else { Ok(()) }
    }

    /// Seals every folder and waits until all of it is on the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush_files()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folders = Vec::new();
        // The deepest first, as each seals what is in the one above.
        for path in self.folders.iter().rev().map(String::as_str).chain(["."]) {
            let folder = File::from(rustix::fs::openat(self.root, path, flags, Mode::empty())?);
            folder.set_permissions(Permissions::from_mode(CLOSED))?;
            folders.push(folder);
            if folders.len() >= OPEN_FILES_MAX {
                flush_all(&std::mem::take(&mut folders))?;
            }
        }
        flush_all(&folders)
    }

    fn flush_files(&mut self) -> io::Result<()> {
        flush_all(&std::mem::take(&mut self.files))
    }
}

/// Waits until the contents of all are on the disk.
fn flush_all(files: &[File]) -> io::Result<()> {
    let share = files.len().div_ceil(FLUSHES_AT_ONCE).max(1);
    if files.len() <= 1 {
        return files.iter().try_for_each(File::sync_all);
    }
    std::thread::scope(|scope| {
        let flushes: Vec<_> =
            files.chunks(share).map(|files| scope.spawn(|| files.iter().try_for_each(File::sync_all))).collect();
        let ends = flushes
            .into_iter()
            .map(|flush| flush.join().unwrap_or_else(|_| Err(io::Error::other("a flush ended early"))));
        ends.collect()
    })
}

/// Opens a file below a folder for reading. A pipe that took its place is opened without waiting, and a link is not
/// followed.
pub(crate) fn open_below(root: BorrowedFd<'_>, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(root, path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(file)
}

/// Waits until a folder's entries are on the disk.
pub(crate) fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens a folder.
pub(crate) fn open_folder(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Removes a folder that may be sealed.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    open_up(folder)?;
    fs::remove_dir_all(folder)
}

fn open_up(folder: &Path) -> io::Result<()> {
    let opened = open_folder(folder)?;
    rustix::fs::fchmod(opened.as_fd(), Mode::from_raw_mode(OPEN))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
