//! A repository from the side of who installs: metadata followed from a trusted root, then index, kill list and archives,
//! each held against what was signed.
//!
//! `tough` follows the specification; what stands beside it here is time given by the caller, state that survives a crash,
//! the newest root remembered, the mark of the repository, and bounds for everything that arrives.

mod download;
mod error;
mod open;
mod state;
mod transport;

pub use download::Downloaded;
pub use error::{DownloadError, OpenError};
pub use open::offered_root;
pub use state::{Cached, cached};

use crate::{
    fetch::Fetch,
    index::Index,
    kill::KillList,
    metadata::{Identity, RoleName},
};
use akao_contract::Digest;
use jiff::Timestamp;
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

/// Bounds for what a repository may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest root, timestamp or snapshot, in bytes.
    pub role_bytes_max: u64,
    /// Largest list of targets, in bytes. It names parts of the index, not packages.
    pub targets_bytes_max: u64,
    /// Largest archive, in bytes.
    pub archive_bytes_max: u64,
    /// Time for one file of metadata or one part of the index.
    pub file_timeout: Duration,
    /// Longest wait for the next bytes of an archive.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            role_bytes_max: 256 << 10,
            targets_bytes_max: 1 << 20,
            archive_bytes_max: 1 << 30,
            file_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// The root that the operator trusts: what everything else is followed from.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedRoot(Vec<u8>);

impl TrustedRoot {
    /// A root's file as it was handed over.
    pub fn new(file: Vec<u8>) -> Self {
        Self(file)
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What people compare before they trust it: the SHA-256 of the file.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedRoot({})", self.fingerprint())
    }
}

/// How to reach a repository.
#[derive(Clone)]
pub struct Access {
    /// Where its files come from.
    pub fetch: Arc<dyn Fetch>,
    /// What it is trusted by.
    pub root: TrustedRoot,
    /// A folder of this repository alone, in which is kept what was seen last. Without it an attacker could show yesterday's
    /// repository again.
    pub state: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

/// A repository as it was at the moment of opening.
pub struct Repository {
    identity: Identity,
    access: Access,
    index: Index,
    kill: KillList,
    expires: [(RoleName, Timestamp); 4],
    /// The metadata as it arrived, by name, for mirrors.
    metadata: BTreeMap<String, Vec<u8>>,
    /// The parts of the index and the kill list as stored, by name.
    parts: BTreeMap<String, Vec<u8>>,
    version: u64,
    root: tough::schema::Root,
}

impl Repository {
    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its packages.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What it says must not run.
    pub fn kill_list(&self) -> &KillList {
        &self.kill
    }

    /// Until when this view may be used.
    pub fn valid_until(&self) -> Timestamp {
        self.expires.iter().map(|(_, expires)| *expires).min().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The timestamp's version: it rises with every change and every refresh.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn metadata(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.metadata
    }

    pub(crate) fn parts(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.parts
    }

    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), (RoleName, Timestamp)> {
        self.expires.iter().find(|(_, expires)| *expires < now).map_or(Ok(()), |expired| Err(*expired))
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({} at {}, version {})", self.identity.name, self.access.fetch.place(), self.version)
    }
}
