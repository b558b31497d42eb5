//! Why a repository is not believed, and what to do about it.

use crate::{fetch::FetchError, index::PartError, kill::KillListError, metadata::RoleName};
use akao_contract::{Digest, manifest::PackageId};
use jiff::Timestamp;
use semver::Version;
use std::{io, path::PathBuf};
use tough::error::Error as Tough;

/// Why a repository cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file did not arrive.
    #[error("the repository at {place} cannot be read")]
    Fetch {
        /// Where it was looked for.
        place: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// The root that was given is not one.
    #[error("the trusted root is not the root of a repository")]
    Root,
    /// Signed by keys that are not trusted.
    #[error("{role} is not signed by the keys that the root names")]
    Signature {
        /// Which role.
        role: String,
    },
    /// Older than what was seen before.
    #[error("{what} is older than what was seen before: a rollback")]
    Rollback {
        /// What.
        what: String,
    },
    /// No longer valid.
    #[error("{role} was valid until {expires}, and it is {now}")]
    Expired {
        /// Which role.
        role: RoleName,
        /// Until when.
        expires: Timestamp,
        /// The time that was given.
        now: Timestamp,
    },
    /// The clock went back, so that expiry would mean nothing.
    #[error("it is {now} by the clock, and this repository was opened at {seen} before")]
    Clock {
        /// The time that was given.
        now: Timestamp,
        /// The latest time before.
        seen: Timestamp,
    },
    /// Files that do not belong together.
    #[error("{what} is not the one that the metadata above names: mixed versions")]
    Mixed {
        /// What.
        what: String,
    },
    /// Bytes that are not the signed ones.
    #[error("{what} is not what was signed")]
    Tampered {
        /// What.
        what: String,
    },
    /// Metadata of another repository that the same keys sign.
    #[error("{what} belongs to another repository")]
    Foreign {
        /// What.
        what: String,
    },
    /// Metadata that cannot be read.
    #[error("{what} cannot be read: {reason}")]
    Malformed {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// A part of the index.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The kill list.
    #[error(transparent)]
    KillList(#[from] KillListError),
    /// What was seen before cannot be kept.
    #[error("`{}` cannot be read or written", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Fetch { .. } => "Check the place and the network.",
            Self::Root => "Give the file `metadata/1.root.json` that the repository's owner handed over.",
            Self::Signature { .. } | Self::Foreign { .. } => {
                "Install nothing from it; ask the repository's owner, by another way, whether its keys changed."
            }
            Self::Rollback { .. } | Self::Mixed { .. } | Self::Tampered { .. } => {
                "Try another mirror; if it stays so, tell the repository's owner."
            }
            Self::Expired { .. } => {
                "Its owner has to refresh it; a mirror has to be copied again. Check this machine's clock too."
            }
            Self::Clock { .. } => "Set this machine's clock.",
            Self::Malformed { .. } | Self::Part(_) | Self::KillList(_) => {
                "Update Akao; if it stays so, tell the repository's owner."
            }
            Self::State { .. } => "Check free space and the permissions of the data directory.",
        }
    }

    /// What `tough` found, in our words.
    pub(super) fn of(error: Tough, failed: Option<FetchError>, place: &str) -> Self {
        let role = |role: &dyn std::fmt::Display| role.to_string();
        match error {
            Tough::ParseTrustedMetadata { .. } | Tough::VerifyTrustedMetadata { .. } => Self::Root,
            Tough::VerifyMetadata { role: which, .. } => Self::Signature { role: role(&which) },
            Tough::OlderMetadata { role: which, .. } => Self::Rollback { what: role(&which) },
            Tough::OlderSnapshotInTimestamp { .. } | Tough::SnapshotRoleMissing { .. } => {
                Self::Rollback { what: "snapshot".to_owned() }
            }
            Tough::SnapshotRoleRollback { role: which, .. } => Self::Rollback { what: which },
            Tough::VersionMismatch { role: which, .. } => Self::Mixed { what: role(&which) },
            Tough::ParseMetadata { role: which, source, .. } => {
                Self::Malformed { what: role(&which), reason: source.to_string() }
            }
            Tough::Transport { url, source, .. } => Self::transport(url.path(), &source, failed, place),
            error => Self::Malformed { what: "metadata".to_owned(), reason: error.to_string() },
        }
    }

    /// A file that did not arrive, or arrived with other bytes than were named.
    pub(super) fn transport(
        path: &str,
        error: &tough::TransportError,
        failed: Option<FetchError>,
        place: &str,
    ) -> Self {
        let what = path.rsplit('/').next().unwrap_or_default().to_owned();
        let cause = std::error::Error::source(error);
        if let Some(fetch) = cause.and_then(|cause| cause.downcast_ref::<FetchError>()) {
            return Self::Fetch { place: place.to_owned(), source: fetch.clone() };
        }
        match cause.and_then(|cause| cause.downcast_ref::<Tough>()) {
            Some(Tough::HashMismatch { .. } | Tough::MaxSizeExceeded { .. }) => Self::Tampered { what },
            _ => {
                let reason = error.to_string();
                let source = failed.unwrap_or(FetchError::Failed { name: what, reason });
                Self::Fetch { place: place.to_owned(), source }
            }
        }
    }
}

/// Why an archive cannot be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The index has no such version.
    #[error("there is no {id} {version} in this repository")]
    Unknown {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
    },
    /// The kill list forbids it.
    #[error("{id} {version} is on the kill list: {reason}")]
    Killed {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
        /// Why.
        reason: String,
    },
    /// The view of the repository is no longer valid.
    #[error("{role} was valid until {expires}, and it is {now}")]
    Expired {
        /// Which role.
        role: RoleName,
        /// Until when.
        expires: Timestamp,
        /// The time that was given.
        now: Timestamp,
    },
    /// It did not arrive.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is larger than this client takes.
    #[error("{name} has {bytes} bytes, more than the {bytes_max} that are taken")]
    Large {
        /// The file.
        name: String,
        /// How many it has.
        bytes: u64,
        /// How many are taken.
        bytes_max: u64,
    },
    /// Other bytes than the index names.
    #[error("{name} is not what the index names: {found} instead of {expected}")]
    Tampered {
        /// The file.
        name: String,
        /// The digest in the index.
        expected: Digest,
        /// What arrived: a digest, or how it differs in length.
        found: String,
    },
    /// It cannot be written.
    #[error("`{}` cannot be written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl DownloadError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "Search the repository for the id.",
            Self::Killed { .. } => "Do not use it; look for a later version.",
            Self::Expired { .. } => "Open the repository again.",
            Self::Fetch(_) => "Check the place and the network, and try again.",
            Self::Large { .. } => "Raise the largest size of an archive if you expect one like this.",
            Self::Tampered { .. } => "Try another mirror; if it stays so, tell the repository's owner.",
            Self::Io { .. } => "Check free space and the permissions of the folder.",
        }
    }
}
