//! The folder in which sandboxes without mounts of their own have theirs.
//!
//! It is locked as long as a launcher lives, so that the next one can tell what an earlier one had to leave behind.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, open, openat},
    io::Errno,
};
use std::{
    ffi::{CString, OsStr},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// How such folders begin.
const PREFIX: &str = "akao-sandboxes-";
/// How often another name is tried when one is taken.
const TRIES_MAX: u32 = 100;

/// The folder of one launcher. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct BareFolder {
    path: PathBuf,
    opened: OwnedFd,
}

impl BareFolder {
    /// Makes one in `place`, and removes those whose launchers are gone.
    pub(crate) fn new(place: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // Rules and names go by the real path.
        let place = place.canonicalize()?;
        remove_abandoned(&place);
        for _ in 0..TRIES_MAX {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = place.join(format!("{PREFIX}{}-{number}", std::process::id()));
            // Passed through by programs that run as users of their own; listed and written by nobody else.
            match mkdirat(CWD, &path, Mode::from_raw_mode(0o711)) {
                Err(Errno::EXIST) => continue,
                made => made?,
            }
            // Another launcher may take it for one whose launcher is gone, until it is locked.
            let opened = match open(&path, flags(), Mode::empty()) {
                Err(Errno::NOENT) => continue,
                opened => opened?,
            };
            match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => continue,
                locked => locked?,
            }
            if fstat(&opened)?.st_nlink == 0 {
                continue;
            }
            return Ok(Self { path, opened });
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Its descriptor.
    pub(crate) fn opened(&self) -> BorrowedFd<'_> {
        self.opened.as_fd()
    }

    /// Its path.
    pub(crate) fn name(&self) -> Vec<u8> {
        self.path.as_os_str().as_bytes().to_vec()
    }
}

impl Drop for BareFolder {
    fn drop(&mut self) {
        // The spawner has removed what was in it; the rest is the next launcher's to remove.
        if let Some(place) = self.path.parent().and_then(|place| open(place, flags(), Mode::empty()).ok()) {
            remove(&place, self.path.file_name().unwrap_or_default());
        }
    }
}

fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Removes folders of this user that nobody holds a lock on. Nothing that cannot be removed is in the way of a new one.
fn remove_abandoned(place: &Path) {
    let Ok(all) = open(place, flags(), Mode::empty()) else { return };
    let own = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.as_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Ok(folder) = openat(&all, &name, flags(), Mode::empty()) else { continue };
        let is_own = fstat(&folder).is_ok_and(|found| found.st_uid == own);
        if is_own && flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&all, &name);
        }
    }
}

/// Removes a folder that programs had, whatever its rights and however deep it is.
fn remove(place: &OwnedFd, name: &OsStr) {
    if let Ok(name) = CString::new(name.as_bytes()) {
        let _ = akao_spawner::remove_folder(place, &name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_is_removed_with_its_launcher_or_by_the_next_one() {
        let place = tempfile::tempdir().unwrap();
        let first = BareFolder::new(place.path()).unwrap();
        let abandoned = place.path().join(format!("{PREFIX}0-0"));
        std::fs::create_dir(&abandoned).unwrap();
        std::fs::write(abandoned.join("left"), "x").unwrap();
        // Deeper than any path, and closed by whoever made it.
        let mut deep = rustix::fs::open(&abandoned, flags(), Mode::empty()).unwrap();
        for _ in 0..2_000 {
            mkdirat(&deep, "d", Mode::RWXU).unwrap();
            deep = openat(&deep, "d", flags(), Mode::empty()).unwrap();
        }
        mkdirat(&deep, "closed", Mode::empty()).unwrap();
        std::fs::create_dir(abandoned.join("denied")).unwrap();
        std::fs::write(abandoned.join("denied/file"), "x").unwrap();
        std::fs::set_permissions(abandoned.join("denied"), std::fs::Permissions::from_mode(0o000)).unwrap();
        std::fs::create_dir(place.path().join("another's")).unwrap();
        let second = BareFolder::new(place.path()).unwrap();
        assert!(!abandoned.exists() && first.path.exists() && second.path.exists());
        assert!(place.path().join("another's").exists());
        let (one, other) = (first.path.clone(), second.path.clone());
        drop((first, second));
        assert!(!one.exists() && !other.exists());
    }
}
