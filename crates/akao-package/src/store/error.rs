//! Why a package cannot be stored, read or removed.

use crate::ArchiveError;
use akao_contract::Digest;
use akao_manifest::{DigestError, FolderError};
use rustix::io::Errno;
use std::{io, path::Path, path::PathBuf};

/// Why a package cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is no package.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The archive is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The folder has no digest.
    #[error("`{}` cannot be pinned", .folder.display())]
    Digest {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: DigestError,
    },
    /// The folder was changed while it was copied.
    #[error("`{}` was changed while it was copied", .folder.display())]
    Changed {
        /// The folder.
        folder: PathBuf,
    },
    /// What is stored is not what its name says.
    #[error("`{}` is damaged: its content has the digest {found}", .folder.display())]
    Damaged {
        /// The folder in the store.
        folder: PathBuf,
        /// The digest of what is there.
        found: Digest,
    },
    /// Nothing of this digest is stored.
    #[error("the package {0} is not stored here")]
    Absent(Digest),
    /// There is no room for it.
    #[error("there is no room for `{}`, which needs {bytes} bytes", .path.display())]
    Full {
        /// What was to be stored, or where.
        path: PathBuf,
        /// The bytes of its files.
        bytes: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system refused.
    #[error("`{}` cannot be written", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Folder(error) => error.suggestion(),
            Self::Archive(error) => error.suggestion().to_owned(),
            Self::Digest { .. } => "A node's folder holds files and folders only, within its limits.".to_owned(),
            Self::Changed { .. } => "Try again when nothing writes into the folder.".to_owned(),
            Self::Damaged { folder, .. } => {
                let folder = folder.display();
                format!(
                    "Remove it (`chmod -R u+w {folder}`, then `rm -r {folder}`); it is stored again when it is used."
                )
            }
            Self::Absent(_) => "Start the workflow from its file again, which stores what it uses.".to_owned(),
            Self::Full { .. } => "Free space for the data directory, or raise its quota, and try again.".to_owned(),
            Self::Io { .. } => "Check free space and the permissions of the data directory.".to_owned(),
        }
    }

    /// Tells a full disk from other failures.
    pub(super) fn writing(path: &Path, bytes: u64, source: io::Error) -> Self {
        let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(|errno| errno.raw_os_error());
        let path = path.to_owned();
        match source.raw_os_error() {
            Some(number) if full.contains(&number) => Self::Full { path, bytes, source },
            _ => Self::Io { path, source },
        }
    }
}
