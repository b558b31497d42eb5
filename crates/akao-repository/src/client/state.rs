//! What was seen last of a repository, in one file that is replaced at once, and the parts of its index.
//!
//! `tough` keeps its state in several files that it overwrites. A crash in the middle would leave half of one, which it
//! takes for none: the protection against rollback would be gone. So it works in a folder of its own, and this file is
//! written when it is done.

use super::{OpenError, TrustedRoot};
use crate::{
    folder::write_whole,
    index::{Index, part_named},
    kill::{KILL_LIST, KillList},
    record::Content,
};
use akao_contract::Digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The file.
const SEEN: &str = "seen.json";

/// The folder of the index's parts.
const PARTS: &str = "index";

/// Files of `tough` that are kept.
const KEPT: [&str; 4] = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];

/// Clocks are set back by this much now and then.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// What was seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The root that all of it was followed from. Another one begins anew.
    trusted: Digest,
    /// The latest time at which it was opened.
    pub(super) at: Timestamp,
    /// The files of `tough`.
    files: BTreeMap<String, String>,
    /// Parts of the index and the kill list of the last complete opening.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, Content>,
}

/// The state folder of one repository, locked.
pub(super) struct State {
    dir: PathBuf,
    _lock: File,
}

impl State {
    /// Waits until no other process opens the same repository.
    pub(super) fn lock(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let failed = |source| OpenError::State { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// What was seen under this root.
    pub(super) fn seen(&self, root: &TrustedRoot, now: Timestamp) -> Result<Seen, OpenError> {
        let seen = read(&self.dir)?.filter(|seen| seen.trusted == root.fingerprint());
        let seen = seen.unwrap_or_else(|| Seen {
            trusted: root.fingerprint(),
            at: Timestamp::UNIX_EPOCH,
            files: BTreeMap::new(),
            parts: BTreeMap::new(),
        });
        if now.saturating_add(CLOCK_TOLERANCE).unwrap_or(now) < seen.at {
            return Err(OpenError::Clock { now, seen: seen.at });
        }
        Ok(seen)
    }

    /// Lays out the files of `tough` in a folder of their own.
    pub(super) fn lay_out(&self, seen: &Seen) -> Result<tempfile::TempDir, OpenError> {
        let failed = |source| OpenError::State { path: self.dir.clone(), source };
        let folder = tempfile::Builder::new().prefix("opening-").tempdir_in(&self.dir).map_err(failed)?;
        for (name, text) in seen.files.iter().filter(|(name, _)| KEPT.contains(&name.as_str())) {
            fs::write(folder.path().join(name), text).map_err(failed)?;
        }
        Ok(folder)
    }

    /// The root to follow from: the newest that was ever seen, so that nobody can hide that keys were replaced.
    pub(super) fn newest_root(seen: &Seen) -> Option<Vec<u8>> {
        seen.files.get("root.json").map(|text| text.as_bytes().to_vec())
    }

    /// Keeps what `tough` has verified, also when it refused what came after.
    pub(super) fn keep(&self, seen: &mut Seen, folder: &Path) -> Result<(), OpenError> {
        for name in KEPT {
            match fs::read_to_string(folder.join(name)) {
                Ok(text) => drop(seen.files.insert(name.to_owned(), text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => drop(seen.files.remove(name)),
                Err(source) => return Err(OpenError::State { path: folder.join(name), source }),
            }
        }
        self.write(seen)
    }

    pub(super) fn write(&self, seen: &Seen) -> Result<(), OpenError> {
        let bytes = serde_json::to_vec(seen).unwrap_or_default();
        write_whole(&self.dir, SEEN, &bytes).map_err(|source| OpenError::State { path: self.dir.join(SEEN), source })
    }

    /// A part that was fetched before.
    pub(super) fn part(&self, content: &Content) -> Option<Vec<u8>> {
        part(&self.dir, content)
    }

    pub(super) fn keep_part(&self, content: &Content, bytes: &[u8]) -> Result<(), OpenError> {
        let folder = self.dir.join(PARTS);
        let failed = |source| OpenError::State { path: folder.join(content.digest.hex()), source };
        write_whole(&folder, &content.digest.hex(), bytes).map_err(failed)
    }

    /// Removes parts that nothing names any more and what was left by openings that were killed.
    pub(super) fn sweep(&self, seen: &Seen) {
        let named = |name: &str| seen.parts.values().any(|content| content.digest.hex() == name);
        for entry in fs::read_dir(self.dir.join(PARTS)).into_iter().flatten().flatten() {
            if !named(&entry.file_name().to_string_lossy()) {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_file(entry.path());
            }
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("opening-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn part(dir: &Path, content: &Content) -> Option<Vec<u8>> {
    let bytes = fs::read(dir.join(PARTS).join(content.digest.hex())).ok()?;
    (Content::of(&bytes) == *content).then_some(bytes)
}

fn read(dir: &Path) -> Result<Option<Seen>, OpenError> {
    let path = dir.join(SEEN);
    match fs::read(&path) {
        // The file is replaced at once, so that a damaged one was damaged by somebody: it is not silently forgotten.
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(seen) => Ok(Some(seen)),
            Err(error) => Err(OpenError::State { path, source: io::Error::new(io::ErrorKind::InvalidData, error) }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::State { path, source }),
    }
}

/// A repository as it was when it was opened last, without asking it.
#[derive(Debug)]
pub struct Cached {
    /// Its packages.
    pub index: Index,
    /// What it said must not run.
    pub kill_list: KillList,
    /// When that was.
    pub at: Timestamp,
}

/// What the state folder of a repository holds, for searching without a network. Nothing is installed from it.
///
/// # Errors
/// The folder cannot be read, or what it holds does not fit together.
pub fn cached(state: &Path, root: &TrustedRoot) -> Result<Option<Cached>, OpenError> {
    let Some(seen) = read(state)?.filter(|seen| seen.trusted == root.fingerprint() && !seen.parts.is_empty()) else {
        return Ok(None);
    };
    let mut cached = Cached { index: Index::default(), kill_list: KillList::default(), at: seen.at };
    for (name, content) in &seen.parts {
        let bytes = part(state, content).ok_or_else(|| OpenError::Tampered { what: name.clone() })?;
        match part_named(name) {
            Some(part) => cached.index.unpack(part, &bytes)?,
            None if name == KILL_LIST => cached.kill_list = KillList::read(&bytes)?,
            None => {}
        }
    }
    Ok(Some(cached))
}
