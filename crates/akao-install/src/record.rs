//! What is known of an installed package: one small file for each, with a version of its own.

use akao_contract::{Digest, Permission, manifest::PackageId};
use akao_package::PublicKey;
use jiff::Timestamp;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The version of the form that is written and read.
pub const RECORD_FORMAT: u32 = 1;

/// A package with every version of it that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(crate) akao_installed: u32,
    /// The package.
    pub id: PackageId,
    /// The version that is used where none is named.
    pub active: Version,
    /// The version that was active before, to which a rollback leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
    /// Whether somebody asked for it, not only another package.
    pub requested: bool,
    /// Since when and why it is disabled. It counts while the record stands among the disabled ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// What its repository said of it when that was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Offered>,
    /// The versions, lowest first.
    pub versions: Vec<InstalledVersion>,
}

/// What a repository said of an installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// The newest version that people are shown.
    pub newest: Version,
    /// Why the active version, or the package, should no longer be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Since when and why a package is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// One installed version. What is listed and looked up stands here, so that no manifest is read for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledVersion {
    /// The version.
    pub version: Version,
    /// Name for people.
    pub name: String,
    /// The digest of its content, which is its name in the store.
    pub content: Digest,
    /// The digest of its archive.
    pub archive: Digest,
    /// The key that had signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublicKey>,
    /// Where it came from.
    pub source: InstalledSource,
    /// What was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Permission>,
    /// When it was installed.
    pub installed: Timestamp,
    /// The nodes that it holds.
    pub nodes: Vec<PackageId>,
    /// Capabilities that it provides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    /// Packages that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<RecordedNeed>,
    /// Why it must not run, when a kill list says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

/// A package that an installed one needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedNeed {
    /// Which.
    pub id: PackageId,
    /// The versions that will do.
    pub versions: VersionReq,
}

/// Where an installed version came from, with all that is needed to look there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum InstalledSource {
    /// A folder.
    Folder {
        /// Its absolute path.
        path: PathBuf,
    },
    /// A `.akao` file.
    File {
        /// Its absolute path.
        path: PathBuf,
    },
    /// A git repository.
    Git {
        /// Its address, without `git+`.
        url: String,
        /// The branch, tag or commit that was asked for; none for the repository's own choice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The commit that was taken.
        commit: String,
        /// The folder in it; none for the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
    },
    /// A repository.
    Repository {
        /// Its name in the settings.
        name: String,
    },
}

impl std::fmt::Display for InstalledSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { path } | Self::File { path } => write!(f, "{}", path.display()),
            Self::Git { url, commit, folder: None, .. } => write!(f, "git+{url}#{commit}"),
            Self::Git { url, commit, folder: Some(folder), .. } => write!(f, "git+{url}#{commit}:{folder}"),
            Self::Repository { name } => write!(f, "the repository `{name}`"),
        }
    }
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] crate::FileError),
    /// It is not of this form.
    #[error("`{}` is damaged: {reason}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// From a later version.
    #[error("`{}` has the format {found}; this version reads {RECORD_FORMAT}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

impl RecordError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::File(error) => error.suggestion().to_owned(),
            Self::Form { path, .. } => format!("Remove `{}` and install the package again.", path.display()),
            Self::Format { .. } => "Use the version of Akao that wrote it, or a later one.".to_owned(),
        }
    }
}

impl Record {
    /// A record of one version.
    pub(crate) fn new(id: PackageId, version: InstalledVersion, requested: bool) -> Self {
        let active = version.version.clone();
        let versions = vec![version];
        Self {
            akao_installed: RECORD_FORMAT,
            id,
            active,
            previous: None,
            requested,
            disabled: None,
            offered: None,
            versions,
        }
    }

    /// A version that is installed.
    pub fn version(&self, version: &Version) -> Option<&InstalledVersion> {
        self.versions.iter().find(|installed| installed.version == *version)
    }

    /// The active version. A record that was read has it.
    pub fn active_version(&self) -> Option<&InstalledVersion> {
        self.version(&self.active)
    }

    /// The version that its repository offers and that is newer than the active one.
    pub fn update(&self) -> Option<&Version> {
        self.offered.as_ref().map(|offered| &offered.newest).filter(|newest| **newest > self.active)
    }

    /// Whether the same is installed: what was said of it does not count.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let bare = |record: &Self| Self { offered: None, ..record.clone() };
        bare(self) == bare(other)
    }

    /// The version with this content.
    pub fn content(&self, content: &Digest) -> Option<&InstalledVersion> {
        self.versions.iter().find(|installed| installed.content == *content)
    }

    /// The version that a range means: the active one if it is within, else the highest that is. The range `*` means the
    /// active one, whatever it is. What must not run is never meant.
    pub fn matching(&self, range: &VersionReq) -> Option<&InstalledVersion> {
        let usable = |version: &&InstalledVersion| version.blocked.is_none();
        let within = |version: &&InstalledVersion| range.matches(&version.version);
        let active = self.active_version().filter(|version| *range == VersionReq::STAR || within(version));
        active.filter(usable).or_else(|| self.versions.iter().rev().filter(usable).find(within))
    }

    /// Adds a version or puts it in the place of the one with its number.
    pub(crate) fn put(&mut self, version: InstalledVersion) {
        self.versions.retain(|other| other.version != version.version);
        self.versions.push(version);
        self.versions.sort_by(|a, b| a.version.cmp(&b.version));
    }

    /// Makes a version the active one and remembers the one before.
    pub(crate) fn activate(&mut self, version: &Version) {
        if self.active != *version {
            self.previous = Some(std::mem::replace(&mut self.active, version.clone()));
        }
    }

    pub(crate) fn to_text(&self) -> String {
        // Texts, numbers and lists alone: nothing can fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(crate) fn from_text(text: &str, id: &PackageId, path: &std::path::Path) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            akao_installed: u32,
        }
        let form = |reason: String| RecordError::Form { path: path.to_owned(), reason };
        let head: Head = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
        if head.akao_installed != RECORD_FORMAT {
            return Err(RecordError::Format { path: path.to_owned(), found: head.akao_installed });
        }
        let record: Self = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
        if record.id != *id {
            return Err(form(format!("it is the record of `{}`", record.id)));
        }
        if !record.versions.is_sorted_by(|a, b| a.version < b.version) {
            return Err(form("its versions are not sorted, or one is there twice".to_owned()));
        }
        if record.active_version().is_none() {
            return Err(form(format!("its active version {} is not among its versions", record.active)));
        }
        Ok(record)
    }
}
