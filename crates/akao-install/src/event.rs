//! What happened, as plain data: who keeps an audit writes it down.

use crate::InstalledSource;
use akao_contract::{Digest, Permission, manifest::PackageId};
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

/// Something that was done to a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The package.
    pub id: PackageId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A version was installed.
    Installed {
        /// The version.
        version: Version,
        /// Its content.
        content: Digest,
        /// The fingerprint of the key that had signed it.
        publisher: Option<Digest>,
        /// Where it came from.
        source: InstalledSource,
    },
    /// The content of an installed version was damaged or missing in the store, and is there again.
    Repaired {
        /// The version.
        version: Version,
        /// Its content.
        content: Digest,
    },
    /// Permissions were granted to a version.
    Granted {
        /// The version.
        version: Version,
        /// Its content.
        content: Digest,
        /// What was granted that was not before.
        grants: Vec<Permission>,
    },
    /// Another version became the active one.
    Activated {
        /// The version.
        version: Version,
        /// The one before.
        from: Option<Version>,
        /// Whether it is a return to an earlier one.
        rollback: bool,
    },
    /// The package was pinned to the key that was seen first.
    Pinned {
        /// The key's fingerprint.
        key: Digest,
    },
    /// The package, or one version of it, was removed.
    Uninstalled {
        /// The versions.
        versions: Vec<Version>,
        /// Whether something still used it.
        forced: bool,
    },
    /// The package was disabled.
    Disabled {
        /// Why.
        reason: String,
    },
    /// The package was enabled again.
    Enabled,
    /// A version must not run any more.
    Blocked {
        /// The version.
        version: Version,
        /// Why.
        reason: String,
    },
    /// A version may run again.
    Unblocked {
        /// The version.
        version: Version,
    },
}

impl Event {
    pub(crate) fn new(at: Timestamp, id: &PackageId, what: What) -> Self {
        Self { at, id: id.clone(), what }
    }
}
