//! Leases of contents: whoever uses one locks its folder together with others, and whoever removes it locks it alone.
//!
//! A lock is of the folder itself and not of its name, so it stays when the folder is moved, and ends with the process that has it.

use akao_runtime::HeldFolder;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long it is waited until something is looked at again that is on its way out.
pub(super) const WAIT: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Lease {
    locked: fs::File,
}

impl Lease {
    /// Uses a content together with others; none where it is not there, or on its way out.
    pub(crate) fn take(place: &Path) -> io::Result<Option<Self>> {
        Self::locked(place, FlockOperation::NonBlockingLockShared)
    }

    /// Has a content alone; none where it is not there, or used.
    pub(crate) fn alone(place: &Path) -> io::Result<Option<Self>> {
        Self::locked(place, FlockOperation::NonBlockingLockExclusive)
    }

    /// The folder itself, which stood at this path: another may be put there while this one is used.
    pub(crate) fn folder(&self, place: PathBuf) -> io::Result<HeldFolder> {
        HeldFolder::new(&self.locked, place)
    }

    fn locked(place: &Path, how: FlockOperation) -> io::Result<Option<Self>> {
        let folder = match fs::File::open(place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            folder => folder?,
        };
        match flock(&folder, how) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            locked => locked?,
        }
        // Before it was locked it may have been moved away.
        let locked = folder.metadata()?;
        let is_there =
            fs::metadata(place).is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino()));
        Ok(is_there.then_some(Self { locked: folder }))
    }
}

/// Gives whoever moves something away the time to.
pub(super) fn wait() {
    std::thread::sleep(WAIT);
}
