//! The kill list: packages that must neither be installed nor run, signed by a key that the policy names. Its number only
//! rises, so that an old list does not come back.

use crate::signature::{Purpose, Signature, SignatureError, sign_bytes};
use crate::{KeyError, PublicKey, SecretKey};
use akao_contract::{
    Digest,
    manifest::{PackageId, is_forbidden_by},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the signature's purpose calls it.
const DOCUMENT: &str = "kill-list";

/// Longest list, in bytes.
pub const KILL_LIST_BYTES_MAX: usize = 4 << 20;

/// Packages that must not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillList {
    akao_kill_list: u32,
    /// Which list it is; a later one has a higher number.
    pub number: u64,
    /// When it was made.
    pub issued: Timestamp,
    /// What is on it.
    pub entries: Vec<KillEntry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillEntry {
    /// What it is about.
    pub target: KillTarget,
    /// Why, for people.
    pub reason: String,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KillTarget {
    /// An archive or a content, by its digest.
    Digest(Digest),
    /// Versions of a package, such as `<1.2.3`; `*` for all.
    Versions {
        /// The package.
        id: PackageId,
        /// Which versions.
        versions: semver::VersionReq,
    },
}

/// Why a list is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KillError {
    /// Not of this form.
    #[error("it is not a kill list: {0}")]
    Form(String),
    /// No key of the policy has signed it.
    #[error("no key that may sign kill lists has signed it")]
    Unsigned,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature(#[source] SignatureError),
    /// An older one than is known.
    #[error("it is number {found}, and number {known} is known")]
    Older {
        /// Its number.
        found: u64,
        /// The number of the last one that was taken.
        known: u64,
    },
}

impl KillList {
    /// A list.
    pub fn new(number: u64, issued: Timestamp, entries: Vec<KillEntry>) -> Self {
        Self { akao_kill_list: 1, number, issued, entries }
    }

    /// The list as it is sent, with its signature.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn sign(&self, key: &SecretKey) -> Result<(String, Signature), KeyError> {
        // Texts and numbers alone: nothing can fail.
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        let signature = sign_bytes(text.as_bytes(), &Purpose::document(DOCUMENT, text.as_bytes()), key)?;
        Ok((text, signature))
    }

    /// Takes a list that one of the keys has signed and that is not older than number `known`.
    ///
    /// # Errors
    /// It is not, or it has another form.
    pub fn open(text: &str, signature: &Signature, keys: &[PublicKey], known: u64) -> Result<Self, KillError> {
        if text.len() > KILL_LIST_BYTES_MAX {
            return Err(KillError::Form(format!("it has more than {KILL_LIST_BYTES_MAX} bytes")));
        }
        let purpose = Purpose::document(DOCUMENT, text.as_bytes());
        let mut refused = KillError::Unsigned;
        let signed = keys.iter().any(|key| match signature.verify_bytes(text.as_bytes(), key, &purpose) {
            Ok(()) => true,
            Err(SignatureError::WrongKey { .. }) => false,
            Err(error) => {
                refused = KillError::Signature(error);
                false
            }
        });
        if !signed {
            return Err(refused);
        }
        let form = |error: serde_json::Error| KillError::Form(error.to_string());
        let list: Self = serde_json::from_str(text).map_err(form)?;
        match list {
            Self { akao_kill_list: 1, number, .. } if number >= known => Ok(list),
            Self { akao_kill_list: 1, number, .. } => Err(KillError::Older { found: number, known }),
            Self { akao_kill_list: other, .. } => {
                Err(KillError::Form(format!("it has the format {other}; this version reads 1")))
            }
        }
    }

    /// The entry that a package meets.
    pub fn meets(&self, id: &PackageId, version: &str, digests: &[Digest]) -> Option<&KillEntry> {
        let parsed = semver::Version::parse(version).ok();
        self.entries.iter().find(|entry| match &entry.target {
            KillTarget::Digest(digest) => digests.contains(digest),
            KillTarget::Versions { id: killed, versions } => {
                // A version that cannot be read is not let through by that.
                id == killed && parsed.as_ref().is_none_or(|version| is_forbidden_by(versions, version))
            }
        })
    }
}
