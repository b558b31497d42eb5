//! A package's folder: its manifest, and whether what the manifest names is there.

use crate::read::check_bytes;
use crate::{DigestError, FolderDigest, FolderLimits, MANIFEST_BYTES_MAX, ManifestCode, Parsed, digest_folder};
use akao_contract::manifest::{MANIFEST_FILE, Manifest};
use akao_document::{Problem, Severity, suggest};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What `akao node init` calls the script that builds a package.
const BUILD_SCRIPT: &str = "build.sh";

/// A folder with a manifest that was read and found sound.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its manifest.
    pub parsed: Parsed,
    /// Warnings.
    pub problems: Vec<Problem>,
}

/// Why a folder is not a package.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Nothing is there, or it is not a folder.
    #[error("`{}` is not a folder", .0.display())]
    NoFolder(PathBuf),
    /// The folder has no manifest.
    #[error("`{}` has no `{}`", .path.display(), MANIFEST_FILE)]
    NoManifest {
        /// The folder.
        path: PathBuf,
        /// A file that may have been meant to be it.
        found: Option<String>,
    },
    /// The manifest has problems.
    #[error("`{}` is not valid{}", .path.join(MANIFEST_FILE).display(), first(.problems))]
    Invalid {
        /// The folder.
        path: PathBuf,
        /// The manifest's text, as far as it could be read, to show the places in.
        text: String,
        /// Every problem, in the order of the text.
        problems: Vec<Problem>,
    },
    /// The system refused.
    #[error("`{}` cannot be read", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The first problem with its place, and how many more there are.
fn first(problems: &[Problem]) -> String {
    let Some(problem) = problems.first() else { return String::new() };
    let more = match problems.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    format!(": {}:{}: {}{more}", problem.position.line, problem.position.column, problem.message)
}

impl FolderError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::NoFolder(_) => "Name a folder with a `_.yaml`; docs/manifest.md shows the shortest one.".to_owned(),
            Self::NoManifest { found: Some(found), .. } => format!("Rename `{found}` to `{MANIFEST_FILE}`."),
            Self::NoManifest { found: None, .. } => {
                "Write a `_.yaml`; docs/manifest.md shows the shortest one.".to_owned()
            }
            Self::Invalid { path, .. } => format!("Mend what `akao node validate {}` lists.", path.display()),
            Self::Io { .. } => "Check the permissions of the folder and its files.".to_owned(),
        }
    }
}

impl Folder {
    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.parsed.manifest
    }

    /// The digest of everything in the folder, within the default limits.
    ///
    /// # Errors
    /// See [`digest_folder`].
    pub fn digest(&self) -> Result<FolderDigest, DigestError> {
        digest_folder(&self.path, &FolderLimits::default())
    }
}

/// Reads a package's folder: its `_.yaml`, and whether the command is a file in the folder. No code of the package runs.
///
/// # Errors
/// There is no such folder, no manifest, the manifest is not sound, or the command is not there.
pub fn read_folder(path: &Path) -> Result<Folder, FolderError> {
    let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => FolderError::NoFolder(path.clone()),
        errno => FolderError::Io { path: path.clone(), source: errno.into() },
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(&path, flags, Mode::empty()).map_err(failed)?;
    let bytes = manifest_bytes(&root, &path)?;
    let (parsed, mut problems) = check_bytes(&bytes);
    if let Some(parsed) = &parsed {
        problems.extend(missing_command(&root, parsed));
        problems.sort_by_key(|problem| problem.position);
    }
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    match parsed.filter(|_| sound) {
        Some(parsed) => Ok(Folder { path, parsed, problems }),
        None => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Err(FolderError::Invalid { path, text, problems })
        }
    }
}

/// The bytes of the manifest, at most one more than there may be, so that reading them says that they are too many.
fn manifest_bytes(root: &OwnedFd, path: &Path) -> Result<Vec<u8>, FolderError> {
    let failed = |source: std::io::Error| FolderError::Io { path: path.join(MANIFEST_FILE), source };
    let file = match open_file(root, MANIFEST_FILE) {
        Ok((file, FileType::RegularFile, _)) => file,
        Ok(_) | Err(Errno::LOOP | Errno::INVAL) => return Err(failed(std::io::Error::other("it is not a file"))),
        Err(Errno::NOENT) => {
            let known = ["_.yml", "_.json", "manifest.yaml", "manifest.yml", "akao.yaml", "node.yaml", "package.yaml"];
            let there = |name: &&str| rustix::fs::statat(root, *name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
            let found = known.into_iter().find(there).map(str::to_owned);
            return Err(FolderError::NoManifest { path: path.to_owned(), found });
        }
        Err(errno) => return Err(failed(errno.into())),
    };
    let mut bytes = Vec::new();
    let bytes_max = MANIFEST_BYTES_MAX as u64 + 1;
    std::fs::File::from(file).take(bytes_max).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Opens an entry without following links, and says what it is and whether it may be executed.
fn open_file(folder: &OwnedFd, name: &str) -> rustix::io::Result<(OwnedFd, FileType, bool)> {
    let seen = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = FileType::from_raw_mode(seen.st_mode);
    if kind == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    if !matches!(kind, FileType::RegularFile | FileType::Directory) {
        return Err(Errno::INVAL);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    Ok((file, FileType::from_raw_mode(stat.st_mode), stat.st_mode & 0o111 != 0))
}

/// What is wrong with the command's file, if anything is.
fn missing_command(root: &OwnedFd, parsed: &Parsed) -> Option<Problem> {
    let runtime = &parsed.manifest.runtime;
    let command = &runtime.command;
    let (message, suggestion) = match find(root, command) {
        Ok((FileType::RegularFile, false)) if runtime.kind.starts_command() => {
            (format!("the command `{command}` is not executable"), format!("Make it so: `chmod +x {command}`."))
        }
        Ok((FileType::RegularFile, _)) => return None,
        Ok(_) => (format!("the command `{command}` is not a file"), "Name the file in it that is run.".to_owned()),
        Err(Errno::LOOP) => (
            format!("the command `{command}` is a link or behind one"),
            "Put the file itself into the folder.".to_owned(),
        ),
        Err(Errno::NOENT | Errno::NOTDIR) => {
            (format!("there is no file `{command}` in the folder"), missing_hint(root, command))
        }
        Err(errno) => (format!("the command `{command}` cannot be read: {errno}"), "Check its permissions.".to_owned()),
    };
    let code = ManifestCode::MissingCommand.code();
    Some(Problem {
        severity: code.severity,
        code: code.name.to_owned(),
        message: akao_contract::shortened(message, 500),
        position: parsed.command,
        path: "runtime.command".to_owned(),
        suggestion: Some(suggestion),
    })
}

/// What stands at a path below a folder, reached without following a link.
fn find(root: &OwnedFd, path: &str) -> rustix::io::Result<(FileType, bool)> {
    let mut folder: Option<OwnedFd> = None;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let (file, kind, executable) = open_file(folder.as_ref().unwrap_or(root), part)?;
        if parts.peek().is_none() {
            return Ok((kind, executable));
        }
        if kind != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        folder = Some(file);
    }
    Err(Errno::NOENT)
}

/// What was meant: a file beside of nearly the same name, or what the package's own `build.sh` makes.
fn missing_hint(root: &OwnedFd, command: &str) -> String {
    const NAMES_MAX: usize = 500;
    let names: Vec<String> = rustix::fs::Dir::read_from(root)
        .into_iter()
        .flatten()
        .take(NAMES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| !name.starts_with('.') && name != MANIFEST_FILE)
        .collect();
    match suggest::nearest(command, names.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean `./{near}`?"),
        None if matches!(find(root, BUILD_SCRIPT), Ok((FileType::RegularFile, _))) => {
            format!("Build it: run `./{BUILD_SCRIPT}` in the folder.")
        }
        None => "Build the package first, or name the file that is there.".to_owned(),
    }
}
