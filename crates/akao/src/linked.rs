//! Nodes that were linked: ids that stand for folders on this machine, so that workflows anywhere may name them. What such
//! a folder holds is read anew whenever a workflow is started.

use crate::{failure::Failure, replace::replace_file};
use akao_contract::NodeType;
use akao_manifest::FolderError;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The file within the data directory.
const FILE: &str = "nodes/linked.json";

/// The version of the file.
const FORMAT: u32 = 1;

/// The linked packages of a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Linked {
    packages: BTreeMap<String, LinkedPackage>,
}

/// A linked package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkedPackage {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The version that it had when it was linked.
    pub(crate) version: String,
    /// The nodes that it had then.
    pub(crate) nodes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    akao_linked_nodes: u32,
    packages: BTreeMap<String, LinkedPackage>,
}

impl Linked {
    /// What is linked in a data directory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(data_dir: &Path) -> Result<Self, Failure> {
        let path = data_dir.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::storage(format!("cannot read {}", path.display())).because(&error)),
        };
        let hint = "Mend or remove the file; then link the nodes again.";
        let damaged = || Failure::storage(format!("{} is damaged", path.display())).hint(hint);
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| damaged().because(&error))?;
        match stored.akao_linked_nodes {
            FORMAT => Ok(Self { packages: stored.packages }),
            other => {
                let message = format!("{} has the format {other}, which this version does not read", path.display());
                Err(Failure::storage(message).hint("Use the version of Akao that wrote it."))
            }
        }
    }

    /// Writes it: the old file or the new one is there, whatever happens.
    pub(crate) fn write(&self, data_dir: &Path) -> Result<(), Failure> {
        let path = data_dir.join(FILE);
        let failed =
            |error: &dyn std::error::Error| Failure::storage(format!("cannot write {}", path.display())).because(error);
        let stored = Stored { akao_linked_nodes: FORMAT, packages: self.packages.clone() };
        let text = serde_json::to_vec_pretty(&stored).map_err(|error| failed(&error))?;
        fs::create_dir_all(path.parent().unwrap_or(data_dir)).map_err(|error| failed(&error))?;
        replace_file(&path, &text)
    }

    /// Every package by its id.
    pub(crate) fn packages(&self) -> &BTreeMap<String, LinkedPackage> {
        &self.packages
    }

    /// Links a package; what was linked by its id before is returned.
    pub(crate) fn link(&mut self, id: &str, package: LinkedPackage) -> Option<LinkedPackage> {
        self.packages.insert(id.to_owned(), package)
    }

    /// Takes a link away; returns what it was.
    pub(crate) fn unlink(&mut self, id: &str) -> Option<LinkedPackage> {
        self.packages.remove(id)
    }

    /// The node types of every package, as its folder declares them now; an error for each folder that cannot be read.
    pub(crate) fn node_types(&self) -> Vec<Result<NodeType, (String, FolderError)>> {
        let of_package = |(id, package): (&String, &LinkedPackage)| match akao_manifest::read_folder(&package.folder) {
            Err(error) => vec![Err((id.clone(), error))],
            Ok(folder) => {
                let manifest = folder.manifest();
                manifest.nodes.iter().map(|node| Ok(node.to_node_type(manifest))).collect()
            }
        };
        self.packages.iter().flat_map(of_package).collect()
    }

    /// The folder in which a node of this id is: that of the package with the same id, or of the nearest one above it.
    pub(crate) fn folder_of(&self, node: &str) -> Option<&Path> {
        let above = std::iter::successors(Some(node), |id| id.rsplit_once('.').map(|(above, _)| above));
        above.filter_map(|id| self.packages.get(id)).map(|package| package.folder.as_path()).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str) -> LinkedPackage {
        LinkedPackage { folder: folder.into(), version: "1.0.0".into(), nodes: vec!["com.example.a".into()] }
    }

    #[test]
    fn links_are_kept_and_found_by_the_ids_of_their_nodes() {
        let data = tempfile::tempdir().unwrap();
        let mut linked = Linked::read(data.path()).unwrap();
        assert_eq!(linked, Linked::default());
        assert_eq!(linked.link("com.example.a", package("/one")), None);
        assert_eq!(linked.link("com.example.a", package("/two")), Some(package("/one")));
        linked.write(data.path()).unwrap();
        let linked = Linked::read(data.path()).unwrap();
        for (node, folder) in [
            ("com.example.a", Some("/two")),
            ("com.example.a.below", Some("/two")),
            ("com.example.ab", None),
            ("com.example", None),
            ("Log", None),
        ] {
            assert_eq!(linked.folder_of(node), folder.map(Path::new), "{node}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("nodes")).unwrap();
        for (text, message) in
            [("{", "is damaged"), ("{\"akao_linked_nodes\": 2, \"packages\": {}}", "has the format 2")]
        {
            fs::write(data.path().join(FILE), text).unwrap();
            let failure = Linked::read(data.path()).unwrap_err();
            assert!(failure.message.contains(message), "{}", failure.message);
        }
    }
}
