//! From a folder to an archive: the same content gives the same bytes, whatever the clock, the owner, the mask or the order
//! of the directory are.

use crate::archive::ignore::{IgnoreError, Ignored};
use crate::archive::name::{self, Clash, FILES_LIST, Taken};
use crate::archive::{ArchiveLimits, NameProblem, PackedFile, files, folder_list, write::Writer};
use akao_contract::Digest;
use akao_manifest::{DigestError, EntryKind, Folder, FolderDigest, FolderError, FolderList, list_folder, read_folder};
use rustix::fs::{Mode, OFlags};
use std::{
    collections::BTreeSet,
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// How a folder is packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// What the archive may be at most.
    pub limits: ArchiveLimits,
    /// Whether files that this module's patterns and `.akaoignore` name are packed as well.
    pub everything: bool,
}

/// An archive and what it holds.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The archive.
    pub bytes: Vec<u8>,
    /// The digest of the archive's bytes.
    pub digest: Digest,
    /// The digest of the content, as the unpacked folder has it.
    pub content: FolderDigest,
    /// The folder with its manifest.
    pub folder: Folder,
    /// Every file, sorted by path.
    pub files: Vec<PackedFile>,
    /// What the folder holds and the archive does not: ignored files and folders, and folders without a file. Sorted.
    pub left_out: Vec<String>,
}

impl Packed {
    /// Writes the archive to a file, whole or not at all. What was there is replaced.
    ///
    /// # Errors
    /// The system refuses.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
        file.write_all(&self.bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Why a folder cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder is no package.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder holds what a package may not.
    #[error(transparent)]
    Content(#[from] DigestError),
    /// The patterns of what is left out.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// A name that is not the same everywhere.
    #[error("the name `{path}` {problem}")]
    Name {
        /// Where.
        path: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Two names that some file systems take for one.
    #[error("`{path}` and `{other}` are one name where capitals do not count")]
    Spelling {
        /// The one.
        path: String,
        /// The other.
        other: String,
    },
    /// A file that the package cannot do without is left out.
    #[error("`{path}` is needed and is left out by `.akaoignore`")]
    Needed {
        /// Which.
        path: String,
    },
    /// A file changed between two looks.
    #[error("`{path}` changed while it was packed")]
    Changed {
        /// Which.
        path: String,
    },
    /// The archive would be larger than archives may be.
    #[error("the archive would have more than the {bytes_max} bytes allowed")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
}

impl PackError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Folder(error) => error.suggestion(),
            Self::Content(error) => error.suggestion().to_owned(),
            Self::Ignore(_) => "Mend it; docs/packages.md says which patterns there are.".to_owned(),
            Self::Name { problem: NameProblem::Meta, .. } => {
                "Call the folder something else, or leave it out by `.akaoignore`.".to_owned()
            }
            Self::Name { .. } | Self::Spelling { .. } => "Rename it, or leave it out by `.akaoignore`.".to_owned(),
            Self::Needed { path } => format!("Add the line `!{path}` at the end of `.akaoignore`."),
            Self::Changed { .. } => "Let the build end first, then pack again.".to_owned(),
            Self::TooLarge { .. } => "Keep in the folder only what the node needs when it runs.".to_owned(),
        }
    }
}

/// Packs a folder. Its manifest must be valid and its command there; nothing of it is run.
///
/// # Errors
/// The folder is no package, or holds something that an archive cannot.
pub fn pack(path: &Path, options: &PackOptions) -> Result<Packed, PackError> {
    let folder = read_folder(path)?;
    let limits = &options.limits;
    let ignored = if options.everything { None } else { Some(Ignored::of(path)?) };
    let mut left_out = BTreeSet::new();
    let mut keep = |entry: &str, is_folder: bool| {
        let kept = !ignored.as_ref().is_some_and(|ignored| ignored.leaves_out(entry, is_folder));
        if !kept {
            left_out.insert(entry.to_owned());
        }
        kept
    };
    let found = list_folder(path, &limits.folder(), &mut keep)?;
    let (files, folders) = checked_files(&found, limits)?;
    left_out.extend(empty_folders(&found, &folders));
    for needed in [akao_contract::manifest::MANIFEST_FILE, &folder.manifest().runtime.command] {
        if !files.iter().any(|file| file.path == needed) {
            return Err(PackError::Needed { path: needed.to_owned() });
        }
    }
    let bytes = write(path, &files, limits)?;
    let (digest, content) = (Digest::of(&bytes), folder_list(&files, &folders).digest());
    Ok(Packed { bytes, digest, content, folder, files, left_out: left_out.into_iter().collect() })
}

/// The files of a folder with the folders above them, when every name may stand in an archive.
fn checked_files(found: &FolderList, limits: &ArchiveLimits) -> Result<(Vec<PackedFile>, Vec<String>), PackError> {
    let (mut files, mut taken) = (Vec::new(), Taken::default());
    for entry in found.entries() {
        let Some(digest) = entry.digest else { continue };
        let path = entry.path.clone();
        if path == FILES_LIST {
            return Err(PackError::Name { path, problem: NameProblem::Meta });
        }
        name::check(path.as_bytes(), limits).map_err(|problem| PackError::Name { path: path.clone(), problem })?;
        taken.file(&path).map_err(|clash| match clash {
            Clash::Spelling(other) | Clash::FileAndFolder(other) => PackError::Spelling { path: path.clone(), other },
            Clash::Same => PackError::Spelling { path: path.clone(), other: path.clone() },
        })?;
        files.push(PackedFile { path, bytes: entry.bytes, digest, executable: entry.kind == EntryKind::Program });
    }
    Ok((files, taken.folders().map(str::to_owned).collect()))
}

fn empty_folders(found: &FolderList, kept: &[String]) -> Vec<String> {
    let folders = found.entries().iter().filter(|entry| entry.kind == EntryKind::Folder);
    folders.map(|entry| &entry.path).filter(|path| !kept.contains(path)).cloned().collect()
}

fn write(folder: &Path, files: &[PackedFile], limits: &ArchiveLimits) -> Result<Vec<u8>, PackError> {
    let mut writer = Writer::default();
    let list = files::write(files);
    let mut list = Some(list.as_slice());
    for file in files {
        if file.path.as_str() > FILES_LIST
            && let Some(list) = list.take()
        {
            writer.file(FILES_LIST, list, false, limits);
        }
        let changed = || PackError::Changed { path: file.path.clone() };
        let bytes = read(&folder.join(&file.path), file.bytes).map_err(|_| changed())?;
        if Digest::of(&bytes) != file.digest {
            return Err(changed());
        }
        writer.file(&file.path, &bytes, file.executable, limits);
        if writer.len() > limits.archive_bytes_max {
            return Err(PackError::TooLarge { bytes_max: limits.archive_bytes_max });
        }
    }
    if let Some(list) = list {
        writer.file(FILES_LIST, list, false, limits);
    }
    Ok(writer.finish())
}

/// Reads a file that was seen a moment ago; what took its place is neither followed nor waited for.
fn read(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let mut read = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.take(bytes + 1).read_to_end(&mut read)?;
    Ok(read)
}
