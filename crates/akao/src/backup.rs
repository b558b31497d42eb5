//! What a backup is: a folder with copies, and a manifest that names each with its digest.
//!
//! ```text
//! manifest.json     what is in it, and by which version it was made
//! journal.db        executions, in one view
//! platform.db       platform data, in one view; platform.jsonl when they are in PostgreSQL
//! platform.mark     to which platform data the data directory belongs
//! blobs/ nodes/ config/   as in the data directory
//! keys.sealed       the master key under a password, when it was asked for
//! ```

use crate::{failure::Failure, wiring};
use akao_contract::Digest;
use akao_store::KEY_FILE;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

/// The manifest's name.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";

/// The copy of platform data that are in PostgreSQL.
pub(crate) const LINES_FILE: &str = "platform.jsonl";

/// The keys, when they were asked for.
pub(crate) const KEYS_FILE: &str = "keys.sealed";

/// The form of backups that this version makes and reads.
pub(crate) const FORM: u32 = 1;

/// Longest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// Folders of the data directory that are copied as they are.
pub(crate) const FOLDERS: [&str; 3] = ["blobs", "nodes", "config"];

/// What of these folders is made again when it is needed.
const LEFT_OUT: [&str; 3] = ["nodes/bytecode", "nodes/lock", "blobs/.staging"];

/// What the names of packages begin with that come or go.
const PASSING: &str = "nodes/packages/sha256/.";

/// What the names of folders begin with that are being filled, or taken away.
const MAKING: &[u8] = b".making-";

/// The rights of files in a backup.
pub(crate) const PRIVATE: u32 = 0o600;

/// Bytes that are copied at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of the backup.
    pub(crate) akao_backup: u32,
    /// By which version it was made.
    pub(crate) made_by: String,
    /// When, in Unix milliseconds.
    pub(crate) made_ms: i64,
    /// The number of the schema of platform data.
    pub(crate) schema: i64,
    /// By what the master keys are recognised without which platform data cannot be opened.
    pub(crate) master_keys: Vec<String>,
    /// Every file, by its path.
    pub(crate) files: Vec<Copied>,
    /// Every folder of those that are copied as they are, each after the one that it is in.
    pub(crate) folders: Vec<Folder>,
}

/// A folder of the data directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Folder {
    /// Relative to the data directory.
    pub(crate) path: String,
    /// Its rights, by which packages are recognised as what was stored.
    pub(crate) mode: u32,
}

/// One file of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// Relative to the backup.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// The digest of its content.
    pub(crate) digest: Digest,
    /// The rights that it has in the data directory; in the backup only its owner has any.
    pub(crate) mode: u32,
}

impl Manifest {
    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// There is none, or it is of another form.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST_FILE);
        let failed = |error: &dyn std::error::Error| {
            Failure::usage(format!("{} is not a backup", folder.display()))
                .because(error)
                .hint("Name a folder that `akao backup` made.")
        };
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text));
        read.map_err(|error| failed(&error))?;
        let manifest: Self = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        if manifest.akao_backup != FORM {
            let message = format!("the backup has the form {}; this version reads {FORM}", manifest.akao_backup);
            return Err(Failure::usage(message).hint("Restore it with the version of Akao that made it."));
        }
        let folders = manifest.folders.iter().map(|folder| &folder.path);
        match manifest.files.iter().map(|file| &file.path).chain(folders).find(|path| !is_inside(Path::new(path))) {
            None => Ok(manifest),
            Some(path) => Err(Failure::usage(format!("the backup names `{path}`, which is outside of it"))),
        }
    }

    /// The file of that name.
    pub(crate) fn file(&self, path: &str) -> Option<&Copied> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Holds every file against its digest.
    ///
    /// # Errors
    /// One is missing, or another than was written.
    pub(crate) fn verify(&self, folder: &Path) -> Result<(), Failure> {
        for file in &self.files {
            let path = folder.join(&file.path);
            let damaged = || {
                Failure::new(
                    "damaged",
                    crate::exit::Exit::Failure,
                    format!("{} is not what was backed up", path.display()),
                )
                .hint("Use another backup; nothing was restored.")
            };
            let opened = fs::symlink_metadata(&path).and_then(|found| {
                if found.is_file() { File::open(&path) } else { Err(io::ErrorKind::InvalidInput.into()) }
            });
            let mut opened = opened.map_err(|error| damaged().because(&error))?;
            let (bytes, digest) = pour(&mut opened, &mut io::sink()).map_err(|error| damaged().because(&error))?;
            if (bytes, digest) != (file.bytes, file.digest) {
                return Err(damaged());
            }
        }
        Ok(())
    }
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_))) && path.components().next().is_some()
}

/// Copies to the end; says how many bytes, and their digest.
fn pour(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, Digest)> {
    let (mut hasher, mut chunk, mut bytes) = (Sha256::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok((bytes, Digest::from_bytes(hasher.finalize().into())));
        }
        hasher.update(&chunk[..count]);
        to.write_all(&chunk[..count])?;
        bytes += count as u64;
    }
}

/// Makes a folder that only its owner can enter, with those above it.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A new file that only its owner can read, whatever a backup is copied to later.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Copies one file, durably, into `folder` under the name `path`, with these rights; says which ones the original has.
///
/// # Errors
/// It cannot be read or written.
pub(crate) fn copy(from: &Path, folder: &Path, path: &str, mode: u32) -> io::Result<Copied> {
    let mut source = File::open(from)?;
    let own = source.metadata()?.permissions().mode() & 0o777;
    let target = folder.join(path);
    if let Some(above) = target.parent() {
        make_folder(above)?;
    }
    let mut file = new_file(&target)?;
    let (bytes, digest) = pour(&mut source, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    file.sync_all()?;
    Ok(Copied { path: path.to_owned(), bytes, digest, mode: own })
}

/// What is in `folder` under the name `path` already.
///
/// # Errors
/// It cannot be read.
pub(crate) fn of_file(folder: &Path, path: &str) -> io::Result<Copied> {
    let (bytes, digest) = pour(&mut File::open(folder.join(path))?, &mut io::sink())?;
    Ok(Copied { path: path.to_owned(), bytes, digest, mode: PRIVATE })
}

/// Every file of the data directory that is copied as it is, relative to it, and every folder; both sorted.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn plain_files(data: &Path) -> io::Result<(Vec<String>, Vec<Folder>)> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    let mut left: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    while let Some(relative) = left.pop() {
        let Some(name) = relative.to_str().map(str::to_owned) else { continue };
        // A package that comes or goes is none yet, or none any more.
        let is_made = relative.file_name().is_some_and(|last| last.as_encoded_bytes().starts_with(MAKING));
        if LEFT_OUT.contains(&name.as_str()) || name.starts_with(PASSING) || is_made {
            continue;
        }
        let kind = match fs::symlink_metadata(data.join(&relative)) {
            Ok(kind) => kind,
            // Taken away since it was listed, as a collector does.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if kind.is_dir() {
            let entries = match fs::read_dir(data.join(&relative)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                left.push(relative.join(entry?.file_name()));
            }
            folders.push(Folder { path: name, mode: kind.permissions().mode() & 0o777 });
        } else if kind.is_file() {
            found.push(name);
        }
    }
    found.sort();
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((found, folders))
}

/// Syncs every folder below and including this one.
///
/// # Errors
/// One cannot be synced.
pub(crate) fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Makes a folder beside another one, in which something is made before it gets its place. Its name is nobody else's.
pub(crate) fn staging(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: io::Error| {
        Failure::storage(format!("no folder can be made beside {}", folder.display()))
            .because(&error)
            .hint("Check the disk and the permissions.")
    };
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    // A number at random, and the folder is refused where it is there all the same.
    name.push(format!(".partial-{:016x}", wiring::entropy()? >> 64));
    let staging = folder.with_file_name(name);
    if let Some(above) = staging.parent() {
        make_folder(above).map_err(failed)?;
    }
    fs::DirBuilder::new().mode(0o700).create(&staging).map_err(failed)?;
    Ok(staging)
}

/// Takes away what was being made, as far as the disk lets that be done: the error that led here is the one that is told.
pub(crate) fn abandon(staging: &Path) {
    // Keys first, whatever becomes of the rest.
    for file in [KEY_FILE, KEYS_FILE] {
        let _ = fs::remove_file(staging.join(file));
    }
    let _ = open_folders(staging);
    let _ = fs::remove_dir_all(staging);
}

/// Lets the owner take something out of every folder: those of packages are sealed.
fn open_folders(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether nothing is there, or an empty folder.
///
/// # Errors
/// It cannot be read.
pub(crate) fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
