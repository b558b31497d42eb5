//! Environments: packages that the scripts of a step may import, put together once and shared read-only.
//!
//! `NAME.json` is the record of an environment and names its content; `sha256/<digest>/` holds the content of one or of
//! several: the packages in `site`, and `environment.json` with what was taken, by its digests. An environment that is made
//! again gets other content and a new record; runs that have the old one keep it.

mod create;

pub use create::{EnvironmentError, EnvironmentOrder};

use akao_contract::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The environment that a step has when it names none, where there is one.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// The version of a record.
const FORMAT: u32 = 1;

/// How the name of a record ends.
const RECORD: &str = "json";

/// Where contents stand.
const CONTENTS: &str = "sha256";

/// Longest name of an environment, in bytes.
const NAME_BYTES_MAX: usize = 60;

/// A package in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the file that it was taken from, in hexadecimal.
    pub sha256: String,
    /// The name of that file.
    pub file: String,
}

/// An environment, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    environment: u32,
    /// Its name.
    pub name: String,
    /// The language of its packages.
    pub language: String,
    /// The version of the language that it was made for.
    pub version: String,
    /// What its folder holds.
    pub content: Digest,
    /// The size of that, in bytes.
    pub bytes: u64,
    /// The memory that its packages take once they are loaded, in bytes.
    pub loaded_bytes: u64,
    /// What was asked for.
    pub asked: Vec<String>,
    /// What was taken, with everything that it needs.
    pub packages: Vec<EnvironmentPackage>,
    /// What scripts can import of it.
    pub modules: Vec<String>,
}

/// The environments of a data directory.
#[derive(Debug, Clone)]
pub struct Environments {
    folder: PathBuf,
}

impl Environments {
    /// Those in a folder, which is made with the first.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether a text can be the name of an environment.
    pub fn is_name(text: &str) -> bool {
        (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    }

    /// Every environment, by name. Blocks.
    ///
    /// # Errors
    /// The folder or a record cannot be read.
    pub fn list(&self) -> io::Result<Vec<Environment>> {
        let mut found = BTreeMap::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == RECORD) {
                let environment = read(&path)?;
                found.insert(environment.name.clone(), environment);
            }
        }
        Ok(found.into_values().collect())
    }

    /// The environment of a name. Blocks for the time of reading a short file.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn find(&self, name: &str) -> io::Result<Option<Environment>> {
        if !Self::is_name(name) {
            return Ok(None);
        }
        match read(&self.record(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Forgets an environment, and removes its content when no other has it. False when there is none. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        let Some(environment) = self.find(name)? else { return Ok(false) };
        fs::remove_file(self.record(name))?;
        self.collect(&environment.content)?;
        Ok(true)
    }

    /// The folder of an environment's content.
    pub fn content(&self, environment: &Environment) -> PathBuf {
        self.place(&environment.content)
    }

    fn place(&self, content: &Digest) -> PathBuf {
        self.folder.join(CONTENTS).join(content.hex())
    }

    fn record(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{RECORD}"))
    }

    /// Removes a content that no record names.
    fn collect(&self, content: &Digest) -> io::Result<()> {
        let is_used = self.list()?.iter().any(|environment| environment.content == *content);
        let place = self.place(content);
        if is_used || !place.exists() {
            return Ok(());
        }
        create::unseal(&place)?;
        fs::remove_dir_all(&place)
    }
}

fn read(path: &Path) -> io::Result<Environment> {
    let unusable = |reason: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", path.display()));
    let environment: Environment =
        serde_json::from_slice(&fs::read(path)?).map_err(|error| unusable(error.to_string()))?;
    match environment.environment {
        FORMAT => Ok(environment),
        other => Err(unusable(format!("`environment` is {other}, and this version reads {FORMAT}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, content: Digest) -> Environment {
        Environment {
            environment: FORMAT,
            name: name.to_owned(),
            language: "Python".to_owned(),
            version: "3.11".to_owned(),
            content,
            bytes: 1,
            loaded_bytes: 2,
            asked: vec!["one".to_owned()],
            packages: Vec::new(),
            modules: vec!["one".to_owned()],
        }
    }

    #[test]
    fn contents_go_with_the_last_environment_that_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        assert_eq!((environments.list().unwrap(), environments.find("a").unwrap()), (Vec::new(), None));
        let content = Digest::of(b"content");
        for name in ["b", "a"] {
            let made = environment(name, content);
            fs::create_dir_all(environments.content(&made)).unwrap();
            fs::write(environments.record(name), serde_json::to_vec(&made).unwrap()).unwrap();
        }
        let place = environments.place(&content);
        assert_eq!(environments.list().unwrap().iter().map(|one| &*one.name).collect::<Vec<_>>(), ["a", "b"]);
        assert!(environments.remove("a").unwrap() && place.is_dir());
        assert!(environments.remove("b").unwrap() && !place.exists());
        assert!(!environments.remove("b").unwrap());
        fs::write(environments.record("c"), "{}").unwrap();
        assert!(environments.find("c").unwrap_err().to_string().contains("c.json: missing field"));
    }

    #[test]
    fn names_are_plain() {
        for good in ["default", "data-2", "a_b"] {
            assert!(Environments::is_name(good), "{good}");
        }
        for bad in ["", "Data", "2", "a/b", "..", "a.b", &"a".repeat(61)] {
            assert!(!Environments::is_name(bad), "{bad}");
        }
    }
}
