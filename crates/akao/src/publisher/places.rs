//! Where the files of publishing stand in a data directory. Nothing else knows these names.

use crate::{cli::Context, failure::Failure, wiring};
use akao_contract::Digest;
use std::path::{Path, PathBuf};

/// The places in one data directory.
///
/// | place | holds |
/// |---|---|
/// | `keys/NAME.key`, `keys/NAME.pub` | keys of one's own, in minisign's form |
/// | `nodes/mirrors/ROOT/` | what was seen last of a repository that is mirrored |
#[derive(Debug, Clone)]
pub(crate) struct PublisherPlaces {
    root: PathBuf,
}

impl PublisherPlaces {
    /// The places in the data directory of a command.
    ///
    /// # Errors
    /// No data directory is known.
    pub(crate) fn of(context: &Context) -> Result<Self, Failure> {
        Ok(Self { root: wiring::data_dir(context)? })
    }

    /// The data directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one's own keys.
    pub(super) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The folder of what was seen last of the repository with this root.
    pub(crate) fn mirror_state(&self, root: &Digest) -> PathBuf {
        self.root.join("nodes/mirrors").join(root.hex())
    }
}
