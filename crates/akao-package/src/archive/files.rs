//! `META/files.json`: every file of the archive with its size, digest and mode, the list itself left out.
//!
//! It is written in one way only, so that the same content gives the same bytes, and it is read by comparing it with what would
//! be written. The format carries a version of its own.

use crate::archive::ArchiveError;
use crate::archive::name::FILES_LIST;
use akao_contract::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the list that is written and read.
pub const FILES_FORMAT: u64 = 1;

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Its path below the package's folder.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Whether it may be executed.
    pub executable: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    akao_files: u64,
    files: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    path: String,
    bytes: u64,
    sha256: String,
    mode: String,
}

impl Line {
    fn of(file: &PackedFile) -> Self {
        let mode = if file.executable { "0755" } else { "0644" };
        Self { path: file.path.clone(), bytes: file.bytes, sha256: file.digest.hex(), mode: mode.to_owned() }
    }
}

/// The list of files that are sorted by path.
pub(crate) fn write(files: &[PackedFile]) -> Vec<u8> {
    let list = List { akao_files: FILES_FORMAT, files: files.iter().map(Line::of).collect() };
    // Texts and numbers alone: nothing can fail.
    let mut text = serde_json::to_vec(&list).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Holds a list against the files that are there.
pub(crate) fn check(text: &[u8], files: &[PackedFile]) -> Result<(), ArchiveError> {
    if text == write(files) {
        return Ok(());
    }
    #[derive(Deserialize)]
    struct Version {
        akao_files: u64,
    }
    let broken = |message: String| ArchiveError::FilesList { message: akao_contract::shortened(message, 200) };
    let version: Version = serde_json::from_slice(text).map_err(|error| broken(error.to_string()))?;
    if version.akao_files != FILES_FORMAT {
        return Err(ArchiveError::FilesVersion { found: version.akao_files });
    }
    let list: List = serde_json::from_slice(text).map_err(|error| broken(error.to_string()))?;
    Err(difference(&list, files).unwrap_or_else(|| broken("it is not written as packing writes it".to_owned())))
}

/// The first thing in which a list and the files differ.
fn difference(list: &List, files: &[PackedFile]) -> Option<ArchiveError> {
    let mut listed: BTreeMap<&str, &Line> = BTreeMap::new();
    for line in &list.files {
        if listed.insert(&line.path, line).is_some() {
            let message = format!("it names `{}` twice", akao_contract::shortened(line.path.clone(), 120));
            return Some(ArchiveError::FilesList { message });
        }
    }
    for file in files {
        let (name, line) = (file.path.clone(), Line::of(file));
        let field = match listed.remove(file.path.as_str()) {
            None => return Some(ArchiveError::Unlisted { name }),
            Some(found) if found.bytes != line.bytes => "size",
            Some(found) if found.sha256 != line.sha256 => "digest",
            Some(found) if found.mode != line.mode => "mode",
            Some(_) => continue,
        };
        return Some(ArchiveError::Listed { name, field });
    }
    let name = listed.into_keys().find(|name| *name != FILES_LIST)?;
    Some(ArchiveError::Missing { name: akao_contract::shortened(name.to_owned(), 120) })
}
