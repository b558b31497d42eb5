//! `akao.lock`: which packages a workflow means, to the byte. It stands beside the workflow and is made for version control:
//! sorted, one way to write it.

use crate::toml_message;
use akao_contract::{Digest, manifest::PackageId};
use serde::{Deserialize, Serialize};

/// The file's name.
pub const LOCK_FILE: &str = "akao.lock";

/// The version of the form that is written and read.
pub const LOCK_FORMAT: u32 = 1;

/// Longest file, in bytes.
const LOCK_BYTES_MAX: usize = 4 << 20;

const HEADER: &str =
    "# Written by Akao. It pins the packages that the workflow beside it uses; keep it in version control.\n";

/// The packages of one workflow, sorted by id and version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    packages: Vec<LockedPackage>,
}

/// One version of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its id.
    pub id: PackageId,
    /// Its version.
    pub version: String,
    /// The digest of its content.
    pub content: Digest,
    /// The digest of its archive; none when it came from a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
    /// The fingerprint of the key that had signed it; none when nobody had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Digest>,
    /// Where it came from.
    pub source: LockedSource,
}

/// Where a package came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LockedSource {
    /// A repository.
    Repository(RepositorySource),
    /// A git repository at one commit.
    Git(GitSource),
    /// A folder or an archive, relative to the lock file.
    Path(PathSource),
}

/// A repository by the name that it has here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySource {
    /// Its name.
    pub repository: String,
}

/// A git repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSource {
    /// Its address.
    pub git: String,
    /// The commit's full hash.
    pub commit: String,
    /// The folder in it; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// A folder or an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathSource {
    /// Its path, relative to the lock file.
    pub path: String,
}

impl LockedSource {
    /// A repository.
    pub fn repository(name: &str) -> Self {
        Self::Repository(RepositorySource { repository: name.to_owned() })
    }

    /// A git repository at one commit.
    pub fn git(url: &str, commit: &str, folder: Option<&str>) -> Self {
        Self::Git(GitSource { git: url.to_owned(), commit: commit.to_owned(), folder: folder.map(str::to_owned) })
    }

    /// A folder or an archive.
    pub fn path(path: &str) -> Self {
        Self::Path(PathSource { path: path.to_owned() })
    }
}

/// Why a lock file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Not of this form; the message has the line.
    #[error("`{LOCK_FILE}` cannot be read: {0}")]
    Form(String),
    /// From a later version.
    #[error("`{LOCK_FILE}` has the format {0}; this version reads {LOCK_FORMAT}")]
    Version(u32),
    /// One version twice.
    #[error("`{LOCK_FILE}` has {id} {version} twice")]
    Twice {
        /// The package.
        id: PackageId,
        /// Its version.
        version: String,
    },
    /// A version that is none, or a commit that is not a full hash.
    #[error("`{LOCK_FILE}`: {what} of {id} is `{found}`")]
    Value {
        /// The package.
        id: PackageId,
        /// Which value.
        what: &'static str,
        /// What it is.
        found: String,
    },
}

impl LockError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Version(_) => "Use a later version of Akao.",
            _ => "Take the file from version control again, or remove it; installing writes a new one.",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lock: u32,
    #[serde(default, rename = "package", skip_serializing_if = "Vec::is_empty")]
    packages: Vec<LockedPackage>,
}

impl Lock {
    /// A lock of packages in any order.
    ///
    /// # Errors
    /// One version is there twice, or a value is not what it should be.
    pub fn new(mut packages: Vec<LockedPackage>) -> Result<Self, LockError> {
        packages.sort_by_cached_key(|package| (package.id.clone(), order(&package.version)));
        for package in &packages {
            check(package)?;
        }
        let twice = packages.windows(2).find(|pair| (&pair[0].id, &pair[0].version) == (&pair[1].id, &pair[1].version));
        match twice {
            Some(pair) => Err(LockError::Twice { id: pair[0].id.clone(), version: pair[0].version.clone() }),
            None => Ok(Self { packages }),
        }
    }

    /// The packages, sorted by id and version.
    pub fn packages(&self) -> &[LockedPackage] {
        &self.packages
    }

    /// The versions of a package.
    pub fn versions<'a>(&'a self, id: &'a PackageId) -> impl Iterator<Item = &'a LockedPackage> {
        // They are sorted: whoever asks for many ids does not go through all for each.
        let first = self.packages.partition_point(|package| package.id < *id);
        self.packages[first..].iter().take_while(move |package| package.id == *id)
    }

    /// Reads the file. Unknown keys are refused.
    ///
    /// # Errors
    /// It is not of this form; the message has the line.
    pub fn read(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Version {
            lock: u32,
        }
        if text.len() > LOCK_BYTES_MAX {
            return Err(LockError::Form(format!("it has more than {LOCK_BYTES_MAX} bytes")));
        }
        let broken = |error: toml::de::Error| LockError::Form(toml_message(&error, text));
        match toml::from_str::<Version>(text).map_err(broken)?.lock {
            LOCK_FORMAT => {}
            other => return Err(LockError::Version(other)),
        }
        Self::new(toml::from_str::<File>(text).map_err(broken)?.packages)
    }

    /// The file: the same packages give the same text.
    pub fn write(&self) -> String {
        let file = File { lock: LOCK_FORMAT, packages: self.packages.clone() };
        // Texts, numbers and tables alone: nothing can fail.
        HEADER.to_owned() + &toml::to_string(&file).unwrap_or_default()
    }
}

/// The order of versions; what is none comes first and is refused.
fn order(version: &str) -> (Option<semver::Version>, String) {
    (semver::Version::parse(version).ok(), version.to_owned())
}

fn check(package: &LockedPackage) -> Result<(), LockError> {
    let wrong = |what: &'static str, found: &str| LockError::Value {
        id: package.id.clone(),
        what,
        found: akao_contract::shortened(found.to_owned(), 80),
    };
    if semver::Version::parse(&package.version).is_err() {
        return Err(wrong("the version", &package.version));
    }
    match &package.source {
        LockedSource::Git(GitSource { commit, .. })
            if ![40, 64].contains(&commit.len()) || !commit.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            Err(wrong("the commit", commit))
        }
        _ => Ok(()),
    }
}
