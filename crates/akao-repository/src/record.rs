//! What a repository tells about a package: one record for each package, one entry for each of its versions.
//!
//! Everything that searching, choosing and asking for consent need stands here, so that no archive is read before it is
//! installed. Fields that a reader does not know are ignored; what is only shown is text, so that an older reader
//! survives names that are newer than it.

use crate::key::PublicKey;
use akao_contract::{
    Digest,
    manifest::{Manifest, PackageId},
};
use jiff::Timestamp;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// Longest name, in characters.
const NAME_CHARACTERS_MAX: usize = 200;

/// Longest description, in characters. What is longer stands in the README.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;

/// Most permissions, capabilities or dependencies of one version.
const LIST_ITEMS_MAX: usize = 200;

/// A package with all its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// The key that may publish versions of it.
    pub publisher: PublicKey,
    /// Why the whole package should no longer be used, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// The package that takes its place, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PackageId>,
    /// When and why it was deleted. A deleted package has no versions, and its id is never given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Remark>,
    /// Its versions, lowest first.
    #[serde(default)]
    pub releases: Vec<Release>,
}

/// A word of the repository about a package or a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Bytes by their digest and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
}

impl Content {
    /// Digest and length of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), bytes: bytes.len() as u64 }
    }
}

/// A package that a version needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Its id.
    pub id: PackageId,
    /// The versions that will do.
    pub version: VersionReq,
}

/// One version of a package. It never changes, except for what the repository says about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The version, without build metadata.
    pub version: Version,
    /// Name for people.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The key that signed the archive.
    pub publisher: PublicKey,
    /// The archive.
    pub archive: Content,
    /// The detached signature of the archive.
    pub signature: Content,
    /// When it was published.
    pub published: Timestamp,
    /// The version of the node contract it is written for.
    pub contract: u32,
    /// What it asks for, one permission each, such as `network.http=api.example.com:443`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Capabilities that it provides, such as `inventory.list`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Packages that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Need>,
    /// Whether it is loaded into the process of the package that needs it, so that one process has one version of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub library: bool,
    /// Why nobody should take it newly. What has it locked goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<Remark>,
    /// What to use instead or why not to use it; it is taken nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

/// Why a manifest cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The version is not a semantic version.
    #[error("`{0}` is not a semantic version such as 1.2.0")]
    Version(String),
    /// The version has build metadata.
    #[error("the version {0} has build metadata (`+…`), by which two archives would be the same version")]
    Build(Version),
    /// A dependency's range cannot be read.
    #[error("`{range}` is not a range of versions of {id}: {reason}")]
    Range {
        /// The dependency.
        id: PackageId,
        /// What was written.
        range: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// A package that needs itself.
    #[error("{0} depends on itself")]
    Itself(PackageId),
    /// A text or list that is too long for an index.
    #[error("{what} is longer than {max}")]
    Long {
        /// Which.
        what: &'static str,
        /// Most characters or items.
        max: usize,
    },
}

/// What a manifest does not say about a version.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The archive.
    pub archive: Content,
    /// The detached signature.
    pub signature: Content,
    /// The key that made it.
    pub publisher: PublicKey,
    /// See [`Release::library`].
    pub library: bool,
    /// When it is published.
    pub published: Timestamp,
}

impl Release {
    /// The entry of a version from its manifest.
    ///
    /// # Errors
    /// The manifest's version or a dependency's range cannot be read, or a text is too long.
    pub fn of(manifest: &Manifest, facts: Facts) -> Result<Self, RecordError> {
        let version = version(&manifest.version)?;
        let description = manifest.description.clone().unwrap_or_default();
        within("the name", manifest.name.chars().count(), NAME_CHARACTERS_MAX)?;
        within("the description", description.chars().count(), DESCRIPTION_CHARACTERS_MAX)?;
        within("the list of permissions", manifest.permissions.iter().count(), LIST_ITEMS_MAX)?;
        within("the list of capabilities", manifest.provides.len(), LIST_ITEMS_MAX)?;
        within("the list of dependencies", manifest.dependencies.len(), LIST_ITEMS_MAX)?;
        let mut capabilities: Vec<String> =
            manifest.provides.iter().map(|provision| provision.capability.as_str().to_owned()).collect();
        capabilities.sort();
        capabilities.dedup();
        Ok(Self {
            version,
            name: manifest.name.clone(),
            description,
            publisher: facts.publisher,
            archive: facts.archive,
            signature: facts.signature,
            published: facts.published,
            contract: manifest.manifest,
            permissions: manifest.permissions.iter().map(ToString::to_string).collect(),
            capabilities,
            dependencies: needs(manifest)?,
            library: facts.library,
            yanked: None,
            deprecated: None,
        })
    }
}

fn version(text: &str) -> Result<Version, RecordError> {
    let version: Version = text.parse().map_err(|_| RecordError::Version(text.chars().take(80).collect()))?;
    if !version.build.is_empty() {
        return Err(RecordError::Build(version));
    }
    Ok(version)
}

fn needs(manifest: &Manifest) -> Result<Vec<Need>, RecordError> {
    let mut needs = Vec::new();
    for dependency in &manifest.dependencies {
        if dependency.id == manifest.id {
            return Err(RecordError::Itself(manifest.id.clone()));
        }
        let range = dependency.version.parse().map_err(|error: semver::Error| RecordError::Range {
            id: dependency.id.clone(),
            range: dependency.version.clone(),
            reason: error.to_string(),
        })?;
        needs.push(Need { id: dependency.id.clone(), version: range });
    }
    Ok(needs)
}

/// A text with a full stop at its end, unless it ends in a mark already.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn within(what: &'static str, count: usize, max: usize) -> Result<(), RecordError> {
    if count <= max { Ok(()) } else { Err(RecordError::Long { what, max }) }
}

impl Package {
    /// A version of it.
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// What the repository says against using a version of it, with what takes its place: a word about the version goes before
    /// one about the whole package.
    pub fn warning(&self, version: &Version) -> Option<String> {
        let of_version = self.release(version).and_then(|release| release.deprecated.as_deref());
        let text = of_version.or(self.deprecated.as_deref())?;
        Some(match &self.successor {
            Some(successor) => format!("{} Use {successor} instead.", sentence(text)),
            None => text.to_owned(),
        })
    }

    /// The version that people are shown: the highest that is neither yanked nor a pre-release, else the highest.
    pub fn newest(&self) -> Option<&Release> {
        let usable = |release: &&Release| release.yanked.is_none() && release.version.pre.is_empty();
        self.releases.iter().rev().find(usable).or_else(|| self.releases.last())
    }
}
