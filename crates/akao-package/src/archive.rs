//! The `.akao` archive: one version of a package in one file.
//!
//! It is a strict subset of ZIP that any unzip program lists and unpacks, with exactly one reading. [`pack`] makes it, the
//! same bytes from the same content; [`Archive::open`] takes no other form. docs/packages.md has the format and every refusal.

mod data;
mod error;
mod files;
mod ignore;
mod limits;
mod name;
mod pack;
mod publish;
mod structure;
mod write;

pub use error::ArchiveError;
pub use files::{FILES_FORMAT, PackedFile};
pub use ignore::{IGNORE_FILE, IgnoreError};
pub use limits::ArchiveLimits;
pub use name::{FILES_LIST, META_FOLDER, NameProblem};
pub use pack::{PackError, PackOptions, Packed, pack};
pub use publish::{PublishProblem, publishable};

use akao_contract::{Digest, manifest::MANIFEST_FILE, manifest::Manifest};
use akao_manifest::{FolderDigest, FolderEntry, FolderList, Parsed};
use rustix::fs::OFlags;
use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use structure::{Entry, Structure};

/// An archive that was checked to its last byte. It holds the bytes that were checked, so nothing can change under it.
#[derive(Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    digest: Digest,
    entries: Vec<Entry>,
    /// The contents of compressed entries, as far as they are held; in the order of `entries`.
    held: Vec<Option<Vec<u8>>>,
    files: Vec<PackedFile>,
    list: FolderList,
    content: FolderDigest,
    parsed: Parsed,
}

impl Archive {
    /// Checks an archive: its structure before anything is read, then every file against its checksum, its size and
    /// `META/files.json`, then the manifest. No code of the package runs, and nothing is written.
    ///
    /// # Errors
    /// Whatever is not as [`pack`] makes it, by a variant for each reason.
    pub fn open(bytes: Vec<u8>, limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let Structure { entries, folders } = structure::check(&bytes, limits)?;
        let mut checked = Checked::default();
        for entry in &entries {
            checked.entry(&bytes, entry, limits)?;
        }
        let list = checked.files_list.ok_or(ArchiveError::NoFilesList)?;
        files::check(&list, &checked.files)?;
        let parsed = read_manifest(&checked.manifest.ok_or(ArchiveError::NoManifest)?, &checked.files)?;
        let list = folder_list(&checked.files, &folders);
        if list.entries().len() > limits.entries_max {
            return Err(ArchiveError::TooManyEntries { entries_max: limits.entries_max });
        }
        let (digest, content) = (Digest::of(&bytes), list.digest());
        let Checked { held, files, .. } = checked;
        Ok(Self { bytes, digest, entries, held, files, list, content, parsed })
    }

    /// Reads a file, no more of it than an archive may have, and checks it as [`Archive::open`] does. Nothing is waited for where a
    /// pipe or a device stands in its place.
    ///
    /// # Errors
    /// It is no file, cannot be read, or is refused.
    pub fn read(path: &Path, limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let failed = |source| ArchiveError::Io { path: path.display().to_string(), source };
        let mut bytes = Vec::new();
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        file.take(limits.archive_bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        Self::open(bytes, limits)
    }

    /// The digest of the file, which signatures and repositories name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of the content: the same as that of the unpacked folder. The store names packages by it.
    pub fn content(&self) -> FolderDigest {
        self.content
    }

    /// The content as the list that its digest is taken of.
    pub fn list(&self) -> &FolderList {
        &self.list
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.parsed.manifest
    }

    /// The manifest with the places of its parts.
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// Every file of the package, sorted by path. `META/files.json` is not one of them.
    pub fn files(&self) -> &[PackedFile] {
        &self.files
    }

    /// The archive's own bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of one file. None when there is no such file.
    pub fn file(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_bytes().cmp(path.as_bytes())).ok()?;
        self.entry_bytes(at).ok()
    }

    /// Every file of the package with its bytes, in order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = Result<(&str, bool, Cow<'_, [u8]>), ArchiveError>> {
        let content = (0..self.entries.len()).filter(|at| self.entries[*at].name != FILES_LIST);
        content.map(|at| Ok((self.entries[at].name.as_str(), self.entries[at].executable, self.entry_bytes(at)?)))
    }

    fn entry_bytes(&self, at: usize) -> Result<Cow<'_, [u8]>, ArchiveError> {
        match &self.held[at] {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => data::content(&self.bytes, &self.entries[at]),
        }
    }
}

/// What is known after the entries were read.
#[derive(Default)]
struct Checked {
    held: Vec<Option<Vec<u8>>>,
    held_bytes: u64,
    files: Vec<PackedFile>,
    files_list: Option<Vec<u8>>,
    manifest: Option<Vec<u8>>,
}

impl Checked {
    fn entry(&mut self, archive: &[u8], entry: &Entry, limits: &ArchiveLimits) -> Result<(), ArchiveError> {
        let bytes = data::content(archive, entry)?;
        if entry.name == FILES_LIST {
            if entry.executable {
                return Err(ArchiveError::Kind { name: entry.name.clone(), kind: "a program" });
            }
            self.files_list = Some(bytes.into_owned());
            self.held.push(None);
            return Ok(());
        }
        let file = PackedFile {
            path: entry.name.clone(),
            bytes: bytes.len() as u64,
            digest: Digest::of(&bytes),
            executable: entry.executable,
        };
        if entry.name == MANIFEST_FILE {
            self.manifest = Some(bytes.to_vec());
        }
        let held = match bytes {
            Cow::Owned(bytes) if self.held_bytes + file.bytes <= limits.held_bytes_max => Some(bytes),
            _ => None,
        };
        self.held_bytes += held.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.held.push(held);
        self.files.push(file);
        Ok(())
    }
}

/// The manifest, and whether what it starts is there.
fn read_manifest(bytes: &[u8], files: &[PackedFile]) -> Result<Parsed, ArchiveError> {
    let (parsed, problems) = akao_manifest::check_bytes(bytes);
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let parsed = parsed.ok_or_else(|| ArchiveError::Manifest { text: text(), problems })?;
    let runtime = &parsed.manifest.runtime;
    let what = match files.iter().find(|file| file.path == runtime.command) {
        None => "is not in the archive",
        Some(file) if !file.executable && runtime.kind.starts_command() => "is not executable",
        Some(_) => return Ok(parsed),
    };
    Err(ArchiveError::Command { command: runtime.command.clone(), what })
}

/// The list that the unpacked folder would give.
pub(crate) fn folder_list(files: &[PackedFile], folders: &[String]) -> FolderList {
    let folders = folders.iter().filter(|folder| *folder != META_FOLDER).map(|folder| FolderEntry::folder(folder));
    let files = files.iter().map(|file| FolderEntry::file(&file.path, file.bytes, file.digest, file.executable));
    FolderList::new(folders.chain(files).collect())
}
