//! A repository as a folder, from the side of who publishes: `metadata/` and `targets/`, changed in one step.
//!
//! Every change writes new files beside the old ones and the timestamp last. A crash before that leaves the repository as
//! it was; the files that nothing names are overwritten or swept later. A lock keeps two publishers apart.

mod change;
mod current;
mod disk;
mod publish;

pub use change::{Cleared, Deprecation, Refreshed};
pub(crate) use current::{content_of, stored_name};
pub(crate) use disk::{set_readable, write_whole};
pub use publish::{ARCHIVE_BYTES_MAX, Publication, Published, SIGNATURE_BYTES_MAX};
pub(crate) use publish::{archive_name, signature_name};

use crate::{
    index::{Index, PartError},
    key::SigningKey,
    kill::{KillList, KillListError},
    metadata::{self, Identity, Kind, Roles, SignError},
    record::RecordError,
};
use akao_contract::{Digest, manifest::PackageId};
use current::Current;
use jiff::Timestamp;
use semver::Version;
use std::{
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

/// The folder of metadata in a repository.
pub(crate) const METADATA: &str = "metadata";

/// The folder of archives, signatures and parts of the index in a repository.
pub(crate) const TARGETS: &str = "targets";

/// A repository in a folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
    /// Writes until the process is thought to be killed.
    #[cfg(test)]
    writes_left: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

/// Why a repository in a folder cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is a repository already.
    #[error("`{}` holds a repository already", .0.display())]
    Exists(PathBuf),
    /// There is no repository.
    #[error("`{}` holds no repository", .0.display())]
    Absent(PathBuf),
    /// A name or reason that says nothing, or that is more than a line of text.
    #[error("{0} is empty, longer than 1000 characters, or not a single line of plain text")]
    Text(&'static str),
    /// What is in the folder does not fit together.
    #[error("the repository in `{}` is damaged: {reason}", .dir.display())]
    Damaged {
        /// The repository.
        dir: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A part of the index.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The kill list.
    #[error(transparent)]
    KillList(#[from] KillListError),
    /// The manifest cannot be published.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The metadata cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A version with other bytes.
    #[error("{id} {version} is published already, as {published}; these bytes are {given}")]
    Immutable {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
        /// The digest of what is published.
        published: Digest,
        /// The digest of what was given.
        given: Digest,
    },
    /// An id of a deleted package.
    #[error("{0} was deleted, and its id is never given again")]
    Deleted(PackageId),
    /// Another publisher's package.
    #[error("{id} belongs to the publisher {owner}, and this version is signed by {given}")]
    Publisher {
        /// The package.
        id: PackageId,
        /// Fingerprint of its publisher.
        owner: Digest,
        /// Fingerprint of the key that signed.
        given: Digest,
    },
    /// No such package or version.
    #[error("there is no {0} in this repository")]
    Unknown(String),
    /// An archive or signature that is too large or empty.
    #[error("{what} has {bytes} bytes; it must have between 1 and {max}")]
    Size {
        /// Which.
        what: &'static str,
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
    /// A part of the index or a kill list that no client would take.
    #[error("{what} would have {bytes} bytes; clients take at most {max}")]
    Grown {
        /// Which.
        what: String,
        /// How many it would have.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
    /// The system refused.
    #[error("`{}` cannot be read or written", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No randomness for the repository's mark.
    #[error("the system gives no random bytes")]
    Random,
}

impl FolderError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Exists(_) => "Name another folder, or publish into this repository.",
            Self::Absent(_) => "Make a repository in the folder first.",
            Self::Text(_) => "Write a sentence that says why.",
            Self::Damaged { .. } | Self::Part(_) | Self::KillList(_) => "Restore the folder from a copy or a mirror.",
            Self::Record(_) => "Correct the manifest and pack again.",
            Self::Sign(SignError::Keys(_)) => "Give the keys that the repository's root names for this role.",
            Self::Sign(_) => "Check the keys and thresholds of the roles.",
            Self::Immutable { .. } => "Versions never change; raise the version and publish that.",
            Self::Deleted(_) => "Publish under another id.",
            Self::Publisher { .. } => {
                "Sign with the publisher's key, or let the repository's owner accept the new key."
            }
            Self::Unknown(_) => "Search the repository for the id.",
            Self::Size { .. } => "Leave out what is not part of the package.",
            Self::Grown { .. } => "Lift what need not be on the kill list any more, or publish in a second repository.",
            Self::Io { .. } => "Check free space and the permissions of the folder.",
            Self::Random => "Try again when the system has started completely.",
        }
    }
}

/// What a new repository is.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Its name for people.
    pub name: String,
    /// How it is offered.
    pub kind: Kind,
    /// Who may sign what.
    pub roles: Roles,
}

impl Folder {
    /// The repository that is or will be in a folder.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            #[cfg(test)]
            writes_left: std::sync::Arc::new(usize::MAX.into()),
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes an empty repository. `keys` must suffice for every role. The answer holds the root that clients are given.
    ///
    /// # Errors
    /// There is one already, the keys do not suffice, or the disk refuses.
    pub fn init(&self, new: &NewRepository, keys: &[SigningKey], now: Timestamp) -> Result<Vec<u8>, FolderError> {
        checked_text("the name", &new.name)?;
        let _lock = self.lock()?;
        if self.metadata("1.root.json").exists() {
            return Err(FolderError::Exists(self.dir.clone()));
        }
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|_| FolderError::Random)?;
        let repository = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let identity = Identity { repository, name: new.name.clone(), kind: new.kind };
        let root = metadata::root(&identity, &new.roles, NonZeroU64::MIN, now)?;
        let signed = metadata::sign_root(root.clone(), None, keys)?;
        // The root is written last: a folder without one holds no repository, so that a crash can be repeated.
        self.commit(Current::empty(root, identity), keys, now)?;
        self.write(METADATA, "1.root.json", signed.buffer())?;
        Ok(signed.buffer().clone())
    }

    /// The root that clients are given: the first one, from which they follow to the newest.
    ///
    /// # Errors
    /// There is no repository.
    pub fn first_root(&self) -> Result<Vec<u8>, FolderError> {
        self.read(METADATA, "1.root.json")
    }

    /// The timestamp as it stands: another one means that something changed.
    pub(crate) fn timestamp(&self) -> Result<Vec<u8>, FolderError> {
        self.read(METADATA, "timestamp.json")
    }

    /// Who the repository says it is.
    ///
    /// # Errors
    /// There is no repository, or it is damaged.
    pub fn identity(&self) -> Result<Identity, FolderError> {
        Ok(self.current()?.identity)
    }

    /// Which keys may sign for which role, by its newest root.
    ///
    /// # Errors
    /// There is no repository, or it is damaged.
    pub fn roles(&self) -> Result<Roles, FolderError> {
        metadata::roles(&self.current()?.root)
            .ok_or_else(|| self.damaged("its root names a key of another kind".to_owned()))
    }

    /// Its packages and its kill list, held against the signatures.
    ///
    /// # Errors
    /// There is no repository, or it is damaged.
    pub fn contents(&self) -> Result<(Index, KillList), FolderError> {
        let current = self.current()?;
        Ok((current.index, current.kill))
    }
}

/// A text that people will read, on one line: in a table or an error of theirs it must not look like one of the program's.
fn checked_text(what: &'static str, text: &str) -> Result<(), FolderError> {
    const TEXT_CHARACTERS_MAX: usize = 1_000;
    let shown = text.trim();
    let steers = text.contains(akao_contract::steers_terminal);
    match steers || shown.is_empty() || shown.chars().count() > TEXT_CHARACTERS_MAX {
        true => Err(FolderError::Text(what)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
