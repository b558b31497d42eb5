//! What a data directory demands of packages before they are installed.

use super::{Origin, Prefix};
use crate::PublicKey;
use akao_contract::{BareNumber, format_duration_ms, parse_duration_ms};
use serde::{Deserialize, Serialize};

/// The version of the file that is written and read.
const POLICY_FORMAT: u32 = 1;

/// What is demanded of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureRule {
    /// A valid signature by a key that is trusted for the package's prefix.
    Trusted,
    /// A key that nobody knows yet is shown, and pinned after consent; from then on no other key is taken, and nothing
    /// unsigned. What was never signed needs consent.
    FirstUse,
    /// As before, and a signature whose key nobody has needs consent only. One that does not hold is still refused.
    Optional,
}

/// The policy of one data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Version of the file.
    pub policy: u32,
    /// For packages from repositories.
    pub repository: SignatureRule,
    /// For packages from git repositories.
    pub git: SignatureRule,
    /// For `.akao` files.
    pub file: SignatureRule,
    /// For folders, which have no signature of their own.
    pub folder: SignatureRule,
    /// The only publishers whose packages are taken; none means any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_publishers: Option<Vec<Prefix>>,
    /// How long after its publication an update is not taken by itself, in milliseconds; a duration in the file.
    #[serde(rename = "cool_down", with = "duration")]
    pub cool_down_ms: u64,
    /// Keys that may sign the list of packages that must not run.
    pub kill_list_keys: Vec<PublicKey>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            policy: POLICY_FORMAT,
            repository: SignatureRule::Trusted,
            git: SignatureRule::FirstUse,
            file: SignatureRule::FirstUse,
            folder: SignatureRule::Optional,
            allowed_publishers: None,
            cool_down_ms: 3 * 24 * 60 * 60 * 1000,
            kill_list_keys: Vec::new(),
        }
    }
}

impl Policy {
    /// Reads the file: TOML, `policy = 1`. What is not said has its default; unknown keys are refused.
    ///
    /// # Errors
    /// A message with the line.
    pub fn read(text: &str) -> Result<Self, String> {
        let policy: Self = toml::from_str(text).map_err(|error| crate::toml_message(&error, text))?;
        if policy.policy == POLICY_FORMAT {
            return Ok(policy);
        }
        Err(format!("the policy has the format {}; this version reads {POLICY_FORMAT}", policy.policy))
    }

    /// The file.
    pub fn write(&self) -> String {
        // Texts, numbers and lists alone: nothing can fail.
        toml::to_string(self).unwrap_or_default()
    }

    /// What is demanded of a package from there.
    pub fn rule(&self, origin: &Origin) -> SignatureRule {
        match origin {
            Origin::Repository { .. } => self.repository,
            Origin::Git => self.git,
            Origin::File => self.file,
            Origin::Folder => self.folder,
        }
    }
}

mod duration {
    use super::*;
    use serde::{Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration_ms(*ms))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        parse_duration_ms(&String::deserialize(deserializer)?, BareNumber::Refused).map_err(D::Error::custom)
    }
}
