//! A package's folder as a workflow uses it: its content gets a name, and its nodes become node types under that name.

use akao_contract::{
    Digest, NodeType,
    manifest::{NodeDeclaration, PinnedNode},
};
use akao_manifest::{DigestError, Folder, FolderError, read_folder};
use akao_runtime::{NodePackage, PackageError};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder that was read and digested.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// The folder with its manifest.
    pub folder: Folder,
    /// What the folder holds.
    pub digest: Digest,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// It is no package.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It has no digest.
    #[error("`{}` cannot be pinned", .folder.display())]
    Digest {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: DigestError,
    },
}

impl PinError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Folder(error) => error.suggestion(),
            Self::Digest { .. } => "Leave nothing in the folder but the files of the package.".to_owned(),
        }
    }

    /// What is wrong in one line, without the place of the folder: for whoever did not write its manifest by hand.
    pub fn reasons(&self) -> String {
        match self {
            Self::Folder(FolderError::Invalid { problems, .. }) => {
                let reasons = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
                reasons.collect::<Vec<_>>().join("; ")
            }
            other => {
                let causes = std::iter::successors(std::error::Error::source(other), |cause| cause.source());
                causes.fold(other.to_string(), |text, cause| format!("{text}: {cause}"))
            }
        }
    }
}

/// Reads a package's folder and names its content. None of its code runs.
///
/// # Errors
/// It is no package, or holds what cannot be pinned.
pub fn pin(folder: &Path) -> Result<Pinned, PinError> {
    let read = read_folder(folder)?;
    let digest = read.digest().map_err(|source| PinError::Digest { folder: folder.to_owned(), source })?.digest;
    Ok(Pinned { folder: read, digest })
}

impl Pinned {
    /// The nodes as node types of pinned names, in the manifest's order.
    pub fn node_types(&self) -> Vec<Arc<NodeType>> {
        let manifest = self.folder.manifest();
        let pinned = |node: &NodeDeclaration| {
            let name = PinnedNode { node: node.id.clone(), version: manifest.version.clone(), digest: self.digest };
            Arc::new(NodeType { name: name.to_string(), ..node.to_node_type(manifest) })
        };
        manifest.nodes.iter().map(pinned).collect()
    }

    /// The node by which the package is started ahead; a process serves all nodes of its package.
    pub fn first_node(&self) -> Option<PinnedNode> {
        let manifest = self.folder.manifest();
        let first = manifest.nodes.first()?;
        Some(PinnedNode { node: first.id.clone(), version: manifest.version.clone(), digest: self.digest })
    }

    /// Whether the package can be run as a process.
    ///
    /// # Errors
    /// Its runtime is another one, or its outputs cannot be checked.
    pub fn check(&self) -> Result<(), PackageError> {
        self.to_package().check()
    }

    /// The package for the process manager, to which nothing was granted for good.
    pub fn to_package(&self) -> NodePackage {
        let (parsed, folder) = (self.folder.parsed.clone(), self.folder.path.clone());
        NodePackage { parsed, folder, digest: self.digest, granted: Vec::new() }
    }
}
