//! Lists what is below a folder, sorted, within bounds and without following links.

use super::path::{RESERVED_FOLDER, VolumePath};
use akao_step::{VolumeEntry, VolumeError, WalkOptions};
use cap_std::fs::Dir;
use std::collections::VecDeque;

/// A folder that is still to be listed. Handles are opened when their turn comes, so few are open at once.
struct Waiting {
    path: String,
    depth: u32,
}

/// Every file and folder below `folder` that the options include and that is not left out, sorted by path.
pub(super) fn walk(
    folder: &Dir,
    given: &VolumePath<'_>,
    options: WalkOptions,
    leaves_out: &dyn Fn(&str) -> bool,
) -> Result<Vec<VolumeEntry>, VolumeError> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([Waiting { path: String::new(), depth: 1 }]);
    while let Some(next) = waiting.pop_front() {
        if next.depth > options.depth_max {
            continue;
        }
        for entry in list(folder, given, &next, options, leaves_out)? {
            if found.len() >= options.entries_max {
                return Err(given.bad(&format!("holds more than {} entries", options.entries_max)));
            }
            if entry.directory && options.recursive {
                waiting.push_back(Waiting { path: entry.path.clone(), depth: next.depth + 1 });
            }
            found.push(entry);
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The entries of one folder. Names that are not UTF-8 cannot be written in a workflow and are left out, as links are.
fn list(
    folder: &Dir,
    given: &VolumePath<'_>,
    at: &Waiting,
    options: WalkOptions,
    leaves_out: &dyn Fn(&str) -> bool,
) -> Result<Vec<VolumeEntry>, VolumeError> {
    let storage = |error| given.storage(error);
    let place = if at.path.is_empty() { "." } else { &at.path };
    let mut entries = Vec::new();
    for entry in folder.read_dir(place).map_err(storage)? {
        let entry = entry.map_err(storage)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name == RESERVED_FOLDER || (!options.hidden && name.starts_with('.')) {
            continue;
        }
        let path = if at.path.is_empty() { name } else { format!("{}/{name}", at.path) };
        if leaves_out(&path) {
            continue;
        }
        // Metadata of the entry itself: a link is not followed.
        let Ok(data) = entry.metadata() else { continue };
        if !data.is_dir() && !data.is_file() {
            continue;
        }
        if entries.len() >= options.entries_max {
            return Err(given.bad(&format!("holds more than {} entries", options.entries_max)));
        }
        let bytes = if data.is_dir() { 0 } else { data.len() };
        entries.push(VolumeEntry { path, directory: data.is_dir(), bytes, depth: at.depth });
    }
    Ok(entries)
}
