//! The digest of a folder's content, by which a node folder is pinned when an execution starts: the walk. What is digested
//! is in `list.rs`. Nothing is left out: what a node can read is what is pinned.
//!
//! Links are refused, because what they lead to is not in the folder; so are devices, pipes, sockets, and names that are
//! not plain text. Each entry is opened without following links, and what it is gets decided on the open descriptor.

use crate::list::{FolderEntry, FolderList};
use akao_contract::Digest;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What a folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderLimits {
    /// Most files and folders.
    pub entries_max: usize,
    /// Most bytes of all files together.
    pub bytes_max: u64,
    /// Deepest folder below the first.
    pub depth_max: usize,
}

impl Default for FolderLimits {
    fn default() -> Self {
        Self { entries_max: 20_000, bytes_max: 512 * 1024 * 1024, depth_max: 32 }
    }
}

/// A folder's digest and what it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderDigest {
    /// The digest.
    pub digest: Digest,
    /// Files and folders below the first.
    pub entries: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Why a folder has no digest. Paths are relative to it.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Something that is neither a file nor a folder.
    #[error("`{path}` is {kind}; a node's folder holds files and folders only")]
    Kind {
        /// Where.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A name that is not plain text.
    #[error("`{path}` has a name that is not plain text")]
    Name {
        /// The name, as far as it can be shown.
        path: String,
    },
    /// More than the limits allow.
    #[error("the folder has more than {limit}")]
    TooMuch {
        /// The bound, such as `20000 files and folders`.
        limit: String,
    },
    /// A file that was written to while it was read.
    #[error("`{path}` changed while it was read")]
    Changed {
        /// Where.
        path: String,
    },
    /// The system refused.
    #[error("`{path}` cannot be read")]
    Io {
        /// Where; `.` for the folder itself.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl DigestError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Kind { kind: "a link", .. } => "Replace the link by what it leads to.",
            Self::Kind { .. } => "Remove it.",
            Self::Name { .. } => "Rename it in UTF-8 without control characters.",
            Self::TooMuch { .. } => "Keep in the folder only what the node needs when it runs.",
            Self::Changed { .. } => "Let the build end before the workflow starts.",
            Self::Io { .. } => "Check the folder's permissions.",
        }
    }
}

/// The digest of everything in a folder.
///
/// # Errors
/// Something in it cannot be part of a node, cannot be read, or is more than the limits allow.
pub fn digest_folder(folder: &Path, limits: &FolderLimits) -> Result<FolderDigest, DigestError> {
    Ok(list_folder(folder, limits, &mut |_, _| true)?.digest())
}

/// Everything in a folder that `keep` wants, which is given a path below it and whether that is a folder. What is not wanted
/// is not opened, and may be of any kind.
///
/// # Errors
/// Something that is wanted cannot be part of a node, cannot be read, or is more than the limits allow.
pub fn list_folder(
    folder: &Path,
    limits: &FolderLimits,
    keep: &mut dyn FnMut(&str, bool) -> bool,
) -> Result<FolderList, DigestError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| io(".", errno))?;
    let mut walk = Walk { limits, keep, entries: Vec::new(), bytes: 0 };
    // A stack instead of recursion; each folder is opened from its parent, whose descriptor is kept that long.
    let mut open = vec![Open { names: walk.names(&root, "")?, folder: root, path: String::new() }];
    while let Some(top) = open.last_mut() {
        let Some(name) = top.names.pop() else {
            open.pop();
            continue;
        };
        let path = if top.path.is_empty() { name.clone() } else { format!("{}/{name}", top.path) };
        if let Some(folder) = walk.entry(top.folder.as_fd(), &name, &path)? {
            if open.len() > limits.depth_max {
                return Err(DigestError::TooMuch { limit: format!("{} levels of folders", limits.depth_max) });
            }
            open.push(Open { names: walk.names(&folder, &path)?, folder, path });
        }
    }
    Ok(FolderList::new(walk.entries))
}

/// A folder whose entries are being read.
struct Open {
    folder: OwnedFd,
    path: String,
    names: Vec<String>,
}

struct Walk<'a> {
    limits: &'a FolderLimits,
    keep: &'a mut dyn FnMut(&str, bool) -> bool,
    entries: Vec<FolderEntry>,
    bytes: u64,
}

impl Walk<'_> {
    /// The names in a folder, which count as soon as they are seen.
    fn names(&self, folder: &OwnedFd, path: &str) -> Result<Vec<String>, DigestError> {
        let at = if path.is_empty() { "." } else { path };
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(|errno| io(at, errno))? {
            let entry = entry.map_err(|errno| io(at, errno))?;
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            let plain = std::str::from_utf8(bytes).ok().filter(|name| !name.contains(char::is_control));
            let Some(name) = plain else {
                let shown: String = String::from_utf8_lossy(bytes)
                    .chars()
                    .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                    .collect();
                return Err(DigestError::Name {
                    path: if path.is_empty() { shown } else { format!("{path}/{shown}") },
                });
            };
            if self.entries.len() + names.len() >= self.limits.entries_max {
                return Err(DigestError::TooMuch { limit: format!("{} files and folders", self.limits.entries_max) });
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// Takes one entry in; gives the descriptor of a folder.
    fn entry(&mut self, parent: BorrowedFd<'_>, name: &str, path: &str) -> Result<Option<OwnedFd>, DigestError> {
        // Asked before opening, since opening a device or a pipe may do something.
        let seen = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| io(path, errno))?;
        if !(self.keep)(path, FileType::from_raw_mode(seen.st_mode) == FileType::Directory) {
            return Ok(None);
        }
        if self.entries.len() >= self.limits.entries_max {
            return Err(DigestError::TooMuch { limit: format!("{} files and folders", self.limits.entries_max) });
        }
        refuse_kind(&seen, path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => DigestError::Kind { path: path.to_owned(), kind: "a link" },
            errno => io(path, errno),
        })?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| io(path, errno))?;
        refuse_kind(&stat, path)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            self.entries.push(FolderEntry::folder(path));
            return Ok(Some(file));
        }
        let (content, bytes) = self.content(file, path)?;
        if bytes != u64::try_from(stat.st_size).unwrap_or_default() {
            return Err(DigestError::Changed { path: path.to_owned() });
        }
        self.entries.push(FolderEntry::file(path, bytes, content, stat.st_mode & 0o111 != 0));
        Ok(None)
    }

    /// The digest of a file's bytes and how many they are.
    fn content(&mut self, file: OwnedFd, path: &str) -> Result<(Digest, u64), DigestError> {
        let mut file = std::fs::File::from(file);
        let (mut hasher, mut buffer, mut length) = (Sha256::new(), vec![0u8; 64 * 1024], 0u64);
        loop {
            let read = file.read(&mut buffer).map_err(|source| DigestError::Io { path: path.to_owned(), source })?;
            if read == 0 {
                return Ok((Digest::from_bytes(hasher.finalize().into()), length));
            }
            hasher.update(&buffer[..read]);
            length += read as u64;
            self.bytes += read as u64;
            if self.bytes > self.limits.bytes_max {
                return Err(DigestError::TooMuch { limit: format!("{} bytes", self.limits.bytes_max) });
            }
        }
    }
}

/// Refuses what is neither a file nor a folder, and files that change who runs them.
fn refuse_kind(stat: &Stat, path: &str) -> Result<(), DigestError> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => return Ok(()),
        FileType::RegularFile if stat.st_mode & 0o6000 == 0 => return Ok(()),
        FileType::RegularFile => "a file that runs as its owner",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    Err(DigestError::Kind { path: path.to_owned(), kind })
}

fn io(path: &str, errno: Errno) -> DigestError {
    DigestError::Io { path: path.to_owned(), source: errno.into() }
}
