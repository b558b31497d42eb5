//! What runs bundles: the JavaScript worker, whose package is kept with the first bundle.

use akao_contract::Digest;
use akao_nodes::BundleProgram;
use akao_package::Store;
use akao_script::{BUNDLES, BUNDLES_PROGRAM, keep};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// See the module.
pub struct Engine {
    packages: Store,
    folder: PathBuf,
    kept: Mutex<Option<Digest>>,
}

impl Engine {
    /// Keeps nothing yet. `folder` is one in which a package may be put together.
    pub fn new(packages: Store, folder: PathBuf) -> Self {
        Self { packages, folder, kept: Mutex::default() }
    }
}

impl BundleProgram for Engine {
    fn find(&self) -> Result<(PathBuf, Digest, &'static str), String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = match *kept {
            // It may have been collected: no installation names it.
            Some(digest) if self.packages.path(&digest).is_dir() => digest,
            _ => keep("JavaScript", BUNDLES, &self.packages, &self.folder).map_err(|error| error.message)?.digest,
        };
        *kept = Some(digest);
        Ok((self.packages.path(&digest), digest, BUNDLES_PROGRAM))
    }
}
