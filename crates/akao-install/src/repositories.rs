//! Which repositories there are: `config/repositories.toml`.
//!
//! ```toml
//! repositories = 1
//!
//! [[repository]]
//! name = "corp"
//! url = "https://packages.corp.example/akao/"   # or: folder = "/mnt/packages"
//! prefixes = ["com.corp"]                       # `*` for what no other repository has
//! root = "sha256:…"                             # of the file config/repositories/corp.root.json
//! vouches = true                                # its index says who publishes what
//! ```

use crate::{FileError, Places, file};
use akao_contract::{Digest, Permission};
use akao_repository::{EgressFetch, Fetch, FolderFetch, PlaceError, RouteError, Routes, TrustedRoot};
use akao_step::Egress;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// The version of the file that is written and read.
const FORMAT: u32 = 1;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 40;

/// The repositories of a data directory, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryList {
    entries: Vec<RepositoryEntry>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryEntry {
    /// What it is called here: letters, digits and hyphens.
    pub name: String,
    /// Its place, when that is a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its place, when that is a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// PEM files with certificate authorities that its server's certificate may come from, beside the machine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_files: Vec<PathBuf>,
    /// Beginnings of ids that are taken from it and from no other; `*` for all that no other has.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// The digest of the root that it is trusted by.
    pub root: Digest,
    /// Whether a key that its signed index names as a package's publisher is taken as trusted for that package, where no
    /// key is trusted for its prefix yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vouches: bool,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryPlace {
    /// A server.
    Url(String),
    /// A folder.
    Folder(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    repositories: u32,
    #[serde(default, rename = "repository", skip_serializing_if = "Vec::is_empty")]
    entries: Vec<RepositoryEntry>,
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryListError {
    /// Not of this form; the message has the line.
    #[error("the list of repositories cannot be read: {0}")]
    Form(String),
    /// From a later version.
    #[error("the list of repositories has the format {0}; this version reads {FORMAT}")]
    Format(u32),
    /// A name that cannot be one.
    #[error("`{0}` is no name of a repository")]
    Name(String),
    /// A name that is there already.
    #[error("there is a repository `{0}` already")]
    Twice(String),
    /// No such repository.
    #[error("there is no repository `{0}`")]
    Unknown(String),
    /// Both a URL and a folder, or neither.
    #[error("the repository `{0}` has not one place: either `url` or `folder`")]
    Place(String),
    /// The prefixes.
    #[error(transparent)]
    Routes(#[from] RouteError),
    /// The place.
    #[error(transparent)]
    Url(#[from] PlaceError),
    /// The root is not the one that the list names.
    #[error("the root of the repository `{name}` in `{}` is not the one that is trusted, {expected}", .path.display())]
    Root {
        /// The repository.
        name: String,
        /// The file.
        path: PathBuf,
        /// The digest that it must have.
        expected: Digest,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RepositoryListError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Form(_) | Self::Place(_) => "Mend it, or put back an earlier copy of the file.".to_owned(),
            Self::Format(_) => "Use a later version of Akao.".to_owned(),
            Self::Name(_) => format!("Use letters, digits and hyphens, at most {NAME_BYTES_MAX}."),
            Self::Twice(name) => format!("Choose another name, or remove the repository `{name}` first."),
            Self::Unknown(_) => "See which repositories there are.".to_owned(),
            Self::Routes(error) => error.suggestion().to_owned(),
            Self::Url(_) => "Write for example `https://packages.example.com/`, or a folder.".to_owned(),
            Self::Root { name, .. } => {
                format!("Ask the repository's owner for the root's fingerprint, then remove `{name}` and add it again.")
            }
            Self::File(error) => error.suggestion().to_owned(),
        }
    }
}

impl RepositoryEntry {
    /// Where it is.
    ///
    /// # Errors
    /// It names both forms or none.
    pub fn place(&self) -> Result<RepositoryPlace, RepositoryListError> {
        match (&self.url, &self.folder) {
            (Some(url), None) => Ok(RepositoryPlace::Url(url.clone())),
            (None, Some(folder)) => Ok(RepositoryPlace::Folder(folder.clone())),
            _ => Err(RepositoryListError::Place(self.name.clone())),
        }
    }

    /// How its files are fetched: from its folder, or through the program's way out under these grants. Who configured the
    /// repository has granted its host.
    ///
    /// # Errors
    /// The place is none.
    pub fn fetch(&self, egress: Arc<dyn Egress>, grants: &[Permission]) -> Result<Arc<dyn Fetch>, RepositoryListError> {
        Ok(match self.place()? {
            RepositoryPlace::Folder(folder) => Arc::new(FolderFetch::new(folder)),
            RepositoryPlace::Url(url) => Arc::new(EgressFetch::new(&url, egress, grants.to_vec())?),
        })
    }

    /// The root that it is trusted by.
    ///
    /// # Errors
    /// The file is not there, or another one than the list names.
    pub fn trusted_root(&self, places: &Places) -> Result<TrustedRoot, RepositoryListError> {
        let path = places.repository_root(&self.name);
        let text = file::read(&path)?.unwrap_or_default();
        let root = TrustedRoot::new(text.into_bytes());
        if root.fingerprint() == self.root {
            return Ok(root);
        }
        Err(RepositoryListError::Root { name: self.name.clone(), path, expected: self.root })
    }
}

impl RepositoryList {
    /// The repositories.
    pub fn entries(&self) -> &[RepositoryEntry] {
        &self.entries
    }

    /// A repository by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &str) -> Result<&RepositoryEntry, RepositoryListError> {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| RepositoryListError::Unknown(name.to_owned()))
    }

    /// Which repository an id is taken from.
    ///
    /// # Errors
    /// A prefix is none, or is bound to two repositories.
    pub fn routes(&self) -> Result<Routes, RouteError> {
        Routes::of(self.entries.iter().map(|entry| (entry.name.as_str(), entry.prefixes.as_slice())))
    }

    /// Adds a repository.
    ///
    /// # Errors
    /// The name is taken or none, the place is none, or a prefix is bound to another one.
    pub fn add(&mut self, entry: RepositoryEntry) -> Result<(), RepositoryListError> {
        if self.get(&entry.name).is_ok() {
            return Err(RepositoryListError::Twice(entry.name));
        }
        let list = Self { entries: self.entries.iter().cloned().chain([entry]).collect() };
        list.check()?;
        *self = list;
        Ok(())
    }

    /// Removes a repository.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<RepositoryEntry, RepositoryListError> {
        let at = self.entries.iter().position(|entry| entry.name == name);
        at.map(|at| self.entries.remove(at)).ok_or_else(|| RepositoryListError::Unknown(name.to_owned()))
    }

    /// Reads the file. Unknown keys are refused.
    ///
    /// # Errors
    /// It is not of this form, or what it says does not fit together.
    pub fn read(text: &str) -> Result<Self, RepositoryListError> {
        #[derive(Deserialize)]
        struct Head {
            repositories: u32,
        }
        let broken = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
            RepositoryListError::Form(format!("line {line}: {}", error.message().replace('\n', ", ")))
        };
        let head: Head = toml::from_str(text).map_err(broken)?;
        if head.repositories != FORMAT {
            return Err(RepositoryListError::Format(head.repositories));
        }
        let stored: Stored = toml::from_str(text).map_err(broken)?;
        let list = Self { entries: stored.entries };
        list.check()?;
        Ok(list)
    }

    /// The file.
    pub fn write(&self) -> String {
        let stored = Stored { repositories: FORMAT, entries: self.entries.clone() };
        // Texts, numbers and lists alone: nothing can fail.
        toml::to_string(&stored).unwrap_or_default()
    }

    fn check(&self) -> Result<(), RepositoryListError> {
        for (at, entry) in self.entries.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let begins_well = entry.name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
            if entry.name.len() > NAME_BYTES_MAX || !begins_well || !entry.name.bytes().all(plain) {
                return Err(RepositoryListError::Name(akao_contract::shortened(entry.name.clone(), 80)));
            }
            if self.entries[..at].iter().any(|other| other.name == entry.name) {
                return Err(RepositoryListError::Twice(entry.name.clone()));
            }
            entry.place()?;
        }
        self.routes()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, prefixes: &[&str]) -> RepositoryEntry {
        RepositoryEntry {
            name: name.to_owned(),
            url: None,
            folder: Some("/srv/packages".into()),
            ca_files: Vec::new(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            root: Digest::of(b"root"),
            vouches: false,
        }
    }

    #[test]
    fn the_list_is_kept_as_it_is() {
        let mut list = RepositoryList::default();
        list.add(entry("public", &["*"])).unwrap();
        list.add(RepositoryEntry { vouches: true, ..entry("corp", &["com.corp"]) }).unwrap();
        assert_eq!(RepositoryList::read(&list.write()).unwrap(), list);
        assert_eq!(list.routes().unwrap().repository(&"com.corp.x".parse().unwrap()), Ok("corp"));
        assert_eq!(list.remove("corp").unwrap().name, "corp");
        assert_eq!(list.entries().len(), 1);
        assert!(matches!(list.remove("corp"), Err(RepositoryListError::Unknown(_))));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut list = RepositoryList::default();
        list.add(entry("public", &["*"])).unwrap();
        for (bad, told) in [
            (entry("public", &["com.other"]), "there is a repository `public` already"),
            (entry("other", &["*"]), "is bound to the repositories `public` and `other`"),
            (entry("Other", &[]), "`Other` is no name"),
            (entry("../other", &[]), "`../other` is no name"),
            (entry("", &[]), "`` is no name"),
            (RepositoryEntry { folder: None, ..entry("other", &[]) }, "has not one place"),
            (RepositoryEntry { url: Some("https://x".into()), ..entry("other", &[]) }, "has not one place"),
        ] {
            let error = list.add(bad).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
        for (text, told) in [
            ("", "missing field `repositories`"),
            ("repositories = 2", "has the format 2"),
            ("repositories = 1\n\n[[repository]]\nname = 1", "line 4"),
            ("repositories = 1\nother = 1", "unknown field `other`"),
        ] {
            let error = RepositoryList::read(text).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
