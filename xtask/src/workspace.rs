//! Where the workspace stands and what cargo knows about it.

use crate::command::{self, Command};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Why the workspace could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Cargo did not answer.
    #[error("cannot ask cargo about the workspace")]
    Cargo(#[from] command::Error),
    /// Cargo's answer has another shape than expected.
    #[error("cannot read the answer of `cargo metadata`")]
    Metadata(#[from] serde_json::Error),
    /// A file of the workspace could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A manifest or configuration is not TOML.
    #[error("cannot parse {path}")]
    Toml {
        /// The file.
        path: String,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
}

/// The workspace this program belongs to.
pub(crate) struct Workspace {
    /// The folder with the root manifest.
    pub(crate) root: PathBuf,
    cargo: std::ffi::OsString,
}

impl Workspace {
    /// The workspace around the current folder.
    pub(crate) fn find() -> Result<Self, Error> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let locate = Command::new(&cargo, Path::new("."));
        let manifest = locate.args(["locate-project", "--workspace", "--message-format", "plain"]).read()?;
        let root = Path::new(manifest.trim()).parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { root, cargo })
    }

    /// A command in the workspace's folder.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        Command::new(program, &self.root)
    }

    /// The cargo that started this program, in the workspace's folder.
    pub(crate) fn cargo(&self) -> Command {
        self.command(&self.cargo)
    }

    /// What cargo knows: packages, their dependencies and licences, the target folder.
    pub(crate) fn metadata(&self) -> Result<Metadata, Error> {
        Ok(serde_json::from_str(&self.cargo().args(["metadata", "--format-version", "1"]).read()?)?)
    }
}

/// Reads `path` below `root` as TOML.
pub(crate) fn read_toml(root: &Path, path: &str) -> Result<toml::Table, Error> {
    let text = std::fs::read_to_string(root.join(path)).map_err(|source| Error::Read { path: path.into(), source })?;
    text.parse().map_err(|source| Error::Toml { path: path.into(), source: Box::new(source) })
}

/// The part of `cargo metadata` that the chores read.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Every package of the dependency graph, members included.
    pub(crate) packages: Vec<Package>,
    /// Ids of the workspace's own packages.
    pub(crate) workspace_members: Vec<String>,
    /// Where cargo puts what it builds.
    pub(crate) target_directory: PathBuf,
}

impl Metadata {
    /// The workspace's own packages, in cargo's order.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Where cargo leaves the program `name` of the development profile.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.program_of("debug", name)
    }

    /// Where cargo leaves the program `name` of the release profile.
    pub(crate) fn release_program(&self, name: &str) -> PathBuf {
        self.program_of("release", name)
    }

    fn program_of(&self, profile: &str, name: &str) -> PathBuf {
        self.target_directory.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// One package of the dependency graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Package {
    /// Cargo's id of the package.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The SPDX expression it declares, if any.
    #[serde(default)]
    pub(crate) license: Option<String>,
    /// Where it comes from; nothing for a package of the workspace.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// What it declares to depend on.
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    /// The package's name.
    pub(crate) name: String,
    /// `dev` or `build`; nothing for an ordinary dependency.
    #[serde(default)]
    pub(crate) kind: Option<String>,
}
