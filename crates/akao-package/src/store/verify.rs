//! Holds everything that is stored against its digest, and names what differs.

use super::{Store, StoreError, list_of};
use crate::copy::{CLOSED, FILE, PROGRAM};
use akao_contract::Digest;
use akao_manifest::{EntryKind, FolderEntry, FolderList};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

/// A package that is not what it was when it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The digest that its name says.
    pub digest: Digest,
    /// What differs, sorted by path.
    pub differences: Vec<StoredDifference>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDifference {
    /// Its path below the package's folder; `.` for the folder itself.
    pub path: String,
    /// How.
    pub kind: DifferenceKind,
}

/// How something stored differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Its bytes are others.
    Edited,
    /// It is not there.
    Missing,
    /// It does not belong there.
    Extra,
    /// It may be written, or executed, where it was not, or the reverse.
    Mode,
    /// It cannot be compared, for this reason: it is a link, cannot be read, or its list is damaged.
    Unclear(String),
}

impl Store {
    /// Hashes everything stored again. Nothing when all of it is sound.
    ///
    /// # Errors
    /// The store's folder cannot be read.
    pub fn verify(&self) -> Result<Vec<Damage>, StoreError> {
        let digests = self.digests()?.into_iter();
        let checked = digests.map(|digest| Damage { digest, differences: self.verify_one(&digest) });
        Ok(checked.filter(|damage| !damage.differences.is_empty()).collect())
    }

    /// What differs in one package. Nothing when it is sound; one that is not stored is missing.
    pub fn verify_one(&self, digest: &Digest) -> Vec<StoredDifference> {
        let place = self.path(digest);
        if !place.is_dir() {
            return vec![StoredDifference { path: ".".to_owned(), kind: DifferenceKind::Missing }];
        }
        let found = match list_of(&place) {
            Ok(found) => found,
            Err(error) => return vec![unclear(chain(&error))],
        };
        let mut differences = modes(&place, &found);
        if found.digest().digest != *digest {
            let kept = fs::read_to_string(self.list_path(digest)).ok();
            let kept = kept.filter(|text| Digest::of(text.as_bytes()) == *digest);
            match kept.and_then(|text| FolderList::from_text(&text)) {
                Some(list) => compare(&list, &found, &mut differences),
                None => differences.push(unclear(format!("its content has the digest {}", found.digest().digest))),
            }
        }
        differences.sort_by(|a, b| a.path.cmp(&b.path));
        differences.dedup();
        differences
    }

    /// The first thing that differs in one package as far as it shows without reading a file: what is missing, has another
    /// length, or is of another kind or mode. Nothing when it looks sound; only hashing it says that it is.
    pub fn glance(&self, digest: &Digest) -> Option<StoredDifference> {
        let place = self.path(digest);
        let differs = |path: &str, kind| Some(StoredDifference { path: path.to_owned(), kind });
        if !place.is_dir() {
            return differs(".", DifferenceKind::Missing);
        }
        // A package that was stored without a list is only known by its digest.
        let list = FolderList::from_text(&fs::read_to_string(self.list_path(digest)).ok()?)?;
        list.entries().iter().find_map(|entry| {
            let Ok(found) = fs::symlink_metadata(place.join(&entry.path)) else {
                return differs(&entry.path, DifferenceKind::Missing);
            };
            let is_other = found.is_dir() != (entry.kind == EntryKind::Folder) || found.is_symlink();
            match (is_other, found.permissions().mode() & 0o7777 == mode_of(entry.kind)) {
                (true, _) => differs(&entry.path, DifferenceKind::Edited),
                _ if entry.kind != EntryKind::Folder && found.len() != entry.bytes => {
                    differs(&entry.path, DifferenceKind::Edited)
                }
                (_, false) => differs(&entry.path, DifferenceKind::Mode),
                _ => None,
            }
        })
    }
}

/// The mode that an entry was sealed with.
fn mode_of(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::Folder => CLOSED,
        EntryKind::File => FILE,
        EntryKind::Program => PROGRAM,
    }
}

fn unclear(reason: String) -> StoredDifference {
    StoredDifference { path: ".".to_owned(), kind: DifferenceKind::Unclear(reason) }
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Everything whose mode is not the one that it was sealed with.
fn modes(place: &Path, found: &FolderList) -> Vec<StoredDifference> {
    let of = |path: &str| fs::symlink_metadata(place.join(path)).map(|data| data.permissions().mode() & 0o7777).ok();
    let expected = found.entries().iter().map(|entry| (entry.path.as_str(), mode_of(entry.kind)));
    let wrong = expected.chain([(".", CLOSED)]).filter(|(path, mode)| of(path) != Some(*mode));
    wrong.map(|(path, _)| StoredDifference { path: path.to_owned(), kind: DifferenceKind::Mode }).collect()
}

fn compare(kept: &FolderList, found: &FolderList, differences: &mut Vec<StoredDifference>) {
    let mut there: BTreeMap<&str, &FolderEntry> =
        found.entries().iter().map(|entry| (entry.path.as_str(), entry)).collect();
    for entry in kept.entries() {
        let kind = match there.remove(entry.path.as_str()) {
            None => DifferenceKind::Missing,
            Some(other) if other.digest != entry.digest || other.bytes != entry.bytes => DifferenceKind::Edited,
            Some(other) if other.kind != entry.kind => DifferenceKind::Mode,
            Some(_) => continue,
        };
        differences.push(StoredDifference { path: entry.path.clone(), kind });
    }
    let extra = there.into_keys().map(|path| StoredDifference { path: path.to_owned(), kind: DifferenceKind::Extra });
    differences.extend(extra);
}
