//! Copies a folder so that the copy can be trusted once it has the expected digest: files are made anew, flushed, and
//! readable by all and writable by none.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Mode of a file, and of one that may be executed.
const FILE: u32 = 0o444;
const PROGRAM: u32 = 0o555;

/// Mode of a folder while it is filled, and afterwards.
const OPEN: u32 = 0o755;
const CLOSED: u32 = 0o555;

/// Which side of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// What is copied is not what it was when its digest was taken.
    Source,
    /// The copy cannot be written.
    Target(io::Error),
}

/// Copies everything below `from` into the new folder `to`. Whatever is neither a file nor a folder is an error; whether
/// the copy is what was meant, its digest says.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<(), CopyError> {
    DirBuilder::new().mode(OPEN).create(to).map_err(CopyError::Target)?;
    for entry in fs::read_dir(from).map_err(|_| CopyError::Source)? {
        let entry = entry.map_err(|_| CopyError::Source)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(|_| CopyError::Source)?.is_dir() {
            copy_folder(&source, &target)?;
            seal(&target).map_err(CopyError::Target)?;
        } else {
            copy_file(open_file(&source).map_err(|_| CopyError::Source)?, &target).map_err(CopyError::Target)?;
        }
    }
    flush(to).map_err(CopyError::Target)
}

/// Makes a folder read-only. The outermost one is sealed after it was moved: moving it writes its entry `..`.
pub(crate) fn seal(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(CLOSED))
}

/// Waits until a folder's entries are on the disk.
pub(crate) fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn open_file(path: &Path) -> io::Result<File> {
    // A pipe that took the file's place is opened without waiting, and a link is not followed.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(file)
}

fn copy_file(mut source: File, to: &Path) -> io::Result<()> {
    let mode = if source.metadata()?.permissions().mode() & 0o111 == 0 { FILE } else { PROGRAM };
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(Permissions::from_mode(mode))?;
    target.sync_all()
}

/// Removes a folder that may be sealed.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    open_up(folder)?;
    fs::remove_dir_all(folder)
}

fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(OPEN))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
