//! What is shown to a process is what was checked. The folder of a package is opened once; through that descriptor its
//! content is held against its digest, and the same descriptor is what the sandbox mounts. Whoever puts another folder in
//! its place in between changes nothing.
//!
//! Hashing a package would cost more than starting its process. So the marks of its files are kept that the system sets and
//! no user can choose: which file it is, and when it last changed. Only where one of these differs is the content hashed
//! again. It does not help against somebody who edits a file in place after its process has begun; the store is read-only,
//! and nothing but the owner of the data directory can do that.

use akao_contract::Digest;
use akao_manifest::{FolderLimits, digest_folder};
use akao_runtime::LaunchError;
use akao_sandbox::Source;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::{
    collections::BTreeMap,
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The packages of this process that were found to be what their digests say, each with the marks that it had then.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    marks: Mutex<BTreeMap<Digest, Digest>>,
}

impl Checked {
    /// Opens the folder of a package whose content has this digest, to be shown in a sandbox. Blocks.
    ///
    /// # Errors
    /// It cannot be opened, or holds something else.
    pub(crate) fn open(&self, folder: &Path, digest: &Digest) -> Result<Source, LaunchError> {
        let failed = |error: io::Error| LaunchError::Failed {
            stage: "package".to_owned(),
            reason: format!("the folder `{}` cannot be opened: {error}", folder.display()),
        };
        // The mount needs a path without links, and the same one is what the record of the sandbox names.
        let name = folder.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, &name, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        self.check(&opened, digest)
            .map_err(|reason| LaunchError::Changed { reason: format!("`{}` {reason}", name.display()) })?;
        let shown = akao_sandbox::open_beneath(&opened, Path::new(".")).map_err(failed)?;
        Ok(Source::Opened(shown, name))
    }

    fn check(&self, opened: &OwnedFd, digest: &Digest) -> Result<(), String> {
        // Through the descriptor, wherever the folder's name leads meanwhile.
        let place = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        let limits = FolderLimits::default();
        let marks = marks(&place, limits.entries_max);
        let known = self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied();
        if known.is_some() && known == marks {
            return Ok(());
        }
        let found = digest_folder(&place, &limits).map_err(|error| format!("cannot be compared: {error}"))?.digest;
        if found != *digest {
            return Err(format!("holds {found} and not {digest}"));
        }
        // They were taken before: what changed since shows in the next ones.
        let mut all = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.map(|marks| all.insert(*digest, marks));
        Ok(())
    }
}

/// The marks of everything below a folder as one value; none when they cannot be taken, or there is too much.
fn marks(folder: &Path, entries_max: usize) -> Option<Digest> {
    let mut text = Vec::new();
    let mut open = vec![PathBuf::new()];
    let mut count = 0;
    while let Some(below) = open.pop() {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.join(&below)).ok()? {
            names.push(entry.ok()?.file_name());
            count += 1;
            if count > entries_max {
                return None;
            }
        }
        names.sort_unstable();
        for path in names.into_iter().map(|name| below.join(name)) {
            let found = fs::symlink_metadata(folder.join(&path)).ok()?;
            let numbers = [found.dev(), found.ino(), found.mode().into(), found.size()];
            let changed = [found.ctime(), found.ctime_nsec()];
            text.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
            text.extend(changed.into_iter().flat_map(i64::to_le_bytes));
            text.extend(path.as_os_str().as_bytes());
            text.push(0);
            if found.is_dir() {
                open.push(path);
            }
        }
    }
    Some(Digest::of(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> (tempfile::TempDir, Digest) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/run"), "good").unwrap();
        let digest = digest_folder(folder.path(), &FolderLimits::default()).unwrap().digest;
        (folder, digest)
    }

    #[test]
    fn what_is_as_it_was_is_not_hashed_again_and_what_changed_is() {
        let (folder, digest) = package();
        let checked = Checked::default();
        checked.open(folder.path(), &digest).unwrap();
        let before = checked.marks.lock().unwrap().clone();
        checked.open(folder.path(), &digest).unwrap();
        assert_eq!(*checked.marks.lock().unwrap(), before);
        // The same length and, as far as a user can set it, the same time.
        let file = folder.path().join("bin/run");
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "evil").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        let error = checked.open(folder.path(), &digest).unwrap_err();
        assert!(matches!(&error, LaunchError::Changed { reason } if reason.contains("holds sha256:")), "{error}");
        fs::write(&file, "good").unwrap();
        checked.open(folder.path(), &digest).unwrap();
        assert_ne!(*checked.marks.lock().unwrap(), before, "it was hashed and its new marks are kept");
    }

    #[test]
    fn what_was_opened_stays_what_is_shown_when_its_name_leads_elsewhere() {
        let (good, digest) = package();
        let place = good.path().join("bin");
        let digest_of = |path: &Path| digest_folder(path, &FolderLimits::default()).unwrap().digest;
        let (checked, bin) = (Checked::default(), digest_of(&place));
        assert_ne!(bin, digest);
        let Source::Opened(shown, _) = checked.open(&place, &bin).unwrap() else { panic!("it is opened") };
        fs::rename(&place, good.path().join("away")).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("run"), "evil").unwrap();
        let through = PathBuf::from(format!("/proc/self/fd/{}/run", shown.as_raw_fd()));
        assert_eq!(fs::read_to_string(through).unwrap(), "good");
        assert!(checked.open(&place, &bin).is_err(), "the folder in its place is not taken for it");
    }
}
