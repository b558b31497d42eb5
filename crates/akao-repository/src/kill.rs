//! The kill list: versions that a repository says must not run, also where they are installed already.

use akao_contract::{
    Digest,
    manifest::{PackageId, is_forbidden_by},
};
use jiff::Timestamp;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// The list's name as a target of the repository.
pub(crate) const KILL_LIST: &str = "kill-list.json";

/// Largest list, in bytes.
pub const KILL_LIST_BYTES_MAX: u64 = 4 << 20;

/// The format of the list.
const FORMAT: u32 = 1;

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KillListError {
    /// It is not what a list holds.
    #[error("the kill list cannot be read")]
    Json(#[from] serde_json::Error),
    /// It was written by a later version.
    #[error("the kill list has the format {0}, and this version reads {FORMAT}")]
    Format(u32),
}

/// What must not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KillList {
    format: u32,
    entries: Vec<Kill>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    /// The package.
    pub id: PackageId,
    /// Which of its versions.
    pub versions: VersionReq,
    /// Only the archive with this digest, if one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

impl Default for KillList {
    fn default() -> Self {
        Self { format: FORMAT, entries: Vec::new() }
    }
}

impl KillList {
    /// The entries, oldest first.
    pub fn entries(&self) -> &[Kill] {
        &self.entries
    }

    /// The entry that forbids a version, if one does. The digest is that of the archive.
    pub fn forbids(&self, id: &PackageId, version: &Version, digest: &Digest) -> Option<&Kill> {
        self.entries.iter().find(|kill| {
            kill.id == *id
                && is_forbidden_by(&kill.versions, version)
                && kill.digest.is_none_or(|named| named == *digest)
        })
    }

    pub(crate) fn add(&mut self, kill: Kill) {
        self.entries.push(kill);
    }

    pub(crate) fn lift(&mut self, id: &PackageId) -> usize {
        let before = self.entries.len();
        self.entries.retain(|kill| kill.id != *id);
        before - self.entries.len()
    }

    /// The list as it is stored.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KillListError> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Reads a list as it is stored.
    ///
    /// # Errors
    /// It is none, or of a later format.
    pub fn read(bytes: &[u8]) -> Result<Self, KillListError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(bytes)?;
        if head.format != FORMAT {
            return Err(KillListError::Format(head.format));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_forbids_by_range_and_by_digest() {
        let mut list = KillList::default();
        let (id, bad) = ("com.example.enrich".parse::<PackageId>().unwrap(), Digest::of(b"bad"));
        let kill = |versions: &str, digest| Kill {
            id: id.clone(),
            versions: versions.parse().unwrap(),
            digest,
            reason: "steals".into(),
            at: Timestamp::UNIX_EPOCH,
        };
        list.add(kill("<1.2", None));
        list.add(kill("=2.0.0", Some(bad)));
        let list = KillList::read(&list.to_bytes().unwrap()).unwrap();
        let other = Digest::of(b"other");
        for (version, digest, forbidden) in [
            ("1.1.9", &other, true),
            ("1.1.9-beta.1", &other, true),
            ("1.2.0", &other, false),
            ("2.0.0", &bad, true),
            ("2.0.0", &other, false),
        ] {
            assert_eq!(list.forbids(&id, &version.parse().unwrap(), digest).is_some(), forbidden, "{version}");
        }
        assert!(list.forbids(&"com.example.other".parse().unwrap(), &Version::new(1, 0, 0), &bad).is_none());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error() {
        assert!(matches!(KillList::read(br#"{"format":9}"#), Err(KillListError::Format(9))));
        assert!(matches!(KillList::read(b"[]"), Err(KillListError::Json(_))));
    }
}
