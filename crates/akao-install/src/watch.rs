//! Tells which packages were installed, changed, disabled or taken away since somebody looked last, so that a process that
//! runs goes on with what is installed now.
//!
//! A change of a record is a new file in one of two folders. While neither folder has changed, a look costs two questions to
//! the system, however much is installed.

use crate::{FileError, Places, places::RECORD_ENDING};
use akao_contract::manifest::PackageId;
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

/// Clocks of file systems are coarse: a folder that changed so shortly ago may change again without a later time.
const UNSURE_FOR: Duration = Duration::from_secs(2);

/// A file or folder as it stands, by what the system sets with each change.
type Mark = (u64, i64, i64);

/// What was there when somebody looked last.
#[derive(Debug)]
pub struct Watcher {
    places: Places,
    records: BTreeMap<PackageId, [Option<Mark>; 2]>,
    /// The folders, when they had not changed for a while then.
    folders: Option<[Option<Mark>; 2]>,
}

impl Watcher {
    /// Begins with what is installed now.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn new(places: &Places) -> Result<Self, FileError> {
        let mut watcher = Self { places: places.clone(), records: BTreeMap::new(), folders: None };
        watcher.changed()?;
        Ok(watcher)
    }

    /// The packages whose records are others than at the last look, sorted.
    ///
    /// # Errors
    /// A folder cannot be read. What changed is told by the next look that can.
    pub fn changed(&mut self) -> Result<Vec<PackageId>, FileError> {
        let folders = [self.places.external(), self.places.disabled()];
        let now = SystemTime::now();
        let marks = [mark(&folders[0])?, mark(&folders[1])?];
        if self.folders == Some(marks) {
            return Ok(Vec::new());
        }
        let mut records: BTreeMap<PackageId, [Option<Mark>; 2]> = BTreeMap::new();
        for (at, folder) in folders.iter().enumerate() {
            for (id, found) in records_in(folder)? {
                records.entry(id).or_default()[at] = Some(found);
            }
        }
        let before = std::mem::replace(&mut self.records, records);
        let others = self.records.iter().filter(|(id, marks)| before.get(id) != Some(marks)).map(|(id, _)| id);
        let gone = before.keys().filter(|id| !self.records.contains_key(id));
        let mut changed: Vec<PackageId> = others.chain(gone).cloned().collect();
        changed.sort();
        self.folders = marks.iter().flatten().all(|mark| is_settled(mark, now)).then_some(marks);
        Ok(changed)
    }
}

fn is_settled((_, seconds, _): &Mark, now: SystemTime) -> bool {
    let changed = u64::try_from(*seconds).map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > UNSURE_FOR))
}

/// None when it is not there.
fn mark(path: &Path) -> Result<Option<Mark>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some((found.ino(), found.ctime(), found.ctime_nsec()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new(path, "read")(error)),
    }
}

fn records_in(folder: &Path) -> Result<Vec<(PackageId, Mark)>, FileError> {
    let failed = FileError::new(folder, "read");
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut records = Vec::new();
    for entry in entries {
        let entry = entry.map_err(&failed)?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(RECORD_ENDING)).map(str::parse);
        // One that was moved meanwhile is found in the other folder, or by the next look.
        if let (Some(Ok(id)), Some(found)) = (id, mark(&entry.path())?) {
            records.push((id, found));
        }
    }
    Ok(records)
}
