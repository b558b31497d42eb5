//! Lock files that pin installed packages: those of the project that a command runs in, and those that were made or installed from
//! before, which a data directory remembers. A lock that is gone, or that nobody can read, pins nothing.

use super::Desk;
use akao_contract::manifest::PackageId;
use akao_install::Use;
use akao_package::{LOCK_FILE, Lock};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

/// Most files that are remembered; the oldest is forgotten.
const REMEMBERED_MAX: usize = 1_000;

/// Most folders of a project that are looked into.
const FOLDERS_MAX: usize = 5_000;

/// The version of the file that remembers.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    akao_locks: u32,
    /// Absolute paths, oldest first.
    files: Vec<PathBuf>,
}

/// Remembers a lock file, so that what it pins is not taken away from elsewhere. Nobody is kept from work where that cannot be written.
pub(crate) fn remember(desk: &Desk, lock: &Path) {
    let path = lock.canonicalize().unwrap_or_else(|_| lock.to_owned());
    let mut files = remembered(desk);
    if files.last() == Some(&path) || !desk.places.root().is_dir() {
        return;
    }
    files.retain(|known| *known != path && known.exists());
    files.push(path);
    let files = files.split_off(files.len().saturating_sub(REMEMBERED_MAX));
    if let Ok(text) = serde_json::to_vec(&Remembered { akao_locks: FORMAT, files }) {
        let file = place(desk);
        let made = file.parent().map_or(Ok(()), crate::wiring::make_data_dir);
        let _ = made.and_then(|()| crate::replace::replace_file(&file, &text));
    }
}

fn place(desk: &Desk) -> PathBuf {
    desk.places.root().join("nodes").join("locks.json")
}

fn remembered(desk: &Desk) -> Vec<PathBuf> {
    let text = crate::publisher::read_within(&place(desk), 4 << 20).unwrap_or_default();
    let read = serde_json::from_str(&text).ok().filter(|read: &Remembered| read.akao_locks == FORMAT);
    read.map(|read| read.files).unwrap_or_default()
}

/// What pins a package, each by the name of its lock file.
pub(crate) fn uses(desk: &Desk, id: &PackageId) -> Vec<Use> {
    let mut files: BTreeSet<PathBuf> = remembered(desk).into_iter().collect();
    if let Ok(here) = std::env::current_dir() {
        files.extend(of_project(&project_of(&here)));
    }
    let pins = |file: PathBuf| {
        let lock = Lock::read(&std::fs::read_to_string(&file).ok()?).ok()?;
        let pinned = lock.packages().iter().filter(|locked| locked.id == *id);
        let by = format!("the lock file {}", file.display());
        Some(pinned.map(|locked| Use { by: by.clone(), content: Some(locked.content) }).collect::<Vec<_>>())
    };
    files.into_iter().filter_map(pins).flatten().collect()
}

/// The folder of the project around a folder: the nearest above that is under version control, else the folder itself.
fn project_of(here: &Path) -> PathBuf {
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    root.unwrap_or(here).to_owned()
}

/// Every lock file below a folder, and those right above it, nearest first. Hidden folders, links and what other tools install are
/// not looked into.
fn of_project(root: &Path) -> BTreeSet<PathBuf> {
    let lock_in = |folder: &Path| Some(folder.join(LOCK_FILE)).filter(|file| file.is_file());
    let mut found: BTreeSet<PathBuf> = root.ancestors().filter_map(lock_in).collect();
    let mut open = VecDeque::from([root.to_owned()]);
    for _ in 0..FOLDERS_MAX {
        let Some(folder) = open.pop_front() else { break };
        found.extend(lock_in(&folder));
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let is_own = |name: &str| !name.starts_with('.') && name != "node_modules" && name != "target";
        let folders = entries.filter(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_own(&entry.file_name().to_string_lossy())
        });
        open.extend(folders.map(|entry| entry.path()));
    }
    found
}
