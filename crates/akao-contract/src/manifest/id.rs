//! Names that are unique in the world: packages, nodes of packages, capabilities.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 200;

/// Longest part between two dots, in bytes, as in DNS.
const SEGMENT_BYTES_MAX: usize = 63;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageIdError {
    /// Too few parts: with two it is a capability, with one a node of a tenant.
    #[error("`{0}` has fewer than three parts")]
    Short(String),
    /// A part that is not `[a-z][a-z0-9_-]*`, or too long.
    #[error("`{0}` is not an id of lower-case letters, digits, `-` and `_` with dots between its parts")]
    Malformed(String),
    /// Not two parts.
    #[error("`{0}` is not a capability; it has two parts, such as `inventory.list`")]
    Capability(String),
}

fn is_segment(text: &str) -> bool {
    (1..=SEGMENT_BYTES_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// The id of a package, or of a node in one: a reversed DNS name of at least three parts, such as `com.example.enrich`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageId(Arc<str>);

impl PackageId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The publisher's part: the first two segments, a domain that somebody owns.
    pub fn publisher(&self) -> &str {
        let end = self.0.match_indices('.').nth(1).map_or(self.0.len(), |(at, _)| at);
        &self.0[..end]
    }

    /// Whether this is `package` itself or below it, as the ids of its nodes are.
    pub fn is_within(&self, package: &Self) -> bool {
        self == package || self.0.strip_prefix(package.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }
}

impl FromStr for PackageId {
    type Err = PackageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > ID_BYTES_MAX || !text.split('.').all(is_segment) {
            return Err(PackageIdError::Malformed(text.to_owned()));
        }
        if text.split('.').count() < 3 {
            return Err(PackageIdError::Short(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for PackageId {
    type Error = PackageIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PackageId> for String {
    fn from(id: PackageId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A named interface that node types provide, such as `inventory.list`: exactly two parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(Arc<str>);

impl Capability {
    /// The capability's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Capability {
    type Err = PackageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.split('.').count() == 2 && text.split('.').all(is_segment);
        if valid { Ok(Self(text.into())) } else { Err(PackageIdError::Capability(text.to_owned())) }
    }
}

impl TryFrom<String> for Capability {
    type Error = PackageIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.0.as_ref().to_owned()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
