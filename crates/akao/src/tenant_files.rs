//! What of a server's tenants lies in files of the data directory: large values, what nodes keep from call to call, and custom nodes
//! with what was granted to them.

use crate::{custom, wiring};
use akao_contract::{Tenant, manifest::PinnedNode};
use akao_nodes::ExternalNodes;
use akao_platform::{Error, TenantFiles};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// See the module.
pub(crate) struct DataFiles {
    folder: PathBuf,
    nodes: Arc<ExternalNodes>,
}

impl DataFiles {
    /// Those of a data directory.
    pub(crate) fn new(folder: &Path, nodes: Arc<ExternalNodes>) -> Self {
        Self { folder: folder.to_owned(), nodes }
    }
}

/// Removes a custom node from a data directory. Its name holds its tenant's: nobody else has what it is pinned to.
pub(crate) fn remove_node(folder: &Path, nodes: &ExternalNodes, pinned: &str) -> io::Result<()> {
    let Ok(node) = pinned.parse::<PinnedNode>() else { return Ok(()) };
    // A process that waits for its next call would keep it.
    nodes.forget(&[node.node]);
    if_there(fs::remove_file(custom::grants_file(folder, &node.digest)))?;
    wiring::packages(folder).remove(&node.digest).map(drop).map_err(io::Error::other)
}

fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl TenantFiles for DataFiles {
    fn remove(&self, tenant: &Tenant, custom_nodes: &[String]) -> Result<(), Error> {
        let remove = || {
            custom_nodes.iter().try_for_each(|pinned| remove_node(&self.folder, &self.nodes, pinned))?;
            let (blobs, state) = (wiring::blobs_folder(&self.folder), wiring::state_folder(&self.folder));
            for of_all in [blobs, state, wiring::shelves(&self.folder)] {
                if_there(fs::remove_dir_all(of_all.join(tenant.as_str())))?;
            }
            Ok(())
        };
        remove().map_err(|error: io::Error| Error::internal(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_and_files_that_are_not_there_are_no_errors() {
        assert!(if_there(fs::remove_dir_all("/nowhere/at/all")).is_ok());
        assert!(if_there(Err(io::ErrorKind::PermissionDenied.into())).is_err());
    }
}
