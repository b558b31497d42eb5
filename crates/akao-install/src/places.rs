//! Where everything of the package manager stands in a data directory.

use akao_contract::manifest::PackageId;
use akao_package::Store;
use std::path::{Path, PathBuf};

/// The places in one data directory.
///
/// | place | holds |
/// |---|---|
/// | `nodes/external/ID.json` | the record of a package that is installed |
/// | `nodes/disabled/ID.json` | the record of one that is disabled |
/// | `nodes/packages/sha256/…` | contents by digest |
/// | `nodes/repositories/NAME/` | what was seen last of a repository |
/// | `nodes/kill-lists.json` | when the kill list of each repository was looked at last |
/// | `nodes/lock` | locked by who changes any of these |
/// | `config/{policy,trust,repositories}.toml`, `config/kill-list.json` | settings |
/// | `config/repositories/NAME.root.json` | the root that a repository is trusted by |
/// | `cache/` | what is fetched and thrown away |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// The places in this data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { root: data_dir.into() }
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The store of contents.
    pub fn store(&self) -> Store {
        Store::new(self.nodes().join("packages"))
    }

    /// The folder of what is fetched and thrown away.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The folder of settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// The folder of what was seen last of a repository. Without it an old view of the repository could be shown again.
    pub fn repository_state(&self, name: &str) -> PathBuf {
        self.nodes().join("repositories").join(name)
    }

    /// The file of when the kill list of each repository was looked at last.
    pub(crate) fn kill_list_looks(&self) -> PathBuf {
        self.nodes().join("kill-lists.json")
    }

    /// The file of the root that a repository is trusted by.
    pub fn repository_root(&self, name: &str) -> PathBuf {
        self.config().join("repositories").join(format!("{name}.root.json"))
    }

    /// Where records would stand of the package that a node is in: the node's own id and those above it, enabled or not.
    pub fn records_of(&self, node: &PackageId) -> Vec<PathBuf> {
        let places = |id: PackageId| [self.external_record(&id), self.disabled_record(&id)];
        crate::installed::above(node).flat_map(places).collect()
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.root.join("nodes")
    }

    pub(crate) fn external(&self) -> PathBuf {
        self.nodes().join("external")
    }

    pub(crate) fn disabled(&self) -> PathBuf {
        self.nodes().join("disabled")
    }

    /// An id holds no character that means something in a path.
    pub(crate) fn external_record(&self, id: &PackageId) -> PathBuf {
        self.external().join(record_name(id))
    }

    pub(crate) fn disabled_record(&self, id: &PackageId) -> PathBuf {
        self.disabled().join(record_name(id))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.nodes().join("lock")
    }
}

/// The ending of records' names.
pub(crate) const RECORD_ENDING: &str = ".json";

fn record_name(id: &PackageId) -> String {
    format!("{id}{RECORD_ENDING}")
}
